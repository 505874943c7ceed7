//! Answers, typed: what a meter says.

use crate::encode::{EncodeError, Envelope, write_frame};
use crate::{Address, Baud, Control, Data, DataId, Dialect, Direction, Errors, Follow, Frame, Password, Service};

/// An answer. Data that does not have the form its control byte promises comes out as [`Answer::Other`], never guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The data asked for, or a part of it.
    Data {
        /// [`Service::Read`], [`Service::ReadFollow`] or [`Service::ReadAgain`].
        service: Service,
        /// Which item.
        item: DataId,
        /// Its bytes, without identification and sequence number.
        data: Data<'a>,
        /// Which part, in answers to [`Service::ReadFollow`] of 2007.
        seq: Option<u8>,
        /// Whether another part is to be asked for.
        follow: Follow,
    },
    /// The meter's address.
    Address {
        /// As it says in the data field.
        address: Address,
    },
    /// Done, or for a relay command: accepted. No data.
    Done {
        /// What was done.
        service: Service,
    },
    /// The speed that counts from now on.
    BaudChanged {
        /// The speed.
        baud: Baud,
    },
    /// The password that counts from now on.
    PasswordChanged {
        /// The password.
        password: Password,
    },
    /// What the multi-function output shows from now on.
    MultiFunction {
        /// As chosen.
        output: u8,
    },
    /// A step of security authentication.
    Security {
        /// Which step.
        item: DataId,
        /// Random numbers, serial numbers and the rest.
        data: Data<'a>,
    },
    /// The meter refuses.
    Refused {
        /// What it refuses.
        service: Service,
        /// Why.
        errors: Errors,
    },
    /// A control byte that the dialect does not use, or data that does not fit it.
    Other {
        /// The control byte.
        control: Control,
        /// The data.
        data: Data<'a>,
    },
}

impl<'a> Answer<'a> {
    /// Reads an answer. Total: what does not fit is [`Answer::Other`].
    #[inline]
    pub fn parse(dialect: Dialect, frame: &Frame<'a>) -> Self {
        let (control, data) = (frame.control, frame.data);
        dialect
            .service(control.function())
            .filter(|_| control.direction() == Direction::Answer)
            .and_then(|service| match (control.is_abnormal(), control.follow()) {
                (true, Follow::Last) => Self::refused(dialect, service, data),
                (true, Follow::More) => None,
                (false, follow) => Self::good(dialect, service, data, follow),
            })
            .unwrap_or(Answer::Other { control, data })
    }

    fn refused(dialect: Dialect, service: Service, data: Data<'a>) -> Option<Self> {
        let errors = match service {
            Service::Security => Errors::security(u16::from_le_bytes(data.exactly()?)),
            _ => {
                let [byte] = data.exactly()?;
                Errors::new(dialect, byte)
            }
        };
        Some(Answer::Refused { service, errors })
    }

    #[inline]
    fn good(dialect: Dialect, service: Service, data: Data<'a>, follow: Follow) -> Option<Self> {
        let has_parts = matches!(service, Service::Read | Service::ReadFollow | Service::ReadAgain);
        if follow == Follow::More && !has_parts {
            return None;
        }
        Some(match service {
            Service::Read | Service::ReadAgain => {
                let (item, data) = DataId::split(dialect, data)?;
                Answer::Data { service, item, data, seq: None, follow }
            }
            Service::ReadFollow => {
                let (item, data) = DataId::split(dialect, data)?;
                let (data, seq) = match dialect {
                    Dialect::V2007 => {
                        data.split_at(data.len().checked_sub(1)?).map(|(data, seq)| (data, seq.get(0)))?
                    }
                    Dialect::V1997 => (data, None),
                };
                Answer::Data { service, item, data, seq, follow }
            }
            Service::ReadAddress => Answer::Address { address: Address(data.exactly()?) },
            Service::ChangeBaud => {
                let [z] = data.exactly()?;
                Answer::BaudChanged { baud: Baud(z) }
            }
            Service::ChangePassword => Answer::PasswordChanged { password: Password::from_wire(data.exactly()?) },
            Service::MultiFunction => {
                let [output] = data.exactly()?;
                Answer::MultiFunction { output }
            }
            Service::Security => {
                let (item, data) = DataId::split(dialect, data)?;
                Answer::Security { item, data }
            }
            Service::Write
            | Service::WriteAddress
            | Service::Freeze
            | Service::ClearDemand
            | Service::ClearMeter
            | Service::ClearEvents
            | Service::Relay => data.is_empty().then_some(Answer::Done { service })?,
            // Nobody answers a broadcast.
            Service::BroadcastTime => return None,
        })
    }

    /// Writes the answer as a frame, and returns the bytes written.
    pub fn encode<'o>(&self, envelope: &Envelope, out: &'o mut [u8]) -> Result<&'o [u8], EncodeError> {
        let none = Data::default();
        match *self {
            Answer::Data { service, item, data, seq, follow } => {
                let control = Control::answer(envelope.code(service)?, follow);
                let mut bytes = [0; u8::MAX as usize];
                let Some(seq) = seq else { return write_frame(out, envelope, control, &[item.wire().as_ref()], data) };
                let data = data.copy_to(&mut bytes).ok_or(EncodeError::DataTooLong { len: data.len() })?;
                write_frame(out, envelope, control, &[item.wire().as_ref(), data, &[seq]], none)
            }
            Answer::Address { address } => envelope.answer(out, Service::ReadAddress, &[&address.0], none),
            Answer::Done { service } => envelope.answer(out, service, &[], none),
            Answer::BaudChanged { baud } => envelope.answer(out, Service::ChangeBaud, &[&[baud.0]], none),
            Answer::PasswordChanged { password } => {
                envelope.answer(out, Service::ChangePassword, &[&password.to_wire()], none)
            }
            Answer::MultiFunction { output } => envelope.answer(out, Service::MultiFunction, &[&[output]], none),
            Answer::Security { item, data } => envelope.answer(out, Service::Security, &[item.wire().as_ref()], data),
            Answer::Refused { service, errors } => {
                let control = Control::refusal(envelope.code(service)?);
                let [low, high] = errors.bits().to_le_bytes();
                let bytes: &[u8] = if service == Service::Security { &[low, high] } else { &[low] };
                write_frame(out, envelope, control, &[bytes], none)
            }
            Answer::Other { control, data } => match control.direction() {
                Direction::Answer => write_frame(out, envelope, control, &[], data),
                Direction::Request => Err(EncodeError::NotInDialect),
            },
        }
    }
}
