//! Civil time as the meters keep it: no zone, no summer time, milliseconds since 1970-01-01 00:00 on that clock.
//!
//! A meter knows no UTC. Everything a meter latches is addressed in this time; [`crate::clock`] ties it to the wall.

use jiff::civil::DateTime;

/// An instant on a civil clock, in milliseconds since 1970-01-01 00:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Civil(pub i64);

/// One second.
pub(crate) const SECOND: i64 = 1_000;
/// One minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// The demand and profile period, which is also the grain of every load curve.
pub(crate) const QUARTER: i64 = 15 * MINUTE;
/// One hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// One day.
pub(crate) const DAY: i64 = 24 * HOUR;

impl Civil {
    /// The instant a civil date and time names.
    pub fn from_datetime(at: DateTime) -> Self {
        // Read as if it were UTC: the number is only ever turned back the same way.
        Self(jiff::tz::Offset::UTC.to_timestamp(at).map_or(i64::MAX, |t| t.as_millisecond()))
    }

    /// The civil date and time; an instant outside the years jiff knows becomes the nearest it knows.
    pub fn datetime(self) -> DateTime {
        let stamp = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        jiff::tz::Offset::UTC.to_datetime(stamp)
    }

    /// Days since 1970-01-01.
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// Midnight at the start of day `day`.
    pub fn midnight(day: i64) -> Self {
        Self(day.saturating_mul(DAY))
    }

    /// Milliseconds since midnight.
    pub fn of_day(self) -> i64 {
        self.0.rem_euclid(DAY)
    }

    /// This instant moved by `ms`, saturating.
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The last multiple of `period` at or before this instant.
    pub(crate) fn floor(self, period: i64) -> Self {
        Self(self.0.div_euclid(period) * period)
    }
}

impl std::fmt::Display for Civil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.datetime().fmt(f)
    }
}

impl std::str::FromStr for Civil {
    type Err = jiff::Error;
    fn from_str(s: &str) -> Result<Self, jiff::Error> {
        s.parse::<DateTime>().map(Self::from_datetime)
    }
}

impl serde::Serialize for Civil {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Civil {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_civil_instant_survives_the_round_trip_as_text() {
        let at: Civil = "2026-11-01T00:15:30".parse().unwrap();
        assert_eq!(at.to_string(), "2026-11-01T00:15:30");
        assert_eq!(Civil::midnight(at.day()).to_string(), "2026-11-01T00:00:00");
        assert_eq!(at.floor(QUARTER).to_string(), "2026-11-01T00:15:00");
    }
}
