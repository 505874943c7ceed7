//! APDUs of the application layer: Green Book clause 9, IEC 62056-5-3.
//!
//! [`Apdu::decode`] tells what bytes are; each service is a type that is read and written. What is ciphered stays a
//! header and bytes here: [`crate::security`] opens it.

mod access;
mod action;
mod attribute;
mod block;
mod conformance;
mod error_response;
mod get;
mod initiate;
mod invoke;
mod notification;
mod result;
mod secret;
mod set;
mod short_name;
#[cfg(test)]
mod tests;

use nom::number::complete::be_u8;

pub use access::{AccessRequest, AccessResponse, AccessResult, AccessSpecification};
pub use action::{ActionAnswer, ActionRequest, ActionResponse};
pub use attribute::{Attribute, Method, Selected, Selection};
pub use block::{DataBlock, GeneralBlock, ResultBlock};
pub use conformance::Conformance;
pub use error_response::{ConfirmedServiceError, ExceptionResponse};
pub use get::{GetRequest, GetResponse, GetResult};
pub use initiate::{DLMS_VERSION, InitiateRequest, InitiateResponse, VAA_LN, VAA_SN};
pub use invoke::{InvokeId, LongInvokeId};
pub use notification::{DataNotification, EventNotification, HeaderTime};
pub use result::{ActionResult, DataAccessResult};
pub use secret::Secret;
pub use set::{SetRequest, SetResponse};
pub use short_name::{
    InformationReport, ReadAnswer, ReadRequest, ReadResponse, ShortBlock, UnconfirmedWriteRequest, Variable,
    WriteAnswer, WriteRequest, WriteResponse,
};

use crate::acse::{Aare, Aarq, Release, ReleaseKind};
use crate::axdr::Element;
use crate::error::{DecodeError, Parsed, fail, whole};
use crate::security::Envelope;
use crate::{Gateway, gateway};

/// First octets of APDUs, Green Book clause 9.5.
pub mod tag {
    #![expect(missing_docs, reason = "the names are those of the standard")]
    pub const INITIATE_REQUEST: u8 = 0x01;
    pub const READ_REQUEST: u8 = 0x05;
    pub const WRITE_REQUEST: u8 = 0x06;
    pub const INITIATE_RESPONSE: u8 = 0x08;
    pub const READ_RESPONSE: u8 = 0x0C;
    pub const WRITE_RESPONSE: u8 = 0x0D;
    pub const CONFIRMED_SERVICE_ERROR: u8 = 0x0E;
    pub const DATA_NOTIFICATION: u8 = 0x0F;
    pub const UNCONFIRMED_WRITE_REQUEST: u8 = 0x16;
    pub const INFORMATION_REPORT: u8 = 0x18;
    pub const AARQ: u8 = 0x60;
    pub const AARE: u8 = 0x61;
    pub const RLRQ: u8 = 0x62;
    pub const RLRE: u8 = 0x63;
    pub const GET_REQUEST: u8 = 0xC0;
    pub const SET_REQUEST: u8 = 0xC1;
    pub const EVENT_NOTIFICATION: u8 = 0xC2;
    pub const ACTION_REQUEST: u8 = 0xC3;
    pub const GET_RESPONSE: u8 = 0xC4;
    pub const SET_RESPONSE: u8 = 0xC5;
    pub const ACTION_RESPONSE: u8 = 0xC7;
    pub const EXCEPTION_RESPONSE: u8 = 0xD8;
    pub const ACCESS_REQUEST: u8 = 0xD9;
    pub const ACCESS_RESPONSE: u8 = 0xDA;
    pub const GENERAL_BLOCK_TRANSFER: u8 = 0xE0;
}

