//! What a dialogue says while it goes on, kept until it is over.

use std::time::{Duration, Instant};

use hes_driver::{Env, Outcome};
use hes_model::{ExchangeProof, Failure, MeterClock, Obis, Observation, UtcMicros};
use hes_validation::Receipts;
use jiff::tz::TimeZone;

use crate::host_clock::HostClock;

/// A value that was asked for and did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) register: Option<Obis>,
    pub(crate) slot: Option<MeterClock>,
    pub(crate) failure: Failure,
}

/// What the meter's clock showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockSeen {
    pub(crate) meter: MeterClock,
    pub(crate) at: UtcMicros,
    pub(crate) uncertainty: Duration,
    pub(crate) proof: usize,
}

/// The world of one dialogue, or of several with the same meter in a row.
#[derive(Debug)]
pub(crate) struct Notebook {
    zone: TimeZone,
    wake_up: u8,
    /// The host's clock since the dialogue was planned. Looked at with each answer, as a jump there and back between two
    /// looks would leave its mark on the answers between.
    host_clock: HostClock,
    pub(crate) proofs: Vec<ExchangeProof>,
    pub(crate) values: Vec<Observation>,
    pub(crate) missing: Vec<Missing>,
    pub(crate) clock: Option<ClockSeen>,
    /// Exchanges of the dialogues before the running one: the driver numbers each dialogue's from zero.
    before: usize,
}

impl Notebook {
    pub(crate) fn new(zone: TimeZone, wake_up: u8, host_clock: HostClock) -> Self {
        Self {
            zone,
            wake_up,
            host_clock,
            proofs: Vec::new(),
            values: Vec::new(),
            missing: Vec::new(),
            clock: None,
            before: 0,
        }
    }

    /// What the times are good for at which the answers came so far.
    pub(crate) fn receipts(&self) -> Receipts {
        match self.host_clock.jumped_lately(Instant::now()) {
            None => Receipts::Steady,
            Some(_milliseconds) => Receipts::Doubted,
        }
    }

    /// A further dialogue with the same meter follows.
    pub(crate) fn next_dialogue(&mut self) {
        self.before = self.proofs.len();
    }
}

impl Env for Notebook {
    fn now(&self) -> UtcMicros {
        wall_clock()
    }
    fn zone(&self) -> &TimeZone {
        &self.zone
    }
    fn wake_up(&self) -> u8 {
        self.wake_up
    }
    fn outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Exchange(proof) => {
                self.host_clock.observe(proof.received_at.0, Instant::now());
                self.proofs.push(proof);
            }
            Outcome::Value(mut value) => {
                value.proof += self.before;
                self.values.push(value);
            }
            Outcome::Missing { register, slot, failure } => self.missing.push(Missing { register, slot, failure }),
            Outcome::Clock { meter, at, uncertainty, proof } => {
                self.clock = Some(ClockSeen { meter, at, uncertainty, proof: proof + self.before });
            }
        }
    }
}

/// The host's time.
pub(crate) fn wall_clock() -> UtcMicros {
    jiff::Timestamp::now().into()
}
