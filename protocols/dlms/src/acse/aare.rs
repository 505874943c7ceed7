//! AARE: a server's answer, Green Book clause 9.4.3.

use super::ber;
use super::names::{Authentication, ContextName, Mechanism};
use super::tail::{INTEGER, Tags, Tail};
use crate::DecodeError;
use crate::axdr::{Element, octets};
use crate::error::Parsed;

const PROTOCOL_VERSION: u8 = 0x80;
const CONTEXT_NAME: u8 = 0xA1;
const RESULT: u8 = 0xA2;
const DIAGNOSTIC: u8 = 0xA3;
const RESPONDING: Tags = Tags {
    ap_title: 0xA4,
    ae_qualifier: 0xA5,
    ae_invocation_id: 0xA7,
    acse_requirements: 0x88,
    mechanism_name: 0x89,
    authentication_value: 0xAA,
    user_information: 0xBE,
};

/// Who gives the diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiagnosticSource {
    /// The application.
    User,
    /// The layer of associations.
    Provider,
}

impl DiagnosticSource {
    const fn tag(self) -> u8 {
        match self {
            DiagnosticSource::User => 0xA1,
            DiagnosticSource::Provider => 0xA2,
        }
    }
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            DiagnosticSource::User => "user",
            DiagnosticSource::Provider => "provider",
        }
    }
}

/// Why an association is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// Who says so.
    pub source: DiagnosticSource,
    /// What.
    pub value: u8,
}

impl Diagnostic {
    /// Nothing to say.
    pub const NONE: Self = Self { source: DiagnosticSource::User, value: 0 };
    /// Go on with passes three and four.
    pub const AUTHENTICATION_REQUIRED: Self = Self { source: DiagnosticSource::User, value: 14 };
    /// The password is wrong.
    pub const AUTHENTICATION_FAILURE: Self = Self { source: DiagnosticSource::User, value: 13 };

    /// The standard's name.
    pub const fn name(self) -> Option<&'static str> {
        Some(match (self.source, self.value) {
            (_, 0) => "null",
            (_, 1) => "no-reason-given",
            (DiagnosticSource::Provider, 2) => "no-common-acse-version",
            (DiagnosticSource::User, 2) => "application-context-name-not-supported",
            (DiagnosticSource::User, 3) => "calling-AP-title-not-recognized",
            (DiagnosticSource::User, 4) => "calling-AP-invocation-identifier-not-recognized",
            (DiagnosticSource::User, 5) => "calling-AE-qualifier-not-recognized",
            (DiagnosticSource::User, 6) => "calling-AE-invocation-identifier-not-recognized",
            (DiagnosticSource::User, 7) => "called-AP-title-not-recognized",
            (DiagnosticSource::User, 8) => "called-AP-invocation-identifier-not-recognized",
            (DiagnosticSource::User, 9) => "called-AE-qualifier-not-recognized",
            (DiagnosticSource::User, 10) => "called-AE-invocation-identifier-not-recognized",
            (DiagnosticSource::User, 11) => "authentication-mechanism-name-not-recognised",
            (DiagnosticSource::User, 12) => "authentication-mechanism-name-required",
            (DiagnosticSource::User, 13) => "authentication-failure",
            (DiagnosticSource::User, 14) => "authentication-required",
            _ => return None,
        })
    }
}

/// The answer to a request for an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aare<'a> {
    /// Contents of the protocol version, where it is sent.
    pub protocol_version: Option<&'a [u8]>,
    /// As the client proposed, or what the server would have.
    pub context: ContextName,
    /// 0 accepted, 1 rejected for good, 2 rejected for now.
    pub result: u8,
    /// Why.
    pub diagnostic: Diagnostic,
    /// System title of the server.
    pub responding_ap_title: Option<&'a [u8]>,
    /// Certificate of the server's key for signatures.
    pub responding_ae_qualifier: Option<&'a [u8]>,
    /// Which user of the server.
    pub responding_ae_invocation_id: Option<u8>,
    /// Contents of ACSE requirements.
    pub acse_requirements: Option<&'a [u8]>,
    /// How the sides prove who they are.
    pub mechanism: Option<Mechanism>,
    /// The server's challenge.
    pub authentication: Option<Authentication<'a>>,
    /// The xDLMS initiate response or an error, plain or ciphered.
    pub user_information: Option<&'a [u8]>,
}

