//! Writing frames: the inverse of [`Frame::parse`].

use hes_wire::sum8;

use crate::data::MASK;
use crate::frame::{END, OVERHEAD, START, WAKE_UP};
use crate::{Address, Control, Data, Dialect, Effect, Follow, Frame, Service};

/// Why a frame was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The buffer is too small.
    #[error("the frame has {needed} bytes, the buffer {room}")]
    BufferTooSmall {
        /// Bytes of the frame.
        needed: usize,
        /// Bytes of the buffer.
        room: usize,
    },
    /// The data is longer than a length byte can say.
    #[error("{len} bytes of data do not fit into one frame")]
    DataTooLong {
        /// Bytes of data.
        len: usize,
    },
    /// The dialect has no such service, or not in this form.
    #[error("the dialect has no such request or answer")]
    NotInDialect,
    /// It could move a relay, and only an actuation permit may.
    #[error("this could move a relay: it needs an actuation permit")]
    NeedsPermit,
}

/// What goes around a request or an answer: whom it is for or from, in which dialect, how the receiver is woken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// Which edition both sides speak.
    pub dialect: Dialect,
    /// The meter asked, or the meter that answers.
    pub address: Address,
    /// FE bytes before the frame; 2007 says four from the master.
    pub wake_bytes: usize,
}

impl Envelope {
    /// Writes a request whose data is `parts`, one after the other, and then `tail`.
    pub(crate) fn request<'o>(
        &self,
        out: &'o mut [u8],
        service: Service,
        parts: &[&[u8]],
        tail: Data<'_>,
    ) -> Written<'o> {
        write_frame(out, self, Control::request(self.code(service)?), parts, tail)
    }
    /// Writes a good answer without follow-up.
    pub(crate) fn answer<'o>(
        &self,
        out: &'o mut [u8],
        service: Service,
        parts: &[&[u8]],
        tail: Data<'_>,
    ) -> Written<'o> {
        write_frame(out, self, Control::answer(self.code(service)?, Follow::Last), parts, tail)
    }
    pub(crate) fn code(&self, service: Service) -> Result<u8, EncodeError> {
        self.dialect.code(service).ok_or(EncodeError::NotInDialect)
    }
}

/// The bytes written at the start of the buffer, or why none were.
pub(crate) type Written<'o> = Result<&'o [u8], EncodeError>;

/// Writes a frame whose data is `parts`, one after the other, and then `tail`.
pub(crate) fn write_frame<'o>(
    out: &'o mut [u8],
    envelope: &Envelope,
    control: Control,
    parts: &[&[u8]],
    tail: Data<'_>,
) -> Written<'o> {
    let Envelope { address, wake_bytes, .. } = *envelope;
    let len = parts.iter().map(|part| part.len()).sum::<usize>() + tail.len();
    let length = u8::try_from(len).map_err(|_| EncodeError::DataTooLong { len })?;
    let (room, needed) = (out.len(), wake_bytes.saturating_add(OVERHEAD + len));
    let (out, _) = out.split_at_mut_checked(needed).ok_or(EncodeError::BufferTooSmall { needed, room })?;

    let (wake_up, frame) = out.split_at_mut(wake_bytes);
    wake_up.fill(WAKE_UP);
    let (summed, end) = frame.split_at_mut(OVERHEAD + len - 2);
    let [a0, a1, a2, a3, a4, a5] = address.0;
    let head = [START, a0, a1, a2, a3, a4, a5, START, control.0, length];
    let data = parts.iter().flat_map(|part| part.iter().copied()).chain(tail.iter());
    let bytes = head.into_iter().chain(data.map(|byte| byte.wrapping_add(MASK)));
    for (to, from) in summed.iter_mut().zip(bytes) {
        *to = from;
    }
    end.copy_from_slice(&[sum8(summed), END]);
    Ok(out)
}

impl Frame<'_> {
    /// Bytes of the encoded frame, wake-up bytes included.
    pub const fn encoded_len(&self) -> usize {
        self.wake_bytes + OVERHEAD + self.data.len()
    }

    /// Writes the frame, and returns the bytes written.
    ///
    /// A request that could move a relay, by its control byte in `dialect`, is refused: see [`crate::actuation`].
    pub fn encode<'o>(&self, dialect: Dialect, out: &'o mut [u8]) -> Result<&'o [u8], EncodeError> {
        match self.effect(dialect) {
            Effect::MayActuate => Err(EncodeError::NeedsPermit),
            Effect::Reads | Effect::Sets => {
                let envelope = Envelope { dialect, address: self.address, wake_bytes: self.wake_bytes };
                write_frame(out, &envelope, self.control, &[], self.data)
            }
        }
    }
}