/// An APDU of any kind.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "each variant is the service whose type it holds")]
pub enum Apdu<'a> {
    InitiateRequest(InitiateRequest<'a>),
    InitiateResponse(InitiateResponse),
    ReadRequest(ReadRequest<'a>),
    ReadResponse(ReadResponse<'a>),
    WriteRequest(WriteRequest<'a>),
    WriteResponse(WriteResponse<'a>),
    UnconfirmedWriteRequest(UnconfirmedWriteRequest<'a>),
    InformationReport(InformationReport<'a>),
    ConfirmedServiceError(ConfirmedServiceError),
    DataNotification(DataNotification<'a>),
    EventNotification(EventNotification<'a>),
    Aarq(Aarq<'a>),
    Aare(Aare<'a>),
    Release(Release<'a>),
    GetRequest(GetRequest<'a>),
    GetResponse(GetResponse<'a>),
    SetRequest(SetRequest<'a>),
    SetResponse(SetResponse<'a>),
    ActionRequest(ActionRequest<'a>),
    ActionResponse(ActionResponse<'a>),
    AccessRequest(AccessRequest<'a>),
    AccessResponse(AccessResponse<'a>),
    ExceptionResponse(ExceptionResponse),
    GeneralBlockTransfer(GeneralBlock<'a>),
    Protected(Envelope<'a>),
    Gateway(Gateway<'a>),
}

/// Reads the rest of an APDU whose tag is gone.
macro_rules! as_apdu {
    ($parser:expr, $variant:ident, $input:expr) => {
        $parser($input).map(|(rest, service)| (rest, Apdu::$variant(service)))
    };
}

impl<'a> Apdu<'a> {
    /// Reads bytes that are exactly one APDU.
    pub fn decode(input: &'a [u8]) -> Result<Self, DecodeError> {
        match input.first() {
            Some(&(gateway::REQUEST | gateway::RESPONSE)) => Gateway::decode(input).map(Apdu::Gateway),
            Some(&tag) if Envelope::starts_with(tag) => Envelope::parse(input).map(Apdu::Protected),
            _ => whole(input, Self::parse),
        }
    }

    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, tag) = be_u8(input)?;
        match tag {
            tag::INITIATE_REQUEST => as_apdu!(InitiateRequest::parse, InitiateRequest, rest),
            tag::INITIATE_RESPONSE => as_apdu!(InitiateResponse::parse, InitiateResponse, rest),
            tag::READ_REQUEST => as_apdu!(ReadRequest::parse, ReadRequest, rest),
            tag::READ_RESPONSE => as_apdu!(ReadResponse::parse, ReadResponse, rest),
            tag::WRITE_REQUEST => as_apdu!(WriteRequest::parse, WriteRequest, rest),
            tag::WRITE_RESPONSE => as_apdu!(WriteResponse::parse, WriteResponse, rest),
            tag::UNCONFIRMED_WRITE_REQUEST => {
                as_apdu!(UnconfirmedWriteRequest::parse, UnconfirmedWriteRequest, rest)
            }
            tag::INFORMATION_REPORT => as_apdu!(InformationReport::parse, InformationReport, rest),
            tag::CONFIRMED_SERVICE_ERROR => as_apdu!(ConfirmedServiceError::parse, ConfirmedServiceError, rest),
            tag::DATA_NOTIFICATION => as_apdu!(DataNotification::parse, DataNotification, rest),
            tag::EVENT_NOTIFICATION => as_apdu!(EventNotification::parse, EventNotification, rest),
            tag::AARQ => as_apdu!(Aarq::parse, Aarq, rest),
            tag::AARE => as_apdu!(Aare::parse, Aare, rest),
            tag::RLRQ => as_apdu!(|rest| Release::parse(ReleaseKind::Request, rest), Release, rest),
            tag::RLRE => as_apdu!(|rest| Release::parse(ReleaseKind::Response, rest), Release, rest),
            tag::GET_REQUEST => as_apdu!(GetRequest::parse, GetRequest, rest),
            tag::GET_RESPONSE => as_apdu!(GetResponse::parse, GetResponse, rest),
            tag::SET_REQUEST => as_apdu!(SetRequest::parse, SetRequest, rest),
            tag::SET_RESPONSE => as_apdu!(SetResponse::parse, SetResponse, rest),
            tag::ACTION_REQUEST => as_apdu!(ActionRequest::parse, ActionRequest, rest),
            tag::ACTION_RESPONSE => as_apdu!(ActionResponse::parse, ActionResponse, rest),
            tag::ACCESS_REQUEST => as_apdu!(AccessRequest::parse, AccessRequest, rest),
            tag::ACCESS_RESPONSE => as_apdu!(AccessResponse::parse, AccessResponse, rest),
            tag::EXCEPTION_RESPONSE => as_apdu!(ExceptionResponse::parse, ExceptionResponse, rest),
            tag::GENERAL_BLOCK_TRANSFER => as_apdu!(GeneralBlock::parse, GeneralBlockTransfer, rest),
            other => fail(DecodeError::Tag(other)),
        }
    }

    /// The name of the service and its form.
    pub const fn name(&self) -> &'static str {
        match self {
            Apdu::InitiateRequest(_) => "initiate-request",
            Apdu::InitiateResponse(_) => "initiate-response",
            Apdu::ReadRequest(_) => "read-request",
            Apdu::ReadResponse(_) => "read-response",
            Apdu::WriteRequest(_) => "write-request",
            Apdu::WriteResponse(_) => "write-response",
            Apdu::UnconfirmedWriteRequest(_) => "unconfirmed-write-request",
            Apdu::InformationReport(_) => "information-report",
            Apdu::ConfirmedServiceError(_) => "confirmed-service-error",
            Apdu::DataNotification(_) => "data-notification",
            Apdu::EventNotification(_) => "event-notification",
            Apdu::Aarq(_) => "aarq",
            Apdu::Aare(_) => "aare",
            Apdu::Release(release) => release.kind.name(),
            Apdu::GetRequest(get) => get.name(),
            Apdu::GetResponse(get) => get.name(),
            Apdu::SetRequest(set) => set.name(),
            Apdu::SetResponse(set) => set.name(),
            Apdu::ActionRequest(action) => action.name(),
            Apdu::ActionResponse(action) => action.name(),
            Apdu::AccessRequest(_) => "access-request",
            Apdu::AccessResponse(_) => "access-response",
            Apdu::ExceptionResponse(_) => "exception-response",
            Apdu::GeneralBlockTransfer(_) => "general-block-transfer",
            Apdu::Protected(envelope) => envelope.name(),
            Apdu::Gateway(gateway) => gateway.name(),
        }
    }

    /// The first octet.
    pub const fn tag(&self) -> u8 {
        match self {
            Apdu::InitiateRequest(_) => tag::INITIATE_REQUEST,
            Apdu::InitiateResponse(_) => tag::INITIATE_RESPONSE,
            Apdu::ReadRequest(_) => tag::READ_REQUEST,
            Apdu::ReadResponse(_) => tag::READ_RESPONSE,
            Apdu::WriteRequest(_) => tag::WRITE_REQUEST,
            Apdu::WriteResponse(_) => tag::WRITE_RESPONSE,
            Apdu::UnconfirmedWriteRequest(_) => tag::UNCONFIRMED_WRITE_REQUEST,
            Apdu::InformationReport(_) => tag::INFORMATION_REPORT,
            Apdu::ConfirmedServiceError(_) => tag::CONFIRMED_SERVICE_ERROR,
            Apdu::DataNotification(_) => tag::DATA_NOTIFICATION,
            Apdu::EventNotification(_) => tag::EVENT_NOTIFICATION,
            Apdu::Aarq(_) => tag::AARQ,
            Apdu::Aare(_) => tag::AARE,
            Apdu::GetRequest(_) => tag::GET_REQUEST,
            Apdu::GetResponse(_) => tag::GET_RESPONSE,
            Apdu::SetRequest(_) => tag::SET_REQUEST,
            Apdu::SetResponse(_) => tag::SET_RESPONSE,
            Apdu::ActionRequest(_) => tag::ACTION_REQUEST,
            Apdu::ActionResponse(_) => tag::ACTION_RESPONSE,
            Apdu::AccessRequest(_) => tag::ACCESS_REQUEST,
            Apdu::AccessResponse(_) => tag::ACCESS_RESPONSE,
            Apdu::ExceptionResponse(_) => tag::EXCEPTION_RESPONSE,
            Apdu::GeneralBlockTransfer(_) => tag::GENERAL_BLOCK_TRANSFER,
            Apdu::Release(release) => release.kind.tag(),
            Apdu::Protected(envelope) => envelope.tag(),
            Apdu::Gateway(gateway) => gateway.tag(),
        }
    }

    /// Appends the APDU, whatever it may do to a meter.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if let Apdu::Protected(envelope) = self {
            return envelope.write(out);
        }
        out.push(self.tag());
        match self {
            Apdu::InitiateRequest(initiate) => initiate.write(out),
            Apdu::InitiateResponse(initiate) => initiate.write(out),
            Apdu::ReadRequest(read) => read.write(out),
            Apdu::ReadResponse(read) => read.write(out),
            Apdu::WriteRequest(write) => write.write(out),
            Apdu::WriteResponse(write) => write.write(out),
            Apdu::UnconfirmedWriteRequest(write) => write.write(out),
            Apdu::InformationReport(report) => report.write(out),
            Apdu::ConfirmedServiceError(error) => error.write(out),
            Apdu::DataNotification(notification) => notification.write(out),
            Apdu::EventNotification(notification) => notification.write(out),
            Apdu::Aarq(aarq) => aarq.write(out),
            Apdu::Aare(aare) => aare.write(out),
            Apdu::GetRequest(get) => get.write(out),
            Apdu::GetResponse(get) => get.write(out),
            Apdu::SetRequest(set) => set.write(out),
            Apdu::SetResponse(set) => set.write(out),
            Apdu::ActionRequest(action) => action.write(out),
            Apdu::ActionResponse(action) => action.write(out),
            Apdu::AccessRequest(access) => access.write(out),
            Apdu::AccessResponse(access) => access.write(out),
            Apdu::ExceptionResponse(exception) => exception.write(out),
            Apdu::GeneralBlockTransfer(block) => block.write(out),
            Apdu::Release(release) => release.write(out),
            Apdu::Gateway(gateway) => gateway.write(out),
            Apdu::Protected(_) => {}
        }
    }
}
