//! AARQ: a client asks for an association, Green Book clause 9.4.3.

use super::ber;
use super::names::{Authentication, ContextName, Mechanism};
use super::tail::{OCTET_STRING, Tags, Tail};
use crate::axdr::{Element, octets};
use crate::error::Parsed;

const PROTOCOL_VERSION: u8 = 0x80;
const CONTEXT_NAME: u8 = 0xA1;
const CALLED_AP_TITLE: u8 = 0xA2;
const CALLING: Tags = Tags {
    ap_title: 0xA6,
    ae_qualifier: 0xA7,
    ae_invocation_id: 0xA9,
    acse_requirements: 0x8A,
    mechanism_name: 0x8B,
    authentication_value: 0xAC,
    user_information: 0xBE,
};

/// A request for an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aarq<'a> {
    /// Contents of the protocol version, where it is sent.
    pub protocol_version: Option<&'a [u8]>,
    /// How objects are named, and whether APDUs may be ciphered.
    pub context: ContextName,
    /// Title of the server, where it is sent.
    pub called_ap_title: Option<&'a [u8]>,
    /// System title of the client; needed where anything is ciphered.
    pub calling_ap_title: Option<&'a [u8]>,
    /// Certificate of the client's key for signatures.
    pub calling_ae_qualifier: Option<&'a [u8]>,
    /// Which user of the client.
    pub calling_ae_invocation_id: Option<u8>,
    /// Contents of ACSE requirements; [`super::AUTHENTICATION_FUNCTION`] where the sides prove who they are.
    pub acse_requirements: Option<&'a [u8]>,
    /// How they prove it.
    pub mechanism: Option<Mechanism>,
    /// The client's password or challenge.
    pub authentication: Option<Authentication<'a>>,
    /// The xDLMS initiate request, plain or ciphered.
    pub user_information: Option<&'a [u8]>,
}

impl<'a> Aarq<'a> {
    /// The least that can be asked: no authentication, nothing ciphered.
    pub const fn new(context: ContextName, initiate: &'a [u8]) -> Self {
        Self {
            protocol_version: None,
            context,
            called_ap_title: None,
            calling_ap_title: None,
            calling_ae_qualifier: None,
            calling_ae_invocation_id: None,
            acse_requirements: None,
            mechanism: None,
            authentication: None,
            user_information: Some(initiate),
        }
    }
    /// With a mechanism and the client's password or challenge.
    pub const fn with_authentication(self, mechanism: Mechanism, value: &'a [u8]) -> Self {
        Self {
            acse_requirements: Some(&super::AUTHENTICATION_FUNCTION),
            mechanism: Some(mechanism),
            authentication: Some(Authentication::new(value)),
            ..self
        }
    }
    /// With the system title of the client.
    pub const fn with_system_title(self, title: &'a [u8]) -> Self {
        Self { calling_ap_title: Some(title), ..self }
    }
}

impl<'a> Element<'a> for Aarq<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, body) = octets(input)?;
        let (mut protocol_version, mut context, mut called_ap_title) = (None, None, None);
        let mut tail = Tail::default();
        ber::for_each(body, |field| {
            match field.tag {
                PROTOCOL_VERSION => protocol_version = Some(field.contents),
                CONTEXT_NAME => context = Some(ContextName::parse(field.contents)?),
                CALLED_AP_TITLE => called_ap_title = Some(ber::only(OCTET_STRING, field.contents)?),
                _ => tail.take(&CALLING, &field)?,
            }
            Ok(())
        })?;
        // Without a context name nothing is asked for.
        let context = context.ok_or(nom::Err::Error(crate::DecodeError::Truncated))?;
        let aarq = Self {
            protocol_version,
            context,
            called_ap_title,
            calling_ap_title: tail.ap_title,
            calling_ae_qualifier: tail.ae_qualifier,
            calling_ae_invocation_id: tail.ae_invocation_id,
            acse_requirements: tail.acse_requirements,
            mechanism: tail.mechanism,
            authentication: tail.authentication,
            user_information: tail.user_information,
        };
        Ok((rest, aarq))
    }

    fn write(&self, out: &mut Vec<u8>) {
        ber::write_body(out, |out| {
            if let Some(version) = self.protocol_version {
                ber::write(PROTOCOL_VERSION, version, out);
            }
            self.context.write(CONTEXT_NAME, out);
            if let Some(title) = self.called_ap_title {
                ber::write_inside(CALLED_AP_TITLE, OCTET_STRING, title, out);
            }
            let tail = Tail {
                ap_title: self.calling_ap_title,
                ae_qualifier: self.calling_ae_qualifier,
                ae_invocation_id: self.calling_ae_invocation_id,
                acse_requirements: self.acse_requirements,
                mechanism: self.mechanism,
                authentication: self.authentication,
                user_information: self.user_information,
            };
            tail.write(&CALLING, out);
        });
    }
}
