//! One line of input: a frame as text, alone or in a JSON object.

use serde::Deserialize;

use crate::decoded::Rejected;
use crate::{Decoded, Dialect, Options, decode};

/// Most bytes of one line: the longest frame with plenty of wake-up bytes, several times over.
const MOST_BYTES: usize = 4096;

/// Why a line has no bytes to explain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Nothing there.
    #[error("the line is empty")]
    Empty,
    /// Not hexadecimal digits.
    #[error("not bytes in hexadecimal: {0}")]
    Hex(#[from] hes_wire::hex::HexError),
    /// A brace, but no JSON object with a text `hex`.
    #[error("not a JSON object with the bytes as text under \"hex\": {cause}")]
    Json {
        /// What the JSON reader says.
        cause: String,
    },
    /// The line says that it is of another protocol.
    #[error("protocol {found:?} is not one this decodes; known: dlt645, dlt645-2007, dlt645-1997")]
    Protocol {
        /// As the line says.
        found: String,
    },
}

impl LineError {
    /// The stable kind, beside those of frames.
    pub const fn code(&self) -> &'static str {
        match self {
            LineError::Empty => "empty",
            LineError::Hex(_) => "hex",
            LineError::Json { .. } => "json",
            LineError::Protocol { .. } => "protocol",
        }
    }
}

/// The members of a vector's line that matter here; all others are ignored.
#[derive(Deserialize)]
struct Vector {
    hex: String,
    protocol: Option<String>,
}

/// Explains one line: hexadecimal digits, or a JSON object with `hex` and, if it likes, `protocol`.
///
/// Never fails: bad input is explained as such, and the next line is another one. The line's own `protocol` decides the
/// edition where it names one; `options` decide everything else.
pub fn decode_line(line: &str, options: &Options) -> Decoded {
    match bytes_of(line, options) {
        Ok((bytes, options)) => decode(&bytes, &options),
        Err(error) => Decoded::Rejected(Rejected::new(error.code(), error.to_string())),
    }
}

fn bytes_of(line: &str, options: &Options) -> Result<(Vec<u8>, Options), LineError> {
    let line = line.trim();
    if !line.starts_with('{') {
        return Ok((hex(line)?, *options));
    }
    let vector: Vector = serde_json::from_str(line).map_err(|error| LineError::Json { cause: error.to_string() })?;
    let dialect = match vector.protocol.as_deref() {
        None | Some("dlt645") => options.dialect,
        Some("dlt645-2007") => Some(Dialect::V2007),
        Some("dlt645-1997") => Some(Dialect::V1997),
        Some(other) => return Err(LineError::Protocol { found: other.chars().take(40).collect() }),
    };
    Ok((hex(&vector.hex)?, Options { dialect, ..*options }))
}

fn hex(text: &str) -> Result<Vec<u8>, LineError> {
    if text.trim().is_empty() {
        return Err(LineError::Empty);
    }
    let mut room = vec![0; text.len().div_ceil(2).min(MOST_BYTES)];
    let read = hes_wire::hex::read(text, &mut room)?.len();
    room.truncate(read);
    Ok(room)
}
