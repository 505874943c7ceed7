//! Stored readings, and what proves one of them.

use hes_model::{
    ChannelName, ExchangeId, MeterClock, MeterNo, NoValue, Obis, Observed, PlanName, Quality, Quantity, ReadingSeq,
    RuleId, Series, UtcMicros, registers,
};

/// A value of one register and slot, and how far it may be trusted; stored, or brought by an on-demand read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Value {
    /// Which register.
    pub register: Obis,
    /// Its alias.
    pub alias: String,
    /// `instant`, `daily`, `monthly`, `interval_15`…
    pub series: String,
    /// The slot: when it was latched, when its interval starts; of a value of now, when it was captured.
    pub slot: UtcMicros,
    /// The number with its unit.
    pub quantity: Option<Quantity>,
    /// Why there is no number.
    pub no_value: Option<NoValue>,
    /// `good` or `suspect`.
    pub quality: QualityCode,
    /// The plausibility rules a suspect value broke.
    pub rules: Vec<RuleId>,
    /// When the value occurred (maximum demand), by the meter's clock.
    pub occurred: Option<MeterClock>,
    /// The meter's own stamp for it, in its civil time.
    pub meter_clock: Option<MeterClock>,
    /// When we received it, in UTC.
    pub received_at: UtcMicros,
}

impl Value {
    /// What a value says, in the terms of the interface.
    pub(crate) fn new(
        (register, series, slot): (Obis, Series, UtcMicros),
        value: Observed,
        quality: Quality,
        (occurred, meter_clock): (Option<MeterClock>, Option<MeterClock>),
        received_at: UtcMicros,
    ) -> Self {
        let (quantity, no_value) = match value {
            Observed::Number(quantity) => (Some(quantity), None),
            Observed::None(why) => (None, Some(why)),
        };
        let (quality, rules) = match quality {
            Quality::Good => (QualityCode::Good, Vec::new()),
            Quality::Suspect(rules) => (QualityCode::Suspect, rules),
        };
        let (alias, series) = (registers().name_of(register), series.code());
        Self { register, alias, series, slot, quantity, no_value, quality, rules, occurred, meter_clock, received_at }
    }
}

/// One stored version of a reading.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReadingRow {
    /// Whose.
    pub meter_no: MeterNo,
    /// What it says.
    #[serde(flatten)]
    pub value: Value,
    /// Version of the slot, from 1.
    pub version: u32,
    /// Whether no other version supersedes it.
    pub current: bool,
    /// Ingest sequence.
    pub seq: ReadingSeq,
    /// When the value was captured, in UTC.
    pub captured_at: UtcMicros,
    /// The exchange that proves it.
    pub exchange: Option<ExchangeId>,
}

/// The quality of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityCode {
    /// Passed every rule.
    Good,
    /// Broke at least one.
    Suspect,
}

/// Everything that proves a reading.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Evidence {
    /// The version asked for.
    pub reading: ReadingRow,
    /// Every version of its slot, oldest first.
    pub versions: Vec<ReadingRow>,
    /// The exchange it was taken from; `null` once the retention of evidence is over.
    pub exchange: Option<ExchangeEvidence>,
}

/// One exchange, as it went over the wire.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExchangeEvidence {
    /// Its number.
    pub id: ExchangeId,
    /// The channel it went over.
    pub channel: ChannelName,
    /// The meter that was asked.
    pub meter_no: MeterNo,
    /// The plan it was for; `null` for on-demand reads.
    pub plan: Option<PlanName>,
    /// Its class: `scheduled`, `backfill`, `on_demand`…
    pub class: String,
    /// When the last byte of the request had gone out.
    pub sent_at: UtcMicros,
    /// When the last byte of the answer was here.
    pub received_at: UtcMicros,
    /// What was sent.
    pub request: EvidenceBytes,
    /// What was answered.
    pub answer: EvidenceBytes,
}

/// Bytes and their explanation, field by field.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EvidenceBytes {
    /// Two hex digits a byte, parted by blanks.
    pub hex: String,
    /// The fields, in the order of the bytes.
    pub fields: Vec<EvidenceField>,
}

/// One field of a frame.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EvidenceField {
    /// First byte, counted from 0.
    pub offset: usize,
    /// How many bytes.
    pub len: usize,
    /// As on the wire, in hex.
    pub raw: String,
    /// Without the mask of the protocol, in hex, for data.
    pub plain: Option<String>,
    /// The stable name of the field.
    pub field: String,
    /// What the field is, in English.
    pub name: String,
    /// What the field is, in Chinese.
    pub name_zh: String,
    /// What it says.
    pub value: String,
}
