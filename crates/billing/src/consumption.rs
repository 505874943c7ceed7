//! Consumption of a service point over a period, told so that a bill can be followed: each meter's part with the values
//! it was computed from, its transformer factors, and in words what is not known.

use hes_model::{
    MeterNo, Obis, Observed, Quantity, RegisterKind, Series, ServicePointNo, Transformers, UtcMicros, registers,
};
use hes_store::{Edge, InstallationView, ReadingQuery, Store, StoreError, Versions};
use jiff::civil::Date;

/// Whole digits of an energy register in DL/T 645: it rolls over at 1,000,000.
const WHOLE_DIGITS: u32 = 6;

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
    /// The transformers in front of the meter.
    #[serde(flatten)]
    pub transformers: Transformers,
    /// Difference × ct × pt, over a roll-over of the register.
    pub consumption: Option<Quantity>,
    /// Why there is none: `start`, `end`, `backwards`, `unit`, `range`.
    pub unknown: Option<Unknown>,
    /// The same in words, in English.
    pub why: Option<String>,
    /// The same in words, in Chinese.
    pub why_zh: Option<String>,
}

/// Why a part of a consumption is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// No good value at its start.
    Start,
    /// No good value at its end.
    End,
    /// The register stands lower at the end, and it was not near its roll-over.
    Backwards,
    /// The two values are of different units.
    Unit,
    /// The numbers leave the range of exact arithmetic.
    Range,
}

/// Consumption from 00:00 of one civil day to 00:00 of another; `None` for a service point at which no meter ever hung.
///
/// It comes from current good daily values and, where a meter was put up or taken down inside the period, from what its
/// register showed then.
pub async fn consumption(
    store: &Store,
    service_point: &ServicePointNo,
    register: Obis,
    from: Date,
    to: Date,
) -> Result<Option<Consumption>, StoreError> {
    let stays = store.installations_at(service_point).await?;
    if stays.is_empty() {
        return Ok(None);
    }
    let (start, end) = (store.calendar().day_start(from), store.calendar().day_start(to));
    let mut parts = Vec::new();
    for stay in stays {
        let first = stay.from.max(start);
        let last = stay.until.unwrap_or(end).min(end);
        if first < last {
            parts.push(part(store, stay, register, first, last).await?);
        }
    }
    let total = sum(&parts);
    Ok(Some(Consumption { service_point: service_point.clone(), register, from, to, total, parts }))
}

async fn part(
    store: &Store,
    stay: InstallationView,
    register: Obis,
    from: UtcMicros,
    to: UtcMicros,
) -> Result<Part, StoreError> {
    let mut start = None;
    if stay.from == from {
        start = store.edge_reading(stay.id, Edge::First, register).await?;
    }
    if start.is_none() {
        start = daily_value(store, &stay, register, from).await?;
    }
    let mut end = None;
    if stay.until == Some(to) {
        end = store.edge_reading(stay.id, Edge::Last, register).await?;
    }
    if end.is_none() {
        end = daily_value(store, &stay, register, to).await?;
    }
    let consumption = difference(register, start, end, stay.transformers);
    let unknown = consumption.err();
    let words = unknown.map(words);
    Ok(Part {
        meter_no: stay.meter_no,
        from,
        to,
        start,
        end,
        transformers: stay.transformers,
        consumption: consumption.ok(),
        unknown,
        why: words.map(|(en, _)| en.to_owned()),
        why_zh: words.map(|(_, zh)| zh.to_owned()),
    })
}

async fn daily_value(
    store: &Store,
    stay: &InstallationView,
    register: Obis,
    at: UtcMicros,
) -> Result<Option<Quantity>, StoreError> {
    let query = ReadingQuery {
        meter: stay.meter,
        register: Some(register),
        series: Series::Daily,
        from: at,
        to: at,
        versions: Versions::Current,
    };
    let good = store.readings(&query).await?.into_iter().find(|v| v.reading.quality.is_good());
    Ok(good.and_then(|v| match v.reading.value {
        Observed::Number(value) => Some(value),
        Observed::None(_) => None,
    }))
}

