//! AARQ: a client asks for an association, Green Book clause 9.4.3.

use super::ber;
use super::names::{Authentication, ContextName, Mechanism};
use crate::axdr::{Element, octets};
use crate::error::Parsed;

const OCTET_STRING: u8 = 0x04;
const INTEGER: u8 = 0x02;

const PROTOCOL_VERSION: u8 = 0x80;
const CONTEXT_NAME: u8 = 0xA1;
const CALLED_AP_TITLE: u8 = 0xA2;
const CALLING_AP_TITLE: u8 = 0xA6;
const CALLING_AE_QUALIFIER: u8 = 0xA7;
const CALLING_AE_INVOCATION_ID: u8 = 0xA9;
const ACSE_REQUIREMENTS: u8 = 0x8A;
const MECHANISM_NAME: u8 = 0x8B;
const AUTHENTICATION_VALUE: u8 = 0xAC;
const USER_INFORMATION: u8 = 0xBE;

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
        let mut context = None;
        let mut aarq = Self { user_information: None, ..Self::new(ContextName::LogicalName, &[]) };
        ber::for_each(body, |field| {
            let contents = field.contents;
            match field.tag {
                PROTOCOL_VERSION => aarq.protocol_version = Some(contents),
                CONTEXT_NAME => context = Some(ContextName::parse(contents)?),
                CALLED_AP_TITLE => aarq.called_ap_title = Some(ber::only(OCTET_STRING, contents)?),
                CALLING_AP_TITLE => aarq.calling_ap_title = Some(ber::only(OCTET_STRING, contents)?),
                CALLING_AE_QUALIFIER => aarq.calling_ae_qualifier = Some(ber::only(OCTET_STRING, contents)?),
                CALLING_AE_INVOCATION_ID => {
                    aarq.calling_ae_invocation_id = Some(ber::integer(ber::only(INTEGER, contents)?)?);
                }
                ACSE_REQUIREMENTS => aarq.acse_requirements = Some(contents),
                MECHANISM_NAME => aarq.mechanism = Some(Mechanism::parse(contents)?),
                AUTHENTICATION_VALUE => aarq.authentication = Some(Authentication::parse(contents)?),
                USER_INFORMATION => aarq.user_information = Some(ber::only(OCTET_STRING, contents)?),
                // What is not known is skipped, as the standard wants.
                _ => {}
            }
            Ok(())
        })?;
        // Without a context name nothing is asked for.
        aarq.context = context.ok_or(nom::Err::Error(crate::DecodeError::Truncated))?;
        Ok((rest, aarq))
    }

    fn write(&self, out: &mut Vec<u8>) {
        ber::write_body(out, |out| {
            if let Some(version) = self.protocol_version {
                ber::write(PROTOCOL_VERSION, version, out);
            }
            self.context.write(CONTEXT_NAME, out);
            for (tag, title) in [
                (CALLED_AP_TITLE, self.called_ap_title),
                (CALLING_AP_TITLE, self.calling_ap_title),
                (CALLING_AE_QUALIFIER, self.calling_ae_qualifier),
            ] {
                if let Some(title) = title {
                    ber::write_inside(tag, OCTET_STRING, title, out);
                }
            }
            if let Some(user) = self.calling_ae_invocation_id {
                ber::write_inside(CALLING_AE_INVOCATION_ID, INTEGER, &[user], out);
            }
            if let Some(requirements) = self.acse_requirements {
                ber::write(ACSE_REQUIREMENTS, requirements, out);
            }
            if let Some(mechanism) = self.mechanism {
                mechanism.write(MECHANISM_NAME, out);
            }
            if let Some(value) = self.authentication {
                value.write(AUTHENTICATION_VALUE, out);
            }
            if let Some(initiate) = self.user_information {
                ber::write_inside(USER_INFORMATION, OCTET_STRING, initiate, out);
            }
        });
    }
}
