//! The utility's civil calendar: days and meter clocks ↔ instants, through its time zone, daylight saving included. Pure.

use hes_model::{MeterClock, UtcMicros};
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

const MICROS: i64 = 1_000_000;

/// The day with the number 0.
const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// The utility's zone, as every slot is computed through it.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// The calendar of a zone.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone }
    }
    /// The zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
    /// When a civil day begins: 00:00, or the first instant after it where a zone skips midnight.
    pub fn day_start(&self, day: Date) -> UtcMicros {
        self.instant(day.at(0, 0, 0, 0))
    }
    /// The civil day of an instant.
    pub fn day_of(&self, at: UtcMicros) -> Date {
        self.civil(at).date()
    }
    /// What a right clock shows at an instant.
    pub fn civil(&self, at: UtcMicros) -> DateTime {
        self.zone.to_datetime(at.timestamp())
    }
    /// What a right *meter* shows at an instant.
    pub fn meter_clock(&self, at: UtcMicros) -> MeterClock {
        MeterClock(self.civil(at))
    }
    /// The instant of a civil time. A time that is skipped moves forward by the gap, one that occurs twice is the first.
    pub fn instant(&self, civil: DateTime) -> UtcMicros {
        self.zone
            .to_ambiguous_timestamp(civil)
            .compatible()
            .map_or_else(|_| UtcMicros(if civil.year() < 0 { i64::MIN } else { i64::MAX }), UtcMicros::from)
    }
    /// Every instant at which a right clock shows a civil time: two where it occurs twice, and where it is skipped the one
    /// by which it has passed.
    pub(crate) fn instants(&self, civil: DateTime) -> impl Iterator<Item = UtcMicros> + use<> {
        let ambiguous = self.zone.to_ambiguous_timestamp(civil);
        let again = match ambiguous.offset() {
            AmbiguousOffset::Fold { .. } => ambiguous.later().ok().map(UtcMicros::from),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => None,
        };
        std::iter::once(self.instant(civil)).chain(again)
    }
    /// The instant of a civil time that may occur twice: the one nearest to `near`.
    pub fn instant_near(&self, civil: DateTime, near: UtcMicros) -> UtcMicros {
        let ambiguous = self.zone.to_ambiguous_timestamp(civil);
        match (ambiguous.earlier(), ambiguous.later()) {
            (Ok(a), Ok(b)) => {
                let distance = |t: jiff::Timestamp| UtcMicros::from(t).since(near).unsigned_abs();
                UtcMicros::from(if distance(b) < distance(a) { b } else { a })
            }
            _ => self.instant(civil),
        }
    }
}

/// Number of a civil day since 1970-01-01.
pub(crate) fn day_number(day: Date) -> i64 {
    day.duration_since(EPOCH).as_secs() / 86_400
}

/// The inverse of [`day_number`], clamped to the calendar.
pub(crate) fn day_from_number(n: i64) -> Date {
    clock_from_seconds(n.saturating_mul(86_400)).0.date()
}

/// Seconds of a civil time since 1970-01-01T00:00:00 civil: how the store keeps a meter's clock.
pub(crate) fn civil_seconds(clock: MeterClock) -> i64 {
    TimeZone::UTC.to_ambiguous_timestamp(clock.0).compatible().map_or(0, jiff::Timestamp::as_second)
}

/// The inverse of [`civil_seconds`], clamped to the calendar.
pub(crate) fn clock_from_seconds(seconds: i64) -> MeterClock {
    let clamped = seconds.clamp(jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
    let at = jiff::Timestamp::from_second(clamped).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    MeterClock(TimeZone::UTC.to_datetime(at))
}

/// Whole seconds of a slot; `None` when it has a fraction, which no slot has.
pub(crate) fn slot_seconds(slot: UtcMicros) -> Option<i64> {
    (slot.0.rem_euclid(MICROS) == 0).then(|| slot.0.div_euclid(MICROS))
}

/// The inverse of [`slot_seconds`].
pub(crate) fn slot_from_seconds(seconds: i64) -> UtcMicros {
    UtcMicros(seconds.saturating_mul(MICROS))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_civil_day_with_a_change_of_clocks_is_23_or_25_hours() {
        let calendar = Calendar::new(TimeZone::get("Europe/Berlin").unwrap());
        let hours =
            |day: Date| calendar.day_start(day.tomorrow().unwrap()).since(calendar.day_start(day)) / (3600 * MICROS);
        assert_eq!((hours(date(2026, 3, 29)), hours(date(2026, 10, 25)), hours(date(2026, 6, 1))), (23, 25, 24));
    }

    #[test]
    fn a_civil_time_that_occurs_twice_is_told_apart_by_what_is_near() {
        let calendar = Calendar::new(TimeZone::get("Europe/Berlin").unwrap());
        let twice = date(2026, 10, 25).at(2, 30, 0, 0);
        let first = calendar.instant(twice);
        let second = UtcMicros(first.0 + 3600 * MICROS);
        assert_eq!(calendar.instant_near(twice, UtcMicros(second.0 + 1)), second);
        assert_eq!(calendar.instant_near(twice, first), first);
    }

    #[test]
    fn days_and_their_numbers_are_inverse() {
        for day in [date(1969, 12, 31), date(1970, 1, 1), date(2026, 11, 24), date(2100, 2, 28)] {
            assert_eq!(day_from_number(day_number(day)), day);
        }
        assert_eq!(day_number(date(1970, 1, 2)), 1);
    }
}
