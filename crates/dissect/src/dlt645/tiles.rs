//! Cutting a frame into fields, so that they are the whole input: every byte in exactly one field.

use std::ops::Range;

use hes_dlt645::MASK;
use hes_wire::Hex;

use crate::Secrets;
use crate::decoded::{Field, Label};

/// What is shown instead of a byte of a password.
const HIDDEN: &str = "**";

/// Fields laid one after the other.
pub(super) struct Tiles<'a> {
    bytes: &'a [u8],
    /// Where the data field stands: there bytes carry the mask.
    data: Range<usize>,
    secrets: Secrets,
    at: usize,
    fields: Vec<Field>,
}

impl<'a> Tiles<'a> {
    pub(super) fn new(bytes: &'a [u8], data: Range<usize>, secrets: Secrets) -> Self {
        Self { bytes, data, secrets, at: 0, fields: Vec::new() }
    }

    /// The next `len` bytes, or as many as there are.
    pub(super) fn lay(&mut self, len: usize, name: impl Into<String>, value: impl Into<String>, label: Label) {
        self.tile(len, name.into(), value.into(), label, Secrets::Shown);
    }

    /// The next `len` bytes, which are a password.
    pub(super) fn lay_secret(&mut self, len: usize, name: &str, value: impl Into<String>, label: Label) {
        let secrets = self.secrets;
        let value = match secrets {
            Secrets::Shown => value.into(),
            Secrets::Hidden => HIDDEN.repeat(len),
        };
        self.tile(len, name.to_owned(), value, label, secrets);
    }

    /// How many bytes of the data field are laid.
    pub(super) fn laid_of_data(&self) -> usize {
        self.at.saturating_sub(self.data.start)
    }

    /// The bytes up to `at`, counted in the data field, without mask.
    pub(super) fn plain_to(&self, at: usize) -> Vec<u8> {
        let range = self.at..self.data.start.saturating_add(at).min(self.bytes.len());
        self.bytes.get(range).unwrap_or_default().iter().map(|b| b.wrapping_sub(MASK)).collect()
    }

    /// Everything up to `at`, counted in the data field, as a field of its own; nothing if that is where we are.
    pub(super) fn gap_to(&mut self, at: usize, name: &str, label: Label) {
        let bytes = self.plain_to(at);
        if !bytes.is_empty() {
            self.lay(bytes.len(), name, Hex(&bytes).to_string(), label);
        }
    }

    /// The next `len` bytes without mask, as text.
    pub(super) fn plain(&self, len: usize) -> String {
        let range = self.at..self.bytes.len().min(self.at + len);
        self.bytes.get(range).unwrap_or_default().iter().map(|b| format!("{:02X}", b.wrapping_sub(MASK))).collect()
    }

    /// The fields; what is left is laid as one.
    pub(super) fn finish(mut self) -> Vec<Field> {
        let left = self.bytes.len().saturating_sub(self.at);
        if left > 0 {
            self.lay(left, "rest", "", Label::new("Bytes without a meaning", "未解释字节"));
        }
        self.fields
    }

    fn tile(&mut self, len: usize, name: String, value: String, Label { en, zh }: Label, secrets: Secrets) {
        let end = self.bytes.len().min(self.at + len);
        let range = self.at..end;
        if range.is_empty() {
            return;
        }
        let masked = self.data.start <= self.at && end <= self.data.end;
        let (raw, plain) = match secrets {
            Secrets::Shown => {
                (Hex(self.bytes.get(range.clone()).unwrap_or_default()).to_string(), self.plain(range.len()))
            }
            Secrets::Hidden => (HIDDEN.repeat(range.len()), HIDDEN.repeat(range.len())),
        };
        let plain = masked.then_some(plain);
        self.fields.push(Field { offset: self.at, len: range.len(), raw, plain, name, value, en, zh });
        self.at = end;
    }
}
