//! One line of input: bytes as text, alone or in a JSON object as vector files have them.

use serde::Deserialize;

use super::{CipherKeys, Decoded, Layer, Options, decode};
use crate::decoded::Rejected;
use crate::line::LineError;

/// Most bytes of one line: the longest APDU in the longest frames.
const MOST_BYTES: usize = 1 << 18;

/// The members of a vector's line that matter here; all others are ignored.
#[derive(Deserialize)]
struct Vector {
    hex: String,
    protocol: Option<String>,
    layer: Option<Layer>,
    key: Option<VectorKeys>,
}

#[derive(Deserialize)]
struct VectorKeys {
    encryption: String,
    authentication: Option<String>,
    system_title: Option<String>,
}

/// Explains one line: hexadecimal digits, or a JSON object with `hex` and, if it likes, `layer` and `key`.
///
/// Never fails: bad input is explained as such, and the next line is another one. The line's own layer and keys come before
/// those of `options`.
pub fn decode_line(line: &str, options: &Options) -> Decoded {
    let line = line.trim();
    let explained = match line.starts_with('{') {
        true => of_vector(line, options),
        false => hex(line).map(|bytes| decode(&bytes, options)).map_err(rejected),
    };
    explained.unwrap_or_else(Decoded::Rejected)
}

fn of_vector(line: &str, options: &Options) -> Result<Decoded, Rejected> {
    let json = |error: serde_json::Error| rejected(LineError::Json { cause: error.to_string() });
    let vector: Vector = serde_json::from_str(line).map_err(json)?;
    if let Some(found) = vector.protocol.filter(|protocol| protocol != "dlms") {
        let detail = format!("protocol {:?} is not dlms", found.chars().take(40).collect::<String>());
        return Err(Rejected::new("protocol", detail));
    }
    let keys = match vector.key {
        None => options.keys.clone(),
        Some(VectorKeys { encryption, authentication, system_title }) => {
            let keys = CipherKeys::from_hex(&encryption, authentication.as_deref(), system_title.as_deref());
            Some(keys.map_err(|why| Rejected::new("key", why.to_string()))?)
        }
    };
    // Nothing at all is an APDU that is cut short, where the line says what it should be.
    let bytes = match vector.layer {
        Some(_) if vector.hex.trim().is_empty() => Vec::new(),
        _ => hex(&vector.hex).map_err(rejected)?,
    };
    Ok(decode(&bytes, &Options { layer: vector.layer.or(options.layer), keys, ..options.clone() }))
}

fn rejected(error: LineError) -> Rejected {
    Rejected::new(error.code(), error.to_string())
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
