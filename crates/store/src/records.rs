//! What a dialogue hands over and what it gets back.

use hes_model::{
    ChannelName, Class, ExchangeProof, Failure, MeterClock, MeterId, Obis, PlanName, Reading, ReadingSeq, Series,
    UtcMicros,
};

/// One value that a plan expects: derived, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// Which series.
    pub series: Series,
    /// When: latch time, interval start or planned time.
    pub time: UtcMicros,
    /// Which register.
    pub register: Obis,
}

/// What one dialogue brought, good or bad. Stored in one transaction, whole or not at all.
#[derive(Debug, Clone)]
pub struct DialogueRecord {
    /// With which meter.
    pub meter: MeterId,
    /// Over which channel.
    pub channel: ChannelName,
    /// For which plan; `None` when a person asked.
    pub plan: Option<PlanName>,
    /// In which class.
    pub class: Class,
    /// Its exchanges, in order. Those that prove nothing new are not kept.
    pub exchanges: Vec<ExchangeProof>,
    /// Its values, each with the index of the exchange that proves it. A good [`Absent`](hes_model::NoValue::Absent) settles its slot.
    pub readings: Vec<(Reading, usize)>,
    /// What was not obtained. The slots stay open unless they are given up below.
    pub failures: Vec<FailedAttempt>,
    /// Before when slots that stay open, failed or suspect, shall not be asked again. One that is not named here may be asked at once.
    pub retry: Vec<Retry>,
    /// Slots that shall not be asked again. Those given up as not supported make the register known as such.
    pub given_up: Vec<GiveUp>,
    /// The meter's clock, if it was read.
    pub clock: Option<ClockReading>,
    /// The on-demand read that it serves: its values are kept as that read's results too.
    pub on_demand: Option<OnDemandId>,
}

impl DialogueRecord {
    /// A record that holds nothing yet.
    pub fn new(meter: MeterId, channel: ChannelName, plan: Option<PlanName>, class: Class) -> Self {
        Self {
            meter,
            channel,
            plan,
            class,
            exchanges: Vec::new(),
            readings: Vec::new(),
            failures: Vec::new(),
            retry: Vec::new(),
            given_up: Vec::new(),
            clock: None,
            on_demand: None,
        }
    }
}

/// An on-demand read's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct OnDemandId(pub i64);

impl std::fmt::Display for OnDemandId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A slot that stays open, and when it may be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Which.
    pub slot: Slot,
    /// Not before.
    pub not_before: UtcMicros,
}

/// An attempt that brought no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    /// When it ended.
    pub at: UtcMicros,
    /// Why.
    pub failure: Failure,
    /// Which slots it leaves open. Empty when no slot was concerned.
    pub slots: Vec<Slot>,
}

/// The end of a slot without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveUp {
    /// Which.
    pub slot: Slot,
    /// When that was decided.
    pub at: UtcMicros,
    /// Why.
    pub reason: Failure,
}

/// What a meter's clock showed, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// Shown by the meter.
    pub meter_clock: MeterClock,
    /// Our time for the same moment.
    pub at: UtcMicros,
    /// Meter minus ours, in milliseconds: above zero when the meter is fast.
    pub offset_ms: i64,
    /// Half the time the answer may have been under way.
    pub uncertainty_ms: i64,
    /// Index of the exchange that proves it.
    pub proof: usize,
}

/// What became of one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// A new version.
    Version(ReadingSeq),
    /// Known already.
    Unchanged,
}

/// A committed dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// What became of each reading, in the order of the record.
    pub readings: Vec<Stored>,
}

impl Committed {
    /// How many new versions there are.
    pub fn stored(&self) -> usize {
        self.readings.iter().filter(|r| matches!(r, Stored::Version(_))).count()
    }
}
