//! On-demand reads (召测): asked for, waited for, answered.

use hes_model::{ExchangeId, FailureKind, MeterClock, MeterNo, Obis, ReadingSeq, UtcMicros};
use jiff::civil::{Date, DateTime};

pub use hes_store::OnDemandState as ReadState;

use super::readings::Value;

/// What to read from one meter now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadRequest {
    /// Which meter.
    pub meter: MeterNo,
    /// What of it.
    pub what: ReadWhat,
}

/// The kinds of on-demand reads. Registers are named by OBIS code or alias.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "series", rename_all = "snake_case", deny_unknown_fields)]
pub enum ReadWhat {
    /// Values of now.
    Instant {
        /// Which registers.
        registers: Vec<String>,
    },
    /// Daily freezes.
    Daily {
        /// Which registers.
        registers: Vec<String>,
        /// Latched at 00:00 of these days.
        days: Vec<Date>,
    },
    /// Settlement values.
    Monthly {
        /// Which registers.
        registers: Vec<String>,
        /// First days of months.
        months: Vec<Date>,
    },
    /// Load-profile points.
    Interval {
        /// Which registers.
        registers: Vec<String>,
        /// 1, 5, 15, 30 or 60.
        minutes: u8,
        /// First interval's start, civil.
        from: DateTime,
        /// End, exclusive, civil.
        to: DateTime,
    },
    /// The meter's clock.
    Clock,
}

/// An on-demand read and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReadStatus {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub meter: MeterNo,
    /// How far.
    pub state: ReadState,
    /// When it was asked for.
    pub created_at: UtcMicros,
    /// When it expires.
    pub deadline_at: UtcMicros,
    /// When it ended.
    pub finished_at: Option<UtcMicros>,
    /// What the meter said.
    pub values: Vec<ReadValue>,
    /// What it did not say, and why.
    pub failures: Vec<ReadFailure>,
    /// Its clock, where that was asked for.
    pub clock: Option<ReadClock>,
}

/// One value of an on-demand read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReadValue {
    /// What it says.
    #[serde(flatten)]
    pub value: Value,
    /// The stored version that holds this value, for the evidence; `null` until it is stored.
    pub seq: Option<ReadingSeq>,
    /// The exchange that proves it.
    pub exchange: Option<ExchangeId>,
}

/// One thing that was not obtained.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReadFailure {
    /// Which register; `null` where the dialogue as a whole failed.
    pub register: Option<Obis>,
    /// The cause.
    pub kind: FailureKind,
    /// What was seen.
    pub detail: String,
}

/// A meter's clock against ours.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReadClock {
    /// What it showed.
    pub meter_clock: MeterClock,
    /// When, by our clock.
    pub at: UtcMicros,
    /// Meter minus host, in milliseconds; above 0 the meter is ahead.
    pub offset_ms: i64,
}
