//! What a meter said, from the wire to the store.

use crate::{CapturedAt, ExchangeId, MeterClock, MeterId, Obis, Quality, Quantity, ReceivedAt, Series, UtcMicros};

/// Why an answer that fits its question carries no number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoValue {
    /// Every byte FF: the meter has no such value (an absent phase). Settles the slot.
    Absent,
    /// A digit above nine: damage that the check sum missed, or a broken meter. Suspect.
    NotBcd,
    /// The field's length or inner structure is not what the table says. Suspect.
    Malformed,
}

/// The value of an observation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// An exact number with its unit.
    Number(Quantity),
    /// Nothing usable, and why; the bytes are in the evidence.
    None(NoValue),
}

/// One value a dialogue took from an answer, still in the meter's own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Which register.
    pub register: Obis,
    /// Which series of that register.
    pub series: Series,
    /// The latch or interval time in the meter's civil clock, for a settlement the month it is of. `None` for a value of
    /// now.
    pub slot: Option<MeterClock>,
    /// When it was latched by the meter's clock, where its slot does not say so: a settlement, on the meter's own day.
    pub latched: Option<MeterClock>,
    /// The number.
    pub value: Observed,
    /// When the value occurred, by the meter's clock, where the meter says so (a maximum demand).
    pub occurred: Option<MeterClock>,
    /// Index into the dialogue's exchanges of the one that proves it.
    pub proof: usize,
}

/// The bytes of one exchange that was accepted: what proves the readings taken from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeProof {
    /// What we sent, wake-up bytes included.
    pub request: Vec<u8>,
    /// The accepted answer frame.
    pub answer: Vec<u8>,
    /// When the last byte of the request had gone out.
    pub sent_at: UtcMicros,
    /// When the last byte of the answer was here.
    pub received_at: ReceivedAt,
}

/// One version of a reading, ready to be stored or as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Whose.
    pub meter: MeterId,
    /// Which register.
    pub register: Obis,
    /// Which series.
    pub series: Series,
    /// The slot in UTC: latch time, interval start, or (instant values) the planned time.
    pub slot: UtcMicros,
    /// The value.
    pub value: Observed,
    /// When the value occurred, by the meter's clock (a maximum demand).
    pub occurred: Option<MeterClock>,
    /// The meter's own stamp for the value, if it sent one.
    pub meter_clock: Option<MeterClock>,
    /// When it was captured, by our reckoning.
    pub captured: CapturedAt,
    /// When it was received.
    pub received: ReceivedAt,
    /// Whether it may be trusted.
    pub quality: Quality,
    /// The stored exchange that proves it; `None` only before it is stored.
    pub exchange: Option<ExchangeId>,
}
