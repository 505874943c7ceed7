//! What a dialogue needs of the world, and what it tells it.

use std::time::Duration;

use hes_model::{ExchangeProof, Failure, MeterClock, Obis, Observation, UtcMicros};
use jiff::tz::TimeZone;

/// The world of one dialogue: the time, the path's habits, and somebody who takes what comes out.
///
/// All methods return at once; back-pressure is applied before a dialogue starts, by whoever starts it.
pub trait Env: Send {
    /// The host's time.
    fn now(&self) -> UtcMicros;
    /// The zone the meters' civil clocks are set to: tells which freeze is today's.
    fn zone(&self) -> &TimeZone;
    /// Wake-up bytes FE before each request, as the channel is configured.
    fn wake_up(&self) -> u8;
    /// Takes an outcome, in the order they happen.
    fn outcome(&mut self, outcome: Outcome);
}

/// Something a dialogue has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// One question and its accepted answer. They are numbered from 0 in the order they come;
    /// what follows refers to them by that number.
    ///
    /// An answer in several frames is one proof: requests and answers stand back to back in it.
    Exchange(ExchangeProof),
    /// A value, proved by an exchange already told.
    Value(Observation),
    /// A value that was asked for and will not come out of this dialogue.
    Missing {
        /// Which register.
        register: Option<Obis>,
        /// Which slot, in the meter's civil time; `None` for a value of now.
        slot: Option<MeterClock>,
        /// Why.
        failure: Failure,
    },
    /// What the meter's clock showed.
    Clock {
        /// The meter's time, to the second.
        meter: MeterClock,
        /// The host's time at that moment: halfway between the request's last byte and the answer's first.
        at: UtcMicros,
        /// How far `at` may be off: half the meter's reply time, and the second the meter does not divide.
        uncertainty: Duration,
        /// Number of the exchange that proves it.
        proof: usize,
    },
}