impl<'a> Aare<'a> {
    /// Accepted.
    pub const ACCEPTED: u8 = 0;
    /// Rejected for good.
    pub const REJECTED_PERMANENT: u8 = 1;
    /// Rejected for now.
    pub const REJECTED_TRANSIENT: u8 = 2;

    /// An answer without authentication.
    pub const fn new(context: ContextName, result: u8, diagnostic: Diagnostic, initiate: &'a [u8]) -> Self {
        Self {
            protocol_version: None,
            context,
            result,
            diagnostic,
            responding_ap_title: None,
            responding_ae_qualifier: None,
            responding_ae_invocation_id: None,
            acse_requirements: None,
            mechanism: None,
            authentication: None,
            user_information: Some(initiate),
        }
    }
    /// With a mechanism and the server's challenge.
    pub const fn with_authentication(self, mechanism: Mechanism, challenge: &'a [u8]) -> Self {
        Self {
            acse_requirements: Some(&super::AUTHENTICATION_FUNCTION),
            mechanism: Some(mechanism),
            authentication: Some(Authentication::new(challenge)),
            ..self
        }
    }
    /// With the system title of the server.
    pub const fn with_system_title(self, title: &'a [u8]) -> Self {
        Self { responding_ap_title: Some(title), ..self }
    }
    /// Whether the association is open, or will be after passes three and four.
    pub const fn is_accepted(&self) -> bool {
        self.result == Self::ACCEPTED
    }
}

fn diagnostic(contents: &[u8]) -> Result<Diagnostic, DecodeError> {
    let &[tag, ..] = contents else { return Err(DecodeError::Truncated) };
    let source = match tag {
        0xA1 => DiagnosticSource::User,
        0xA2 => DiagnosticSource::Provider,
        other => return Err(DecodeError::Tag(other)),
    };
    let value = ber::integer(ber::only(INTEGER, ber::only(tag, contents)?)?)?;
    Ok(Diagnostic { source, value })
}

impl<'a> Element<'a> for Aare<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, body) = octets(input)?;
        let (mut protocol_version, mut context, mut result) = (None, None, None);
        let (mut why, mut tail) = (Diagnostic::NONE, Tail::default());
        ber::for_each(body, |field| {
            match field.tag {
                PROTOCOL_VERSION => protocol_version = Some(field.contents),
                CONTEXT_NAME => context = Some(ContextName::parse(field.contents)?),
                RESULT => result = Some(ber::integer(ber::only(INTEGER, field.contents)?)?),
                DIAGNOSTIC => why = diagnostic(field.contents)?,
                _ => tail.take(&RESPONDING, &field)?,
            }
            Ok(())
        })?;
        let missing = nom::Err::Error(DecodeError::Truncated);
        let aare = Self {
            protocol_version,
            context: context.ok_or(missing.clone())?,
            result: result.ok_or(missing)?,
            diagnostic: why,
            responding_ap_title: tail.ap_title,
            responding_ae_qualifier: tail.ae_qualifier,
            responding_ae_invocation_id: tail.ae_invocation_id,
            acse_requirements: tail.acse_requirements,
            mechanism: tail.mechanism,
            authentication: tail.authentication,
            user_information: tail.user_information,
        };
        Ok((rest, aare))
    }

    fn write(&self, out: &mut Vec<u8>) {
        ber::write_body(out, |out| {
            if let Some(version) = self.protocol_version {
                ber::write(PROTOCOL_VERSION, version, out);
            }
            self.context.write(CONTEXT_NAME, out);
            ber::write_inside(RESULT, INTEGER, &[self.result], out);
            ber::write_inside(DIAGNOSTIC, self.diagnostic.source.tag(), &[INTEGER, 1, self.diagnostic.value], out);
            let tail = Tail {
                ap_title: self.responding_ap_title,
                ae_qualifier: self.responding_ae_qualifier,
                ae_invocation_id: self.responding_ae_invocation_id,
                acse_requirements: self.acse_requirements,
                mechanism: self.mechanism,
                authentication: self.authentication,
                user_information: self.user_information,
            };
            tail.write(&RESPONDING, out);
        });
    }
}
