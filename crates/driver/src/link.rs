//! The seam between a dialogue and whatever carries its bytes.
//!
//! A dialogue says what it asks and what it would accept; the link knows the line's speed, waits its turn, sends,
//! finds frames in what comes back and offers them. Layers stack by wrapping: a tunnel *is* an [`Exchange`].

use std::future::Future;
use std::time::Duration;

use hes_model::{LineSettings, ReceivedAt, UtcMicros};
use hes_wire::{Framing, Why};

/// What a dialogue thinks of a frame offered to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The answer; the exchange is over.
    Done,
    /// Wanted, and more belongs to the same answer.
    More,
    /// Our own bytes coming back.
    Echo,
    /// From another address than was asked.
    WrongAddress,
    /// From the right address, to another question: control code, data item, sequence or time.
    WrongItem,
}

/// Judges the frames of one exchange and keeps what it wants of them.
pub trait Expect {
    /// How frames stand in the stream.
    fn framing(&self) -> &dyn Framing;
    /// Looks at one whole frame with a right check sum.
    fn offer(&mut self, frame: &[u8]) -> Verdict;
}

/// How long an answer may take, as far as the dialogue knows: the link adds the line's speed, the path's delay and,
/// once learned, the meter's own habits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Longest time between the request's last byte and the answer's first, by the standard (DL/T 645: Td, 500 ms).
    pub reply: Duration,
    /// Longest silence inside an answer, by the standard (DL/T 645: Tb, 500 ms).
    pub gap: Duration,
    /// Most bytes the answer may have, wake-up bytes included.
    pub answer_bytes: usize,
}

/// What was seen and not wanted during one exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All bytes received.
    pub bytes: usize,
    /// Bytes that belonged to no frame.
    pub garbage: usize,
    /// Frame starts that did not become a frame.
    pub malformed: usize,
    /// Frames whose check sum was wrong.
    pub checksum: usize,
    /// Our own request, heard again.
    pub echo: usize,
    /// Frames from another address.
    pub wrong_address: usize,
    /// Frames answering another question.
    pub wrong_item: usize,
}

impl Counts {
    /// Counts `bytes` skipped bytes.
    pub fn skipped(&mut self, bytes: usize, why: Why) {
        match why {
            Why::Garbage => self.garbage += bytes,
            Why::Malformed => self.malformed += 1,
            Why::Checksum => self.checksum += 1,
        }
    }
}

/// A finished exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchanged {
    /// When the last byte of the request had gone out.
    pub sent_at: UtcMicros,
    /// When the last byte of the answer was here.
    pub received_at: ReceivedAt,
    /// From the request's last byte to the answer's first.
    pub reply: Duration,
    /// What else was heard.
    pub counts: Counts,
}

/// Why an exchange brought no answer. All of these are normal; none says that *we* failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The time was up. What was heard meanwhile tells silence from noise from a foreign answer.
    #[error("no answer in time")]
    TimedOut {
        /// What was heard.
        heard: Counts,
        /// The last unwanted or broken bytes, at most one frame of them.
        last: Vec<u8>,
    },
    /// The link is down or went down meanwhile.
    #[error("the link is down: {cause}")]
    Down {
        /// Of the last failure.
        cause: String,
    },
    /// The turn was refused: more urgent work, a full queue, or shutdown.
    #[error("interrupted: {cause}")]
    Interrupted {
        /// By what.
        cause: &'static str,
    },
}

/// A link to one meter: carries questions and answers.
///
/// # Cancel safety
///
/// An exchange dropped after its first byte is out *poisons* the link: what may still come is drained for the longest
/// answer time, or the link is closed, before the next turn. Implementations do this, callers need not.
pub trait Exchange: Send {
    /// Sends `request` and offers frames to `expect` until it says done or patience ends.
    fn exchange(
        &mut self,
        request: &[u8],
        expect: &mut (dyn Expect + Send),
        patience: Patience,
    ) -> impl Future<Output = Result<Exchanged, LinkError>> + Send;

    /// Sends a frame that has no answer (a broadcast); returns when its last byte is out.
    ///
    /// The frame is made when the turn is there, right before its first byte goes out: a broadcast time that was made
    /// before waiting in line would set clocks late. An empty one is not sent: what asked for it has thought better of it.
    fn send(
        &mut self,
        frame: &mut (dyn FnMut() -> Vec<u8> + Send),
    ) -> impl Future<Output = Result<UtcMicros, LinkError>> + Send;

    /// Changes the line's speed and format for what follows in this dialogue.
    fn line(&mut self, change: LineSettings) -> impl Future<Output = Result<(), LinkError>> + Send;
}
