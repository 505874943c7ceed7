//! DL/T 645 frames explained.

mod fields;
mod labels;
mod meaning;
mod tiles;

use hes_dlt645::{Control, DataId, Dialect, Frame};
use hes_wire::Hex;

use self::fields::{HEADER, carries_password};
use crate::decoded::{Item, Rejected};
use crate::{Decoded, Fields, Options, Secrets};

/// Explains bytes that are supposed to be one frame.
pub fn decode(bytes: &[u8], options: &Options) -> Decoded {
    let frame = match Frame::parse(bytes) {
        Ok(frame) => frame,
        Err(error) => return Decoded::Rejected(Rejected::new(error.code(), error.to_string())),
    };
    let dialect = options.dialect.unwrap_or_else(|| frame.likely_dialect());
    let mut explained = meaning::explain(&frame, dialect, options.secrets);
    if options.fields == Fields::With {
        explained.fields = Some(fields::fields(bytes, &frame, dialect, options.secrets));
    }
    Decoded::Explained(Box::new(explained))
}

/// The values behind a data item: its data without identification and mask, all frames of the answer.
pub fn item_values(item: DataId, data: &[u8]) -> Vec<Item> {
    meaning::values(item, data)
}

/// Bytes of a frame as text in which passwords are stars, for logs.
///
/// Telling where a password stands needs the dialect; without one it is told from the control byte. Of what is no whole frame,
/// but begins like one that carries a password, nothing is shown from the data on; of any other bytes, everything.
pub fn redacted(bytes: &[u8], dialect: Option<Dialect>) -> String {
    let Ok(frame) = Frame::parse(bytes) else { return broken(bytes) };
    let dialect = dialect.unwrap_or_else(|| frame.likely_dialect());
    fields::fields(bytes, &frame, dialect, Secrets::Hidden).into_iter().map(|field| field.raw).collect()
}

fn broken(bytes: &[u8]) -> String {
    let begins = |bytes: &[u8]| matches!(bytes, [0x68, .., 0x68, control] if carries_password(Control(*control)));
    let data = bytes.windows(HEADER - 1).position(begins).map(|at| at + HEADER);
    let (shown, hidden) = bytes.split_at(data.map_or(bytes.len(), |data| data.min(bytes.len())));
    format!("{}{}", Hex(shown), "**".repeat(hidden.len()))
}
