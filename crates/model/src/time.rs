//! Three kinds of time, kept apart: the meter's own clock, the instant of capture, the instant of receipt.

/// An instant in UTC as microseconds since 1970-01-01T00:00:00Z: how time crosses every boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "jiff::Timestamp", into = "jiff::Timestamp")]
pub struct UtcMicros(pub i64);

impl UtcMicros {
    /// The instant as a `jiff` time stamp; values outside its range are clamped to it.
    pub fn timestamp(self) -> jiff::Timestamp {
        let bound = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(bound)
    }
    /// Microseconds from `earlier` to this instant, saturating.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
    /// This instant moved by `by`, saturating.
    pub fn plus(self, by: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl From<jiff::Timestamp> for UtcMicros {
    fn from(t: jiff::Timestamp) -> Self {
        Self(t.as_microsecond())
    }
}
impl From<UtcMicros> for jiff::Timestamp {
    fn from(t: UtcMicros) -> Self {
        t.timestamp()
    }
}
impl std::fmt::Display for UtcMicros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.timestamp().fmt(f)
    }
}

/// What the meter's own clock showed: civil time, in whatever zone the meter is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct MeterClock(pub jiff::civil::DateTime);

/// When the value was captured (latched, sampled), in UTC, by our reckoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct CapturedAt(pub UtcMicros);

/// When the last byte of the answer reached us, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ReceivedAt(pub UtcMicros);
