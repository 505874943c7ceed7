//! xDLMS initiate, which rides in AARQ and AARE: Green Book clause 9.4.6.

use nom::Parser;
use nom::bytes::complete::tag;
use nom::combinator::{map, opt};
use nom::number::complete::{be_i8, be_u8, be_u16};
use nom::sequence::preceded;

use super::{Conformance, Secret};
use crate::axdr::{Element, boolean, octets, optional, write_octets, write_optional};
use crate::error::{DecodeError, Parsed};

/// The version of the protocol, the only one there is.
pub const DLMS_VERSION: u8 = 6;
/// VAA name of a server with logical names.
pub const VAA_LN: u16 = 0x0007;
/// VAA name of a server with short names.
pub const VAA_SN: u16 = 0xFA00;

/// The tag of the conformance block in BER, its length, and how many bits of its last octet do not count.
const CONFORMANCE: [u8; 4] = [0x5F, 0x1F, 0x04, 0x00];

/// Reads a conformance block. Quirk `short_conformance_tag`: over HDLC the tag 5F alone is allowed too.
fn conformance(input: &[u8]) -> Parsed<'_, Conformance> {
    let header = (tag(&[0x5F_u8][..]), opt(tag(&[0x1F_u8][..])), tag(&[0x04_u8, 0x00][..]));
    map(preceded(header, (be_u8, be_u8, be_u8)), |(a, b, c)| Conformance::from_octets([a, b, c])).parse(input).map_err(
        |_: nom::Err<DecodeError>| {
            nom::Err::Error(if input.len() < 7 { DecodeError::Truncated } else { DecodeError::Value })
        },
    )
}

fn write_conformance(conformance: Conformance, out: &mut Vec<u8>) {
    out.extend(CONFORMANCE);
    out.extend(conformance.octets());
}

/// What a client proposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitiateRequest<'a> {
    /// A key for this association alone; only in a ciphered request.
    pub dedicated_key: Option<Secret<'a>>,
    /// Whether the server may answer; true unless said.
    pub response_allowed: bool,
    /// Quality of service, which nobody uses.
    pub proposed_qos: Option<i8>,
    /// [`DLMS_VERSION`].
    pub dlms_version: u8,
    /// What it would use.
    pub conformance: Conformance,
    /// The longest APDU it can take; 0 for no limit.
    pub max_pdu: u16,
}

impl<'a> Element<'a> for InitiateRequest<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map(
            (optional(octets), optional(boolean), optional(be_i8), be_u8, conformance, be_u16),
            |(key, allowed, proposed_qos, dlms_version, conformance, max_pdu)| Self {
                dedicated_key: key.map(Secret::new),
                response_allowed: allowed.unwrap_or(true),
                proposed_qos,
                dlms_version,
                conformance,
                max_pdu,
            },
        )
        .parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_optional(self.dedicated_key, out, |key, out| write_octets(key.reveal(), out));
        write_optional((!self.response_allowed).then_some(0), out, |refused, out| out.push(refused));
        write_optional(self.proposed_qos, out, |qos, out| out.extend(qos.to_be_bytes()));
        out.push(self.dlms_version);
        write_conformance(self.conformance, out);
        out.extend(self.max_pdu.to_be_bytes());
    }
}

/// What a server agrees to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitiateResponse {
    /// Quality of service, which nobody uses.
    pub negotiated_qos: Option<i8>,
    /// [`DLMS_VERSION`].
    pub dlms_version: u8,
    /// What both may use.
    pub conformance: Conformance,
    /// The longest APDU the server can take; 0 for no limit.
    pub max_pdu: u16,
    /// [`VAA_LN`] or [`VAA_SN`].
    pub vaa: u16,
}

impl<'a> Element<'a> for InitiateResponse {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map(
            (optional(be_i8), be_u8, conformance, be_u16, be_u16),
            |(negotiated_qos, dlms_version, conformance, max_pdu, vaa)| Self {
                negotiated_qos,
                dlms_version,
                conformance,
                max_pdu,
                vaa,
            },
        )
        .parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_optional(self.negotiated_qos, out, |qos, out| out.extend(qos.to_be_bytes()));
        out.push(self.dlms_version);
        write_conformance(self.conformance, out);
        out.extend(self.max_pdu.to_be_bytes());
        out.extend(self.vaa.to_be_bytes());
    }
}
