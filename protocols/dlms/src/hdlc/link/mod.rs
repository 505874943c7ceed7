//! Both ends of a link, as rules without a line or a clock: Green Book clause 8.4.5.
//!
//! [`Client`] polls and [`Server`] answers when it is polled. Each is told what arrived and what time it is, and says what
//! to send and what has happened. Segments, windows, acknowledgements and repetitions stay inside; only whole APDUs come
//! out, each once and in order.

mod client;
mod incoming;
mod outgoing;
mod server;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use client::{Client, ClientEvent};
pub use server::{Server, ServerEvent};

use super::{Address, Parameters};

/// What a link goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The address of this end.
    pub own: Address,
    /// The address of the other end; a server takes whoever opens the link.
    pub peer: Address,
    /// Sizes and windows this end would like.
    pub parameters: Parameters,
    /// Longest APDU that is put together.
    pub max_apdu_octets: usize,
    /// How long a client waits for the answer to a poll. How long a server keeps a silent link open.
    pub patience: Duration,
    /// How often a client repeats what was not answered.
    pub retries: u8,
    /// How long a client waits before it asks a busy server again.
    pub busy_pause: Duration,
    /// How long a client waits for the answer to an APDU in all.
    pub answer_timeout: Duration,
}

impl Settings {
    /// What fits most meters: three repetitions, five seconds of patience, a minute in all.
    pub fn client(own: Address, peer: Address) -> Self {
        Self {
            own,
            peer,
            parameters: Parameters::default(),
            max_apdu_octets: 1 << 16,
            patience: Duration::from_secs(5),
            retries: 3,
            busy_pause: Duration::from_millis(200),
            answer_timeout: Duration::from_secs(60),
        }
    }
    /// A meter with the inactivity time-out that class 23 has by default.
    pub fn server(own: Address) -> Self {
        Self { patience: Duration::from_secs(120), ..Self::client(own, own) }
    }
}

/// Why a link is no longer open, or was never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Closed {
    /// This end wanted it, or the peer did and was answered.
    #[error("the link was closed in good order")]
    InOrder,
    /// Nothing was answered, however often it was repeated.
    #[error("no answer")]
    NoAnswer,
    /// The peer says that the link is not open: DM.
    #[error("the peer says that the link is not open")]
    Disconnected,
    /// The peer cannot go on: FRMR.
    #[error("the peer rejected a frame")]
    Rejected,
    /// The peer acknowledges what was never sent.
    #[error("the peer acknowledges frames that were never sent")]
    OutOfStep,
    /// The segments of an APDU are longer than allowed.
    #[error("the segments of an APDU are longer than allowed")]
    TooLong,
}

/// Why an APDU cannot be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotNow {
    /// The link is not open.
    #[error("the link is not open")]
    Closed,
    /// The last one is not answered yet, or nothing was asked.
    #[error("it is not this end's turn")]
    NotOurTurn,
}
