//! The fields of the outermost layer, octet by octet.

use hes_dlms::apdu::Apdu;
use hes_dlms::hdlc::{FLAG, Frame, Llc};
use hes_wire::Hex;

use super::labels::label;
use super::layer::Layer;
use crate::Secrets;
use crate::decoded::Field;

/// Puts fields one after the other.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    fields: Vec<Field>,
    secrets: Secrets,
}

impl Fields<'_> {
    /// The next `len` octets, or what is left of them.
    fn take(&mut self, len: usize, name: &'static str, value: impl Into<String>) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let raw = rest.split_at(rest.len().min(len)).0;
        if raw.is_empty() {
            return;
        }
        let (en, zh) = label(name).unwrap_or((name, name));
        let shown = match (self.secrets, name) {
            // What an association carries may hold a password.
            (Secrets::Hidden, "content" | "info") => "*".repeat(raw.len() * 2),
            _ => Hex(raw).to_string(),
        };
        self.fields.push(Field {
            offset: self.at,
            len: raw.len(),
            raw: shown,
            plain: None,
            name: name.to_owned(),
            value: value.into(),
            en: en.to_owned(),
            zh: zh.to_owned(),
        });
        self.at += raw.len();
    }

    fn rest(&mut self, name: &'static str, value: impl Into<String>) {
        self.take(self.bytes.len(), name, value);
    }

    fn next_is(&self, octet: u8) -> bool {
        self.bytes.get(self.at) == Some(&octet)
    }
}

/// The fields of bytes that have been explained.
pub(super) fn fields(layer: Layer, bytes: &[u8], secrets: Secrets) -> Vec<Field> {
    let mut fields = Fields { bytes, at: 0, fields: Vec::new(), secrets };
    match layer {
        Layer::Hdlc => Frame::parse_all(bytes).flatten().for_each(|frame| of_frame(&frame, &mut fields)),
        Layer::Wrapper => {
            for (name, at) in [("version", 0), ("src", 2), ("dst", 4), ("length", 6)] {
                let word = bytes.get(at..at + 2).and_then(|word| word.try_into().ok()).map(u16::from_be_bytes);
                fields.take(2, name, word.unwrap_or_default().to_string());
            }
            of_apdu(&mut fields);
        }
        Layer::Apdu | Layer::Security => of_apdu(&mut fields),
        Layer::Axdr => {
            let tag = bytes.first().and_then(|&tag| hes_dlms::axdr::tag::name(tag));
            fields.take(1, "tag", tag.unwrap_or_default());
        }
    }
    fields.rest("content", "");
    fields.fields
}

fn of_frame(frame: &Frame<'_>, fields: &mut Fields<'_>) {
    while fields.next_is(FLAG) {
        fields.take(1, "flag", "");
    }
    let length = frame.length();
    let format = match frame.segmented {
        true => format!("type 3, length {length}, more segments follow"),
        false => format!("type 3, length {length}"),
    };
    fields.take(2, "format", format);
    fields.take(frame.destination.octets().len(), "dst", frame.destination.to_string());
    fields.take(frame.source.octets().len(), "src", frame.source.to_string());
    fields.take(1, "control", frame.control.to_string());
    if !frame.information.is_empty() {
        fields.take(2, "hcs", "right");
        let (llc, behind) = Llc::strip(frame.information);
        let name = match llc {
            Some(Llc::Command) => "command",
            Some(Llc::Response) => "response",
            None => "",
        };
        fields.take(frame.information.len() - behind.len(), "llc", name);
        fields.take(behind.len(), "info", "");
    }
    fields.take(2, "fcs", "right");
    if fields.next_is(FLAG) {
        fields.take(1, "flag", "");
    }
}

fn of_apdu(fields: &mut Fields<'_>) {
    let apdu = fields.bytes.get(fields.at..).unwrap_or_default();
    fields.take(1, "tag", Apdu::decode(apdu).map(|apdu| apdu.name()).unwrap_or_default());
}
