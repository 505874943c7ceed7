//! DL/T 645 frames explained.

mod fields;
mod labels;
mod meaning;
mod tiles;

use hes_dlt645::{DataId, Dialect, Frame};
use hes_wire::Hex;

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

/// Bytes of a frame as text in which passwords are stars, for logs; anything that is no frame as it is.
///
/// Telling where a password stands needs the dialect; without one it is told from the control byte.
pub fn redacted(bytes: &[u8], dialect: Option<Dialect>) -> String {
    let Ok(frame) = Frame::parse(bytes) else { return Hex(bytes).to_string() };
    let dialect = dialect.unwrap_or_else(|| frame.likely_dialect());
    fields::fields(bytes, &frame, dialect, Secrets::Hidden).into_iter().map(|field| field.raw).collect()
}
