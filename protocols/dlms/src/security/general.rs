//! The fields that general-ciphering and general-signing put before the protected APDU, Green Book clause 9.2.7.2.4.

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::be_u8;

use super::{KeySet, SystemTitle, TitleError};
use crate::axdr::{octets, write_octets};
use crate::error::{DecodeError, Parsed, fail};

/// Who sends what to whom, and when. Part of what is authenticated or signed, octet for octet as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GeneralFields<'a> {
    /// Ties an answer to its request. Usually eight octets.
    pub transaction_id: &'a [u8],
    /// System title of the sender; see [`originator`](Self::originator).
    pub originator: &'a [u8],
    /// System title of the receiver; may be empty.
    pub recipient: &'a [u8],
    /// When it was sent; may be empty.
    pub date_time: &'a [u8],
    /// What a project specification wants here; may be empty.
    pub other_information: &'a [u8],
}

impl<'a> GeneralFields<'a> {
    pub(super) fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, (transaction_id, originator, recipient, date_time, other_information)) =
            (octets, octets, octets, octets, octets).parse(input)?;
        Ok((rest, Self { transaction_id, originator, recipient, date_time, other_information }))
    }
    /// Each with its length before it: how they are sent, authenticated and signed.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Self { transaction_id, originator, recipient, date_time, other_information } = *self;
        for field in [transaction_id, originator, recipient, date_time, other_information] {
            write_octets(field, out);
        }
    }
    /// The title of the sender.
    pub fn originator(&self) -> Result<SystemTitle, TitleError> {
        SystemTitle::from_octets(self.originator)
    }
    /// The title of the receiver.
    pub fn recipient(&self) -> Result<SystemTitle, TitleError> {
        SystemTitle::from_octets(self.recipient)
    }
}

/// Which key general-ciphering was done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyInfo<'a> {
    /// One that both have.
    Identified(KeySet),
    /// One that comes along, wrapped with the master key.
    Wrapped {
        /// AES key wrap of the key.
        key: &'a [u8],
    },
    /// One that both derive.
    Agreed {
        /// 01 one-pass Diffie-Hellman, 02 static unified model.
        parameters: &'a [u8],
        /// In the one-pass scheme the ephemeral public key and its signature; else empty.
        data: &'a [u8],
    },
}

impl<'a> KeyInfo<'a> {
    /// The optional field: 00, or 01 and the choice.
    pub(super) fn parse_optional(input: &'a [u8]) -> Parsed<'a, Option<Self>> {
        match be_u8(input)? {
            (rest, 0) => Ok((rest, None)),
            (rest, 1) => Self::parse(rest).map(|(rest, info)| (rest, Some(info))),
            (_, tag) => fail(DecodeError::Tag(tag)),
        }
    }
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, choice) = be_u8(input)?;
        match choice {
            0 => match be_u8(rest)? {
                (rest, 0) => Ok((rest, KeyInfo::Identified(KeySet::Unicast))),
                (rest, 1) => Ok((rest, KeyInfo::Identified(KeySet::Broadcast))),
                _ => fail(DecodeError::Value),
            },
            // The only key encryption key that has a number is the master key, 0.
            1 => match take(1_usize)(rest)? {
                (rest, [0]) => octets(rest).map(|(rest, key)| (rest, KeyInfo::Wrapped { key })),
                _ => fail(DecodeError::Value),
            },
            2 => {
                let (rest, (parameters, data)) = (octets, octets).parse(rest)?;
                Ok((rest, KeyInfo::Agreed { parameters, data }))
            }
            tag => fail(DecodeError::Tag(tag)),
        }
    }
    pub(super) fn write_optional(info: Option<&Self>, out: &mut Vec<u8>) {
        match info {
            None => out.push(0),
            Some(KeyInfo::Identified(KeySet::Unicast)) => out.extend([1, 0, 0]),
            Some(KeyInfo::Identified(KeySet::Broadcast)) => out.extend([1, 0, 1]),
            Some(KeyInfo::Wrapped { key }) => {
                out.extend([1, 1, 0]);
                write_octets(key, out);
            }
            Some(KeyInfo::Agreed { parameters, data }) => {
                out.extend([1, 2]);
                write_octets(parameters, out);
                write_octets(data, out);
            }
        }
    }
}
