//! The times of the day at which meters latch, around which nobody sets their clocks.
//!
//! A clock set back over such a moment latches twice, one set forward may not latch. A broadcast reaches five minutes at
//! the most (DL/T 645-2007: a meter that is further off does not take it), so a moment that is further away is safe,
//! whichever side of it the meter's clock is on.

use hes_model::MeterSpec;
use jiff::SignedDuration;
use jiff::civil::Time;

use crate::Model;

/// On either side of midnight, when daily values are latched; meters refuse a broadcast then by themselves.
const MIDNIGHT_GUARD: SignedDuration = SignedDuration::from_mins(10);
/// On either side of a settlement: the reach of a broadcast, and a minute for its way and for what a second is made of.
const SETTLEMENT_GUARD: SignedDuration = SignedDuration::from_mins(6);

/// What a meter latches about now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Latching {
    /// Its daily values.
    #[error("it is within ten minutes of midnight, when meters take no broadcast time and latch their daily values")]
    Midnight,
    /// Its settlement. The hour is kept free on every day: a meter may settle on three days of the month.
    #[error("it is within six minutes of {hour}:00, when meters settle by their model's profile")]
    Settlement {
        /// By its model's profile.
        hour: i8,
    },
}

/// What a meter of this model latches about this time of its day.
pub fn latching(meter: &MeterSpec, now: Time) -> Option<Latching> {
    let settlement = Model::of(meter).ok().and_then(|model| model.monthly.as_ref());
    latching_of(settlement.map(|settlement| settlement.settlement_hour), now)
}

fn latching_of(settlement_hour: Option<i8>, now: Time) -> Option<Latching> {
    if apart(now, Time::midnight()) < MIDNIGHT_GUARD {
        return Some(Latching::Midnight);
    }
    let hour = settlement_hour?;
    let settles = Time::new(hour, 0, 0, 0).ok()?;
    (apart(now, settles) < SETTLEMENT_GUARD).then_some(Latching::Settlement { hour })
}

/// How far two times of the day are apart, over midnight too.
fn apart(a: Time, b: Time) -> SignedDuration {
    let between = a.duration_since(b).abs();
    between.min(SignedDuration::from_hours(24) - between)
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    #[test]
    fn clocks_are_left_alone_around_midnight_on_both_sides() {
        for (hour, minute, second, latches) in
            [(23, 50, 0, false), (23, 50, 1, true), (0, 0, 0, true), (0, 9, 59, true), (0, 10, 0, false)]
        {
            let now = time(hour, minute, second, 0);
            assert_eq!(latching_of(Some(0), now).is_some(), latches, "{now}");
        }
    }

    #[test]
    fn clocks_are_left_alone_around_the_hour_of_the_settlement_on_both_sides() {
        for (hour, minute, second, latches) in
            [(5, 54, 0, false), (5, 54, 1, true), (6, 0, 0, true), (6, 5, 59, true), (6, 6, 0, false)]
        {
            let now = time(hour, minute, second, 0);
            let expected = latches.then_some(Latching::Settlement { hour: 6 });
            assert_eq!(latching_of(Some(6), now), expected, "{now}");
            assert_eq!(latching_of(None, now), None, "a meter that keeps no settlements");
        }
    }
}
