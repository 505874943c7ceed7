//! Consumption of a service point over a period: register differences × transformer factors, over meter exchanges and
//! roll-overs. Exact integers throughout.
//!
//! What cannot be computed from good readings is named, not guessed: the result says whether it is complete.

use hes_model::{MeterNo, Quantity, Transformers, Unit};
use jiff::civil::Date;

/// Digits of an energy register on DL/T 645 meters (four BCD bytes, `XXXXXX.XX`): it rolls over from 99999999 to 0.
pub const REGISTER_DIGITS: u32 = 8;
/// A register that goes backwards has rolled over only if it was in the last tenth of its range and is in the first now.
const ROLL_OVER_MARGIN_TENTHS: i128 = 1;

/// What a register showed at one end of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Edge {
    /// The day at whose 00:00 the value holds.
    pub day: Date,
    /// The value.
    pub quantity: Quantity,
}

/// One meter's part of the period, as the archive and the readings have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The meter.
    pub meter_no: MeterNo,
    /// The factors in force.
    pub transformers: Transformers,
    /// First day of the part.
    pub from: Date,
    /// End of the part: the value of this day's 00:00 closes it.
    pub to: Date,
    /// The good reading nearest to the start, on or after it.
    pub start: Option<Edge>,
    /// The good reading nearest to the end, on or before it.
    pub end: Option<Edge>,
}

/// One meter's part of a result.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// The meter.
    pub meter_no: MeterNo,
    /// The reading it starts with.
    pub start: Option<Edge>,
    /// The reading it ends with.
    pub end: Option<Edge>,
    /// Current transformer factor.
    pub ct: u32,
    /// Voltage transformer factor.
    pub pt: u32,
    /// Whether the register rolled over in between.
    pub rolled_over: bool,
    /// Difference × ct × pt; `null` where it cannot be computed.
    pub consumption: Option<Quantity>,
    /// Why the part does not cover its days, in words; empty when it does.
    pub gaps: Vec<String>,
}

/// Consumption over a period.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Consumption {
    /// Sum of the parts that could be computed; `null` when there is none.
    pub total: Option<Quantity>,
    /// Whether the parts cover the whole period.
    pub complete: bool,
    /// One part a meter and installation, in order.
    pub parts: Vec<Part>,
}

impl Consumption {
    /// Adds up the segments of a period, which are in order and do not overlap.
    pub fn of(segments: &[Segment]) -> Self {
        let parts: Vec<Part> = segments.iter().map(part).collect();
        let complete = !parts.is_empty() && parts.iter().all(|p| p.gaps.is_empty());
        let amounts: Vec<Quantity> = parts.iter().filter_map(|p| p.consumption).collect();
        let total = sum(&amounts);
        Self { complete: complete && total.is_some(), total, parts }
    }
}

fn part(segment: &Segment) -> Part {
    let Segment { meter_no, transformers, from, to, start, end } = segment;
    let mut gaps = Vec::new();
    let mut note_edge = |edge: &Option<Edge>, wanted: Date, what: &str| match edge {
        None => gaps.push(format!("no good reading at the {what}, {wanted}")),
        Some(edge) if edge.day != wanted => {
            gaps.push(format!("the reading nearest to the {what}, {wanted}, is of {}", edge.day));
        }
        Some(_) => {}
    };
    note_edge(start, *from, "start");
    note_edge(end, *to, "end");
    let mut rolled_over = false;
    let mut consumption = None;
    if let (Some(start), Some(end)) = (start, end) {
        match difference(start.quantity, end.quantity) {
            Ok((mantissa, wrapped)) => {
                rolled_over = wrapped;
                let scale = start.quantity.scale.max(end.quantity.scale);
                consumption = multiplied(mantissa, transformers.factor(), scale, end.quantity.unit);
                if consumption.is_none() {
                    gaps.push("the consumption is too large to be a number".to_owned());
                }
            }
            Err(why) => gaps.push(why.to_owned()),
        }
    }
    Part {
        meter_no: meter_no.clone(),
        start: *start,
        end: *end,
        ct: transformers.ct,
        pt: transformers.pt,
        rolled_over,
        consumption,
        gaps,
    }
}

