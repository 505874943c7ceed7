//! What bytes are, where nobody says it.

use hes_dlms::apdu::Apdu;
use hes_dlms::axdr::Data;
use hes_dlms::hdlc::FLAG;
use hes_dlms::wrapper::VERSION;
use serde::{Deserialize, Serialize};

/// A layer of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// HDLC frames.
    Hdlc,
    /// The wrapper of TCP and UDP.
    Wrapper,
    /// An APDU.
    Apdu,
    /// A value.
    Axdr,
    /// A ciphered APDU, as vector files call it.
    Security,
}

impl Layer {
    /// The most likely layer of bytes.
    ///
    /// A flag begins a frame, and the version a wrapper, as no APDU begins with either. APDUs and values share their first
    /// octets: what reads as an APDU is one, then what reads as a value; of what is neither the first octet decides.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.first() == Some(&FLAG) {
            return Layer::Hdlc;
        }
        if bytes.starts_with(&VERSION.to_be_bytes()) && bytes.len() >= hes_dlms::wrapper::HEADER {
            return Layer::Wrapper;
        }
        match (Apdu::decode(bytes), Data::decode(bytes)) {
            (Ok(_), _) => Layer::Apdu,
            (Err(_), Ok(_)) => Layer::Axdr,
            (Err(_), Err(_)) if bytes.first().is_some_and(|&first| first < 0x21) => Layer::Axdr,
            (Err(_), Err(_)) => Layer::Apdu,
        }
    }
}
