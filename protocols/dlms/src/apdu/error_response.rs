//! Refusals that are not the result of a service: Green Book clauses 9.4.6.6 and 9.5.

use std::fmt::{self, Display, Formatter};

use nom::Parser;
use nom::combinator::{map, opt};
use nom::number::complete::{be_u8, be_u32};

use crate::axdr::Element;
use crate::error::Parsed;

/// Exception-Response: the request was not dealt with at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExceptionResponse {
    /// 1 the service is not allowed now, 2 it is unknown.
    pub state_error: u8,
    /// 1 not possible, 2 not supported, 3 other, 4 APDU too long, 5 deciphering failed, 6 invocation counter wrong.
    pub service_error: u8,
    /// With service error 6: the counter the meter has.
    pub invocation_counter: Option<u32>,
}

impl ExceptionResponse {
    /// Deciphering failed.
    pub const DECIPHERING_ERROR: u8 = 5;
    /// The invocation counter is out of step.
    pub const INVOCATION_COUNTER_ERROR: u8 = 6;

    /// The standard's name of the state error.
    pub const fn state_name(&self) -> Option<&'static str> {
        Some(match self.state_error {
            1 => "service-not-allowed",
            2 => "service-unknown",
            _ => return None,
        })
    }
    /// The standard's name of the service error.
    pub const fn service_name(&self) -> Option<&'static str> {
        Some(match self.service_error {
            1 => "operation-not-possible",
            2 => "service-not-supported",
            3 => "other-reason",
            4 => "pdu-too-long",
            Self::DECIPHERING_ERROR => "deciphering-error",
            Self::INVOCATION_COUNTER_ERROR => "invocation-counter-error",
            _ => return None,
        })
    }
}

impl Display for ExceptionResponse {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (state, service) = (self.state_name().unwrap_or("unknown"), self.service_name().unwrap_or("unknown"));
        write!(f, "{state} ({}), {service} ({})", self.state_error, self.service_error)?;
        match self.invocation_counter {
            Some(counter) => write!(f, ", the meter has {counter}"),
            None => Ok(()),
        }
    }
}

impl<'a> Element<'a> for ExceptionResponse {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, (state_error, service_error)) = (be_u8, be_u8).parse(input)?;
        let (rest, invocation_counter) = match service_error {
            Self::INVOCATION_COUNTER_ERROR => opt(be_u32).parse(rest)?,
            _ => (rest, None),
        };
        Ok((rest, Self { state_error, service_error, invocation_counter }))
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.state_error, self.service_error]);
        out.extend(self.invocation_counter.iter().flat_map(|counter| counter.to_be_bytes()));
    }
}

/// Confirmed-Service-Error: the refusal of an association, or of a short-name service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConfirmedServiceError {
    /// Which service: 1 initiate, 5 read, 6 write.
    pub service: u8,
    /// What kind: 0 application reference, 1 hardware resource, 2 state, 3 service, 4 definition, 5 access, 6 initiate …
    pub error_type: u8,
    /// Which of its kind.
    pub value: u8,
}

impl ConfirmedServiceError {
    /// The standard's name of the kind and the value, where both are known.
    pub const fn name(&self) -> Option<&'static str> {
        Some(match (self.error_type, self.value) {
            (0, 0) => "application-reference: other",
            (0, 1) => "application-reference: time-elapsed",
            (0, 2) => "application-reference: application-unreachable",
            (0, 3) => "application-reference: application-reference-invalid",
            (0, 4) => "application-reference: application-context-unsupported",
            (0, 5) => "application-reference: provider-communication-error",
            (0, 6) => "application-reference: deciphering-error",
            (1, 1) => "hardware-resource: memory-unavailable",
            (2, 1) => "vde-state-error: no-dlms-context",
            (3, 1) => "service: pdu-size",
            (3, 2) => "service: service-unsupported",
            (4, 1) => "definition: object-undefined",
            (4, 2) => "definition: object-class-inconsistent",
            (4, 3) => "definition: object-attribute-inconsistent",
            (5, 1) => "access: scope-of-access-violated",
            (5, 2) => "access: object-access-violated",
            (5, 3) => "access: hardware-fault",
            (5, 4) => "access: object-unavailable",
            (6, 0) => "initiate: other",
            (6, 1) => "initiate: dlms-version-too-low",
            (6, 2) => "initiate: incompatible-conformance",
            (6, 3) => "initiate: pdu-size-too-short",
            (6, 4) => "initiate: refused-by-the-VDE-handler",
            _ => return None,
        })
    }
}

impl<'a> Element<'a> for ConfirmedServiceError {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((be_u8, be_u8, be_u8), |(service, error_type, value)| Self { service, error_type, value }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.service, self.error_type, self.value]);
    }
}
