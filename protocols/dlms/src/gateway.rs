//! The gateway prefix, for meters behind a concentrator: Green Book clause 10.10.
//!
//! It stands where the APDU would, in a wrapper or behind the LLC header; the APDU inside may be ciphered from end to end.

use nom::Parser;
use nom::combinator::rest;
use nom::number::complete::be_u8;

use crate::axdr::{octets, write_octets};
use crate::error::{DecodeError, whole};

/// First octet towards the meter.
pub(crate) const REQUEST: u8 = 0xE6;
/// First octet from the meter.
pub(crate) const RESPONSE: u8 = 0xE7;

/// Which way a gateway's message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GatewayDirection {
    /// Towards the meter.
    Request,
    /// From the meter.
    Response,
}

/// An APDU and the meter behind a gateway that it is for or from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gateway<'a> {
    /// Which way.
    pub direction: GatewayDirection,
    /// The network the meter is in.
    pub network: u8,
    /// The meter's address there.
    pub physical_address: &'a [u8],
    /// What is for or from it.
    pub apdu: &'a [u8],
}

impl<'a> Gateway<'a> {
    /// Reads bytes that are exactly one message.
    pub fn decode(input: &'a [u8]) -> Result<Self, DecodeError> {
        whole(input, |input| {
            let (body, tag) = be_u8(input)?;
            let direction = match tag {
                REQUEST => GatewayDirection::Request,
                RESPONSE => GatewayDirection::Response,
                other => return crate::error::fail(DecodeError::Tag(other)),
            };
            let (end, (network, physical_address, apdu)) = (be_u8, octets, rest).parse(body)?;
            if apdu.is_empty() {
                return crate::error::fail(DecodeError::Truncated);
            }
            Ok((end, Self { direction, network, physical_address, apdu }))
        })
    }
    /// The name of the message.
    pub const fn name(&self) -> &'static str {
        match self.direction {
            GatewayDirection::Request => "gateway-request",
            GatewayDirection::Response => "gateway-response",
        }
    }
    pub(crate) const fn tag(&self) -> u8 {
        match self.direction {
            GatewayDirection::Request => REQUEST,
            GatewayDirection::Response => RESPONSE,
        }
    }
    /// Appends what follows the tag.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.network);
        write_octets(self.physical_address, out);
        out.extend_from_slice(self.apdu);
    }
}
