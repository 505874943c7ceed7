//! Rules that need one value only.

use hes_model::{MeterClock, NoValue, Observed, Quantity, Reading, Register, RegisterKind, Series, Unit, registers};

use crate::{Background, DemandTimes, Limits, Receipts, Rule};

/// Rules `reading` breaks by itself.
pub(crate) fn broken_alone(reading: &Reading, background: &Background, limits: &Limits) -> Vec<Rule> {
    let mut broken = Vec::new();
    match &reading.value {
        Observed::None(NoValue::Absent) => {}
        Observed::None(NoValue::NotBcd) => broken.push(Rule::NotBcd),
        Observed::None(NoValue::Malformed) => broken.push(Rule::Malformed),
        Observed::Number(value) => {
            if let Some(register) = registers().get(reading.register) {
                broken.extend(broken_by_number(value, register, background, limits));
                if register.kind == RegisterKind::Demand && !demand_time_fits(reading, background, limits) {
                    broken.push(Rule::DemandTime);
                }
            }
        }
    }
    if clock_is_implausible(reading, background, limits) {
        broken.push(Rule::Clock);
    }
    broken
}

fn broken_by_number(value: &Quantity, register: &Register, background: &Background, limits: &Limits) -> Option<Rule> {
    if value.unit != register.unit {
        return Some(Rule::Malformed);
    }
    let shrinks_below_zero =
        matches!(register.kind, RegisterKind::Counter | RegisterKind::Demand) && value.mantissa < 0;
    if shrinks_below_zero || limits.range(register).is_some_and(|range| !range.contains(value)) {
        return Some(Rule::OutOfRange);
    }
    (is_power(value.unit) && exceeds(value, background.connection.max_watts)).then_some(Rule::BeyondConnection)
}

fn is_power(unit: Unit) -> bool {
    matches!(unit, Unit::Kw | Unit::Kvar | Unit::Kva)
}

/// Whether a power in kilo-units is more than so many watts.
fn exceeds(power: &Quantity, max_watts: u32) -> bool {
    let scale = 10_i128.pow(u32::from(power.scale));
    i128::from(power.mantissa.unsigned_abs()) * 1000 > i128::from(max_watts) * scale
}

/// A maximum demand of zero may come without a time; any other occurred before its latch and not too long ago. One of now is
/// latched when it is received, of which a clock that jumped tells nothing.
fn demand_time_fits(reading: &Reading, background: &Background, limits: &Limits) -> bool {
    let Some(MeterClock(occurred)) = reading.occurred else {
        return background.demand_times == DemandTimes::Apart
            || matches!(reading.value, Observed::Number(Quantity { mantissa: 0, .. }));
    };
    let latched = match reading.series {
        Series::Instant if background.receipts == Receipts::Doubted => return true,
        Series::Instant => background.civil(reading.captured.0),
        Series::Interval(_) | Series::Daily | Series::Monthly => background.civil(reading.slot),
    };
    let slack = jiff::SignedDuration::from_secs(limits.clock.future_max_seconds.into());
    let age = latched.duration_since(occurred);
    // A settlement may be latched on any day of its month, after the first day that names its slot.
    let after_latch = match reading.series {
        Series::Monthly => jiff::SignedDuration::from_hours(31 * 24),
        _ => slack,
    };
    age >= -after_latch && age <= jiff::SignedDuration::from_hours(i64::from(limits.demand.max_age_days) * 24)
}

fn clock_is_implausible(reading: &Reading, background: &Background, limits: &Limits) -> bool {
    let too_far = background.clock_offset_seconds.is_some_and(|offset| limits.is_too_far_off(offset, reading.series));
    let stamp_in_future = reading.meter_clock.is_some_and(|MeterClock(stamp)| {
        let ahead = stamp.duration_since(background.civil(reading.received.0));
        ahead > jiff::SignedDuration::from_secs(limits.clock.future_max_seconds.into())
    });
    too_far || background.receipts == Receipts::Steady && stamp_in_future
}
