//! DLMS/COSEM explained: HDLC frames, wrappers, APDUs and values, told apart or stated; deciphered with the right keys.

mod apdu;
mod cipher;
mod data;
mod fields;
mod labels;
mod layer;
mod line;
mod link;
mod tree;

use std::cell::Cell;

use serde::Serialize;

use crate::decoded::{Field, Rejected};
use crate::{Fields, Secrets};

pub use cipher::{CipherKeys, CipherKeysError};
pub use labels::label;
pub use layer::Layer;
pub use line::decode_line;
pub use tree::{Object, Tree};

/// How to explain.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the bytes are; `None` to tell it from them.
    pub layer: Option<Layer>,
    /// What deciphers them.
    pub keys: Option<CipherKeys>,
    /// Whether passwords and keys inside are shown.
    pub secrets: Secrets,
    /// Whether fields are listed.
    pub fields: Fields,
}

impl Options {
    /// For a person at a terminal.
    pub const PERSON: Self = Self { layer: None, keys: None, secrets: Secrets::Shown, fields: Fields::With };
    /// For logs and evidence.
    pub const RECORD: Self = Self { layer: None, keys: None, secrets: Secrets::Hidden, fields: Fields::With };
}

/// What bytes mean, or why they mean nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Decoded {
    /// Good bytes.
    Explained(Box<Explained>),
    /// Not.
    Rejected(Rejected),
}

impl Decoded {
    /// Whether the bytes are good.
    pub fn is_ok(&self) -> bool {
        matches!(self, Decoded::Explained(_))
    }
}

/// Good bytes explained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// `true`.
    pub ok: bool,
    /// `dlms`.
    pub protocol: &'static str,
    /// What the bytes are.
    pub layer: Layer,
    /// Whether that was told from the bytes.
    pub detected: bool,
    /// What they say.
    #[serde(flatten)]
    pub meaning: Object,
    /// Every field of the outermost layer, in wire order; together they are the whole input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<Field>>,
}

/// Explains bytes.
pub fn decode(bytes: &[u8], options: &Options) -> Decoded {
    let (layer, detected) = match options.layer {
        Some(stated) => (stated, false),
        None => (Layer::of(bytes), true),
    };
    match Explainer::new(options).layer(layer, bytes) {
        Ok(meaning) => {
            let fields = (options.fields == Fields::With).then(|| fields::fields(layer, bytes, options.secrets));
            let protocol = "dlms";
            Decoded::Explained(Box::new(Explained { ok: true, protocol, layer, detected, meaning, fields }))
        }
        Err(rejected) => Decoded::Rejected(rejected),
    }
}

/// Most parts of one explanation: compact arrays can say much in few octets.
const MOST_PARTS: usize = 1 << 19;

/// Explains one input.
struct Explainer<'o> {
    options: &'o Options,
    /// Parts that may still be made.
    left: Cell<usize>,
}

impl<'o> Explainer<'o> {
    const fn new(options: &'o Options) -> Self {
        Self { options, left: Cell::new(MOST_PARTS) }
    }

    fn layer(&self, layer: Layer, bytes: &[u8]) -> Result<Object, Rejected> {
        match layer {
            Layer::Hdlc => self.hdlc(bytes),
            Layer::Wrapper => self.wrapper(bytes),
            Layer::Apdu | Layer::Security => self.apdu(bytes),
            Layer::Axdr => self.value(bytes),
        }
    }

    fn secret(&self, octets: &[u8]) -> String {
        match self.options.secrets {
            Secrets::Shown => hex(octets),
            Secrets::Hidden => "*".repeat(octets.len() * 2),
        }
    }
}

/// Octets as in the vector files.
fn hex(octets: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        // Writing to a string cannot fail.
        let _written = write!(text, "{octet:02x}");
    }
    text
}
