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
    // Always inlined: a frame or an answer that passes through memory costs more than parsing it.
    #[inline(always)]
    pub fn parse(dialect: Dialect, frame: &Frame<'a>) -> Self {
        let (control, data) = (frame.control, frame.data);
        let service = match control.direction() {
            Direction::Answer => dialect.service(control.function()),
            Direction::Request => None,
        };
        let answer = match (service, control.is_abnormal(), control.follow()) {
            (Some(service @ (Service::Read | Service::ReadFollow | Service::ReadAgain)), false, follow) => {
                Self::part(dialect, service, data, follow)
            }
            (Some(service), false, Follow::Last) => Self::whole(dialect, service, data),
            (Some(service), true, Follow::Last) => Self::refusal(dialect, service, data),
            (None, _, _) | (Some(_), _, Follow::More) => None,
        };
        answer.unwrap_or(Answer::Other { control, data })
    }

    /// The answers that may come in several frames. They are nearly all there is, so they are kept apart from the rest.
    #[inline]
    fn part(dialect: Dialect, service: Service, data: Data<'a>, follow: Follow) -> Option<Self> {
        let (item, data) = DataId::split(dialect, data)?;
        let (data, seq) = match (dialect, service) {
            (Dialect::V2007, Service::ReadFollow) => data.split_last().map(|(seq, data)| (data, Some(seq)))?,
            _ => (data, None),
        };
        Some(Answer::Data { service, item, data, seq, follow })
    }

    /// The answers that are always one frame.
    #[cold]
    fn whole(dialect: Dialect, service: Service, data: Data<'a>) -> Option<Self> {
        Some(match service {
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
            // Read as parts.
            Service::Read | Service::ReadFollow | Service::ReadAgain => return None,
            // Nobody answers a broadcast.
            Service::BroadcastTime => return None,
        })
    }

    #[cold]
    fn refusal(dialect: Dialect, service: Service, data: Data<'a>) -> Option<Self> {
        let errors = match service {
            Service::Security => Errors::security(u16::from_le_bytes(data.exactly()?)),
            // Nobody answers a broadcast.
            Service::BroadcastTime => return None,
            _ => {
                let [byte] = data.exactly()?;
                Errors::new(dialect, byte)
            }
        };
        Some(Answer::Refused { service, errors })
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
