//! The fields that AARQ and AARE have alike, each under tags of its own, and in both of them last.

use super::ber;
use super::names::{Authentication, Mechanism};
use crate::DecodeError;

pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const INTEGER: u8 = 0x02;

/// The tags of one of the two.
pub(super) struct Tags {
    pub(super) ap_title: u8,
    pub(super) ae_qualifier: u8,
    pub(super) ae_invocation_id: u8,
    pub(super) acse_requirements: u8,
    pub(super) mechanism_name: u8,
    pub(super) authentication_value: u8,
    pub(super) user_information: u8,
}

/// Who the sender is, how it proves it, and what is inside.
#[derive(Default)]
pub(super) struct Tail<'a> {
    pub(super) ap_title: Option<&'a [u8]>,
    pub(super) ae_qualifier: Option<&'a [u8]>,
    pub(super) ae_invocation_id: Option<u8>,
    pub(super) acse_requirements: Option<&'a [u8]>,
    pub(super) mechanism: Option<Mechanism>,
    pub(super) authentication: Option<Authentication<'a>>,
    pub(super) user_information: Option<&'a [u8]>,
}

impl<'a> Tail<'a> {
    /// Takes a field that has one of the tags; what is not known is skipped, as the standard wants.
    pub(super) fn take(&mut self, tags: &Tags, field: &ber::Tlv<'a>) -> Result<(), DecodeError> {
        let contents = field.contents;
        match field.tag {
            tag if tag == tags.ap_title => self.ap_title = Some(ber::only(OCTET_STRING, contents)?),
            tag if tag == tags.ae_qualifier => self.ae_qualifier = Some(ber::only(OCTET_STRING, contents)?),
            tag if tag == tags.ae_invocation_id => {
                self.ae_invocation_id = Some(ber::integer(ber::only(INTEGER, contents)?)?);
            }
            tag if tag == tags.acse_requirements => self.acse_requirements = Some(contents),
            tag if tag == tags.mechanism_name => self.mechanism = Some(Mechanism::parse(contents)?),
            tag if tag == tags.authentication_value => self.authentication = Some(Authentication::parse(contents)?),
            tag if tag == tags.user_information => self.user_information = Some(ber::only(OCTET_STRING, contents)?),
            _ => {}
        }
        Ok(())
    }

    /// Appends the fields that there are.
    pub(super) fn write(&self, tags: &Tags, out: &mut Vec<u8>) {
        for (tag, title) in [(tags.ap_title, self.ap_title), (tags.ae_qualifier, self.ae_qualifier)] {
            if let Some(title) = title {
                ber::write_inside(tag, OCTET_STRING, title, out);
            }
        }
        if let Some(user) = self.ae_invocation_id {
            ber::write_inside(tags.ae_invocation_id, INTEGER, &[user], out);
        }
        if let Some(requirements) = self.acse_requirements {
            ber::write(tags.acse_requirements, requirements, out);
        }
        if let Some(mechanism) = self.mechanism {
            mechanism.write(tags.mechanism_name, out);
        }
        if let Some(value) = self.authentication {
            value.write(tags.authentication_value, out);
        }
        if let Some(initiate) = self.user_information {
            ber::write_inside(tags.user_information, OCTET_STRING, initiate, out);
        }
    }
}
