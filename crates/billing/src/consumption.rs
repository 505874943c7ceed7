//! Consumption of a service point over a period, told so that a bill can be followed: each meter's part with the values
//! it was computed from, its transformer factors, and in words what is not known. The arithmetic is the store's.

use hes_model::{MeterNo, Obis, Quantity, ServicePointNo, UtcMicros};
use hes_store::{ConsumptionUnknown, Segment, Store, StoreError};
use jiff::civil::Date;

/// Consumption over a period.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Consumption {
    /// The service point.
    pub service_point: ServicePointNo,
    /// The register.
    pub register: Obis,
    /// From 00:00 of this day.
    pub from: Date,
    /// To 00:00 of this day.
    pub to: Date,
    /// Sum of the parts; `null` while one of them is not known.
    pub total: Option<Quantity>,
    /// One part a meter and stay, in order.
    pub parts: Vec<Part>,
}

/// One meter's part.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// The meter.
    pub meter_no: MeterNo,
    /// From when.
    pub from: UtcMicros,
    /// Until when.
    pub to: UtcMicros,
    /// What the register showed at the start.
    pub start: Option<Quantity>,
    /// What the register showed at the end.
    pub end: Option<Quantity>,
    /// Current transformer factor.
    pub ct: u32,
    /// Voltage transformer factor.
    pub pt: u32,
    /// Difference × ct × pt, over a roll-over of the register.
    pub consumption: Option<Quantity>,
    /// Why there is none: `start`, `end`, `backwards`, `unit`, `range`.
    pub unknown: Option<ConsumptionUnknown>,
    /// The same in words, in English.
    pub why: Option<String>,
    /// The same in words, in Chinese.
    pub why_zh: Option<String>,
}

/// Consumption from 00:00 of one civil day to 00:00 of another; `None` for a service point at which no meter ever hung.
pub async fn consumption(
    store: &Store,
    service_point: &ServicePointNo,
    register: Obis,
    from: Date,
    to: Date,
) -> Result<Option<Consumption>, StoreError> {
    if store.installations_at(service_point).await?.is_empty() {
        return Ok(None);
    }
    let computed = store.consumption(service_point, register, from, to).await?;
    Ok(Some(Consumption {
        service_point: computed.service_point,
        register,
        from,
        to,
        total: computed.total,
        parts: computed.segments.into_iter().map(part).collect(),
    }))
}

fn part(segment: Segment) -> Part {
    let unknown = segment.consumption.err();
    let words = unknown.map(words);
    Part {
        meter_no: segment.meter_no,
        from: segment.from,
        to: segment.to,
        start: segment.start,
        end: segment.end,
        ct: segment.transformers.ct,
        pt: segment.transformers.pt,
        consumption: segment.consumption.ok(),
        unknown,
        why: words.map(|(en, _)| en.to_owned()),
        why_zh: words.map(|(_, zh)| zh.to_owned()),
    }
}

fn words(unknown: ConsumptionUnknown) -> (&'static str, &'static str) {
    match unknown {
        ConsumptionUnknown::Start => ("no good value at the start of this part", "起始时刻无有效示数"),
        ConsumptionUnknown::End => ("no good value at the end of this part", "结束时刻无有效示数"),
        ConsumptionUnknown::Backwards => {
            ("the register goes backwards and was not near its roll-over", "示数倒走,且未到满码")
        }
        ConsumptionUnknown::Unit => ("the two values have different units", "两个示数单位不同"),
        ConsumptionUnknown::Range => ("the consumption is too large to be a number", "电量超出数值范围"),
    }
}