/// `end - start` at the finer of both scales, and whether the register rolled over.
fn difference(start: Quantity, end: Quantity) -> Result<(i128, bool), &'static str> {
    if start.unit != end.unit {
        return Err("the readings have different units");
    }
    let scale = start.scale.max(end.scale);
    let widened = |q: Quantity| i128::from(q.mantissa) * 10_i128.pow(u32::from(scale - q.scale));
    let (from, to) = (widened(start), widened(end));
    if to >= from {
        return Ok((to - from, false));
    }
    // Digits count on the register as the meter shows it; a finer scale on one side only widens both.
    let shown_scale = start.scale.min(end.scale);
    let range = 10_i128.pow(REGISTER_DIGITS + u32::from(scale - shown_scale));
    let margin = range * ROLL_OVER_MARGIN_TENTHS / 10;
    if from >= range - margin && from < range && (0..margin).contains(&to) {
        return Ok((to + range - from, true));
    }
    Err("the register goes backwards and was not near its roll-over")
}

fn multiplied(mantissa: i128, factor: u64, scale: u8, unit: Unit) -> Option<Quantity> {
    let product = mantissa.checked_mul(i128::from(factor))?;
    Some(Quantity::new(i64::try_from(product).ok()?, scale, unit))
}

fn sum(amounts: &[Quantity]) -> Option<Quantity> {
    let scale = amounts.iter().map(|q| q.scale).max()?;
    let unit = amounts.first()?.unit;
    let mut total = 0_i64;
    for amount in amounts {
        total = total.checked_add(amount.rescaled(scale).filter(|_| amount.unit == unit)?)?;
    }
    Some(Quantity::new(total, scale, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(day: &str, mantissa: i64) -> Option<Edge> {
        Some(Edge { day: day.parse().unwrap(), quantity: Quantity::new(mantissa, 2, Unit::Kwh) })
    }

    fn segment(meter: &str, ct: u32, start: Option<Edge>, end: Option<Edge>) -> Segment {
        let day = |edge: &Option<Edge>, or: &str| edge.map_or_else(|| or.parse().unwrap(), |e| e.day);
        Segment {
            meter_no: MeterNo::new(meter).unwrap(),
            transformers: Transformers { ct, pt: 1 },
            from: day(&start, "2026-07-01"),
            to: day(&end, "2026-08-01"),
            start,
            end,
        }
    }

    #[test]
    fn a_month_over_a_meter_exchange_adds_both_meters_each_with_its_factor() {
        let old = segment("M1", 30, edge("2026-07-01", 10_000), edge("2026-07-15", 10_550));
        let new = segment("M2", 40, edge("2026-07-15", 0), edge("2026-08-01", 250));
        let result = Consumption::of(&[old, new]);
        assert_eq!(result.total.unwrap().to_string(), "265.00 kWh");
        assert!(result.complete);
    }

    #[test]
    fn a_register_that_rolls_over_goes_on_counting() {
        let result = Consumption::of(&[segment("M1", 1, edge("2026-07-01", 99_999_950), edge("2026-08-01", 50))]);
        assert_eq!(result.total.unwrap().to_string(), "1.00 kWh");
        assert!(result.parts[0].rolled_over);
    }

    #[test]
    fn a_register_that_goes_backwards_elsewhere_is_not_billed() {
        let result =
            Consumption::of(&[segment("M1", 1, edge("2026-07-01", 50_000_000), edge("2026-08-01", 49_999_999))]);
        assert_eq!((result.total, result.complete), (None, false));
        assert!(result.parts[0].gaps[0].contains("goes backwards"));
    }

    #[test]
    fn a_reading_that_is_missing_at_an_end_is_named_and_what_is_there_still_counts() {
        let mut part = segment("M1", 1, edge("2026-07-01", 100), edge("2026-07-30", 400));
        part.to = "2026-08-01".parse().unwrap();
        let result = Consumption::of(&[part, segment("M2", 1, None, None)]);
        assert_eq!(result.total.unwrap().to_string(), "3.00 kWh");
        assert!(!result.complete);
        assert!(result.parts[0].gaps[0].contains("is of 2026-07-30"), "{:?}", result.parts[0].gaps);
        assert_eq!(result.parts[1].gaps.len(), 2);
    }

    #[test]
    fn nothing_is_not_zero() {
        assert_eq!(Consumption::of(&[]), Consumption { total: None, complete: false, parts: Vec::new() });
    }

    #[test]
    fn a_product_beyond_a_number_is_refused_and_not_wrapped() {
        let far = Edge { day: "2026-08-01".parse().unwrap(), quantity: Quantity::new(i64::MAX, 2, Unit::Kwh) };
        let result = Consumption::of(&[segment("M1", 100_000, edge("2026-07-01", 0), Some(far))]);
        assert_eq!(result.total, None);
        assert!(!result.complete);
    }
}