fn difference(
    register: Obis,
    start: Option<Quantity>,
    end: Option<Quantity>,
    transformers: Transformers,
) -> Result<Quantity, Unknown> {
    let (start, end) = (start.ok_or(Unknown::Start)?, end.ok_or(Unknown::End)?);
    if start.unit != end.unit {
        return Err(Unknown::Unit);
    }
    let scale = start.scale.max(end.scale);
    let (first, last) = (start.rescaled(scale).ok_or(Unknown::Range)?, end.rescaled(scale).ok_or(Unknown::Range)?);
    let mut difference = last.checked_sub(first).ok_or(Unknown::Range)?;
    let only_grows = registers().get(register).is_some_and(|r| r.kind == RegisterKind::Counter);
    if difference < 0 && only_grows {
        let range = 10_i64.checked_pow(WHOLE_DIGITS + u32::from(scale)).ok_or(Unknown::Range)?;
        // Near its end before and near its beginning after: rolled over. Anything else is a wrong value.
        if first < range / 10 * 9 || last > range / 10 || first >= range {
            return Err(Unknown::Backwards);
        }
        difference += range;
    }
    let factor = i64::try_from(transformers.factor()).map_err(|_| Unknown::Range)?;
    Ok(Quantity::new(difference.checked_mul(factor).ok_or(Unknown::Range)?, scale, start.unit))
}

fn sum(parts: &[Part]) -> Option<Quantity> {
    let mut known = parts.iter().map(|part| part.consumption);
    let mut total = known.next()??;
    for part in known {
        let part = part?;
        let scale = total.scale.max(part.scale);
        let mantissa = total.rescaled(scale)?.checked_add(part.rescaled(scale)?)?;
        total = (part.unit == total.unit).then_some(Quantity::new(mantissa, scale, total.unit))?;
    }
    Some(total)
}

fn words(unknown: Unknown) -> (&'static str, &'static str) {
    match unknown {
        Unknown::Start => ("no good value at the start of this part", "起始时刻无有效示数"),
        Unknown::End => ("no good value at the end of this part", "结束时刻无有效示数"),
        Unknown::Backwards => ("the register goes backwards and was not near its roll-over", "示数倒走,且未到满码"),
        Unknown::Unit => ("the two values have different units", "两个示数单位不同"),
        Unknown::Range => ("the consumption is too large to be a number", "电量超出数值范围"),
    }
}

#[cfg(test)]
mod tests {
    use hes_model::Unit;

    use super::*;

    const IMPORT: Obis = Obis([1, 0, 1, 8, 0, 255]);

    fn kwh(hundredths: i64) -> Option<Quantity> {
        Some(Quantity::new(hundredths, 2, Unit::Kwh))
    }

    #[test]
    fn a_register_that_rolled_over_counts_on_and_one_that_went_back_does_not() {
        let over = difference(IMPORT, kwh(99_999_990), kwh(15), Transformers { ct: 40, pt: 1 });
        assert_eq!(over, Ok(Quantity::new(25 * 40, 2, Unit::Kwh)));
        assert_eq!(difference(IMPORT, kwh(50_000), kwh(49_999), Transformers::DIRECT), Err(Unknown::Backwards));
        assert_eq!(difference(IMPORT, kwh(99_999_990), kwh(50_000_000), Transformers::DIRECT), Err(Unknown::Backwards));
    }

    #[test]
    fn a_difference_is_exact_or_unknown() {
        let tenths = Some(Quantity::new(101, 1, Unit::Kwh));
        assert_eq!(difference(IMPORT, tenths, kwh(1015), Transformers::DIRECT), Ok(Quantity::new(5, 2, Unit::Kwh)));
        assert_eq!(difference(IMPORT, None, kwh(1), Transformers::DIRECT), Err(Unknown::Start));
        assert_eq!(difference(IMPORT, kwh(1), None, Transformers::DIRECT), Err(Unknown::End));
        let kvarh = Some(Quantity::new(1, 2, Unit::Kvarh));
        assert_eq!(difference(IMPORT, kwh(1), kvarh, Transformers::DIRECT), Err(Unknown::Unit));
        let huge = Some(Quantity::new(i64::MAX, 2, Unit::Kwh));
        assert_eq!(difference(IMPORT, kwh(1), huge, Transformers { ct: 2, pt: 1 }), Err(Unknown::Range));
    }
}
