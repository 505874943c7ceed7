//! Object identifiers of contexts and mechanisms: Green Book clause 9.4.2.

use std::fmt::{self, Debug, Formatter};

use super::ber;
use crate::apdu::Secret;
use crate::error::DecodeError;

/// joint-iso-ccitt, country, country name, identified organisation, DLMS UA, up to the kind of the name.
const DLMS_UA: [u8; 5] = [0x60, 0x85, 0x74, 0x05, 0x08];
const CONTEXT: u8 = 1;
const MECHANISM: u8 = 2;
const OID: u8 = 0x06;

fn oid(kind: u8, number: u8) -> [u8; 7] {
    let [a, b, c, d, e] = DLMS_UA;
    [a, b, c, d, e, kind, number]
}

fn number(kind: u8, oid: &[u8]) -> Result<u8, DecodeError> {
    match oid.strip_prefix(&DLMS_UA) {
        Some(&[found, number]) if found == kind => Ok(number),
        _ => Err(DecodeError::Value),
    }
}

/// How objects are named, and whether APDUs may be ciphered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContextName {
    /// Logical names.
    LogicalName,
    /// Short names.
    ShortName,
    /// Logical names, ciphered.
    LogicalNameCiphered,
    /// Short names, ciphered.
    ShortNameCiphered,
    /// Another one of DLMS UA.
    Other(u8),
}

impl ContextName {
    const fn number(self) -> u8 {
        match self {
            ContextName::LogicalName => 1,
            ContextName::ShortName => 2,
            ContextName::LogicalNameCiphered => 3,
            ContextName::ShortNameCiphered => 4,
            ContextName::Other(number) => number,
        }
    }
    pub(super) fn parse(contents: &[u8]) -> Result<Self, DecodeError> {
        Ok(match number(CONTEXT, ber::only(OID, contents)?)? {
            1 => ContextName::LogicalName,
            2 => ContextName::ShortName,
            3 => ContextName::LogicalNameCiphered,
            4 => ContextName::ShortNameCiphered,
            other => ContextName::Other(other),
        })
    }
    pub(super) fn write(self, tag: u8, out: &mut Vec<u8>) {
        ber::write_inside(tag, OID, &oid(CONTEXT, self.number()), out);
    }
    /// A short name of it.
    pub const fn name(self) -> &'static str {
        match self {
            ContextName::LogicalName => "ln",
            ContextName::ShortName => "sn",
            ContextName::LogicalNameCiphered => "ln-ciphered",
            ContextName::ShortNameCiphered => "sn-ciphered",
            ContextName::Other(_) => "other",
        }
    }
    /// Whether APDUs may be ciphered in it.
    pub const fn is_ciphered(self) -> bool {
        matches!(self, ContextName::LogicalNameCiphered | ContextName::ShortNameCiphered)
    }
}

/// How the sides prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// Not at all.
    None,
    /// The client sends a password.
    Low,
    /// Challenges, answered by a method of the maker's.
    High,
    /// Challenges, answered by MD5.
    Md5,
    /// Challenges, answered by SHA-1.
    Sha1,
    /// Challenges, answered by GMAC.
    Gmac,
    /// Challenges, answered by SHA-256.
    Sha256,
    /// Challenges, answered by ECDSA.
    Ecdsa,
    /// Another one of DLMS UA.
    Other(u8),
}

impl Mechanism {
    /// The number in attribute 6 of the association's object.
    pub const fn number(self) -> u8 {
        match self {
            Mechanism::None => 0,
            Mechanism::Low => 1,
            Mechanism::High => 2,
            Mechanism::Md5 => 3,
            Mechanism::Sha1 => 4,
            Mechanism::Gmac => 5,
            Mechanism::Sha256 => 6,
            Mechanism::Ecdsa => 7,
            Mechanism::Other(number) => number,
        }
    }
    /// From the number.
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Mechanism::None,
            1 => Mechanism::Low,
            2 => Mechanism::High,
            3 => Mechanism::Md5,
            4 => Mechanism::Sha1,
            5 => Mechanism::Gmac,
            6 => Mechanism::Sha256,
            7 => Mechanism::Ecdsa,
            other => Mechanism::Other(other),
        }
    }
    /// The identifier stands without a tag of its own.
    pub(super) fn parse(contents: &[u8]) -> Result<Self, DecodeError> {
        number(MECHANISM, contents).map(Self::from_number)
    }
    pub(super) fn write(self, tag: u8, out: &mut Vec<u8>) {
        ber::write(tag, &oid(MECHANISM, self.number()), out);
    }
    /// A short name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::None => "none",
            Mechanism::Low => "lls",
            Mechanism::High => "hls",
            Mechanism::Md5 => "hls-md5",
            Mechanism::Sha1 => "hls-sha1",
            Mechanism::Gmac => "hls-gmac",
            Mechanism::Sha256 => "hls-sha256",
            Mechanism::Ecdsa => "hls-ecdsa",
            Mechanism::Other(_) => "other",
        }
    }
    /// Whether passes three and four follow the AARE.
    pub const fn is_high(self) -> bool {
        !matches!(self, Mechanism::None | Mechanism::Low)
    }
}

/// A password or a challenge: prints as stars, because nobody can tell which.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Authentication<'a>(Secret<'a>);

/// As GraphicString, which is what everybody sends, whatever the octets are.
const CHARSTRING: u8 = 0x80;

impl<'a> Authentication<'a> {
    /// A password or a challenge.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(Secret::new(octets))
    }
    /// The octets.
    pub const fn reveal(&self) -> &'a [u8] {
        self.0.reveal()
    }
    pub(super) fn parse(contents: &'a [u8]) -> Result<Self, DecodeError> {
        ber::only(CHARSTRING, contents).map(Self::new)
    }
    pub(super) fn write(&self, tag: u8, out: &mut Vec<u8>) {
        ber::write_inside(tag, CHARSTRING, self.reveal(), out);
    }
}

impl Debug for Authentication<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}
