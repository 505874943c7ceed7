//! Bytes explained field by field, for `hes decode`, for evidence and for logs of frames.
//!
//! Pure: it is given bytes and returns what they mean; it opens nothing and knows no meters. What a value is worth, and
//! whether an answer fits a question, is for others.
//!
//! DL/T 645 is at the root, DLMS/COSEM in [`dlms`].
//!
//! The output is a contract: its keys are those of the published test vectors, its shape is
//! `config/schemas/decode.schema.json`, and keys are only ever added.
#![warn(missing_docs)]

mod decoded;
pub mod dlms;
mod dlt645;
mod evidence;
mod line;
mod stream;

pub use decoded::{Bit, Decoded, Explained, Field, Item, Label, Link, Rejected};
pub use dlt645::{decode, item_values, redacted};
pub use evidence::{Conversation, Heard, explain_answer, explain_bytes};
pub use hes_dlt645::{DataId, Dialect};
pub use line::{LineError, decode_line};
pub use stream::{Piece, pieces};

/// Whether passwords are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Secrets {
    /// As they are: for a person who holds the frame anyway.
    Shown,
    /// As stars: for logs, evidence, and whatever else is kept.
    Hidden,
}

/// Whether the field-by-field dissection is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fields {
    /// The meaning and every field.
    With,
    /// The meaning only: a stream of many frames is explained several times faster.
    Without,
}

/// How to explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Options {
    /// The edition of the standard; `None` to tell it from the control byte.
    pub dialect: Option<Dialect>,
    /// Whether passwords are shown.
    pub secrets: Secrets,
    /// Whether fields are listed.
    pub fields: Fields,
}

impl Options {
    /// For a person at a terminal.
    pub const PERSON: Self = Self { dialect: None, secrets: Secrets::Shown, fields: Fields::With };
    /// For logs and evidence.
    pub const RECORD: Self = Self { dialect: None, secrets: Secrets::Hidden, fields: Fields::With };
}
