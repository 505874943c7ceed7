//! RLRQ and RLRE: the end of an association, Green Book clause 9.4.3. Both have the same fields.

use super::ber;
use crate::apdu::tag;
use crate::axdr::octets;
use crate::error::Parsed;

const OCTET_STRING: u8 = 0x04;
const REASON: u8 = 0x80;
const USER_INFORMATION: u8 = 0xBE;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReleaseKind {
    /// RLRQ, of the client.
    Request,
    /// RLRE, of the server.
    Response,
}

impl ReleaseKind {
    /// Its short name.
    pub const fn name(self) -> &'static str {
        match self {
            ReleaseKind::Request => "rlrq",
            ReleaseKind::Response => "rlre",
        }
    }
    pub(crate) const fn tag(self) -> u8 {
        match self {
            ReleaseKind::Request => tag::RLRQ,
            ReleaseKind::Response => tag::RLRE,
        }
    }
}

/// The end of an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release<'a> {
    /// Who speaks.
    pub kind: ReleaseKind,
    /// Why: 0 normal, 1 urgent (request) or not finished (response), 30 user defined.
    pub reason: Option<u8>,
    /// In a ciphered context the initiate request or response, ciphered.
    pub user_information: Option<&'a [u8]>,
}

impl<'a> Release<'a> {
    pub(crate) fn parse(kind: ReleaseKind, input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, body) = octets(input)?;
        let mut release = Self { kind, reason: None, user_information: None };
        ber::for_each(body, |field| {
            match field.tag {
                REASON => release.reason = Some(ber::integer(field.contents)?),
                USER_INFORMATION => release.user_information = Some(ber::only(OCTET_STRING, field.contents)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok((rest, release))
    }
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        ber::write_body(out, |out| {
            if let Some(reason) = self.reason {
                ber::write(REASON, &[reason], out);
            }
            if let Some(initiate) = self.user_information {
                ber::write_inside(USER_INFORMATION, OCTET_STRING, initiate, out);
            }
        });
    }
}
