//! Putting a meter's date and time together, although they are read one after the other.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};

/// Added to the time between two questions before the date is believed: meters take a moment to roll over.
const MARGIN: Duration = Duration::from_secs(2);

/// What a date read before a time is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paired {
    /// Both belong together.
    Sure(DateTime),
    /// Midnight may have passed between the two: the date must be read again, after the time.
    ReadDateAgain,
}

/// Pairs a date with a time read `between` later.
pub(super) fn pair(date: Date, time: Time, between: Duration) -> Paired {
    if since_midnight(time) <= between + MARGIN {
        return Paired::ReadDateAgain;
    }
    Paired::Sure(date.to_datetime(time))
}

fn since_midnight(time: Time) -> Duration {
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    Duration::from_secs(seconds.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    #[test]
    fn a_date_read_before_midnight_is_not_put_to_a_time_after_it() {
        let day = date(2026, 11, 23);
        assert_eq!(pair(day, time(0, 0, 1, 0), Duration::from_millis(120)), Paired::ReadDateAgain);
        assert_eq!(pair(day, time(0, 0, 30, 0), Duration::from_secs(60)), Paired::ReadDateAgain);
        let sure = pair(day, time(23, 59, 59, 0), Duration::from_millis(120));
        assert_eq!(sure, Paired::Sure(day.at(23, 59, 59, 0)));
        assert_eq!(pair(day, time(0, 0, 30, 0), Duration::from_secs(1)), Paired::Sure(day.at(0, 0, 30, 0)));
    }
}
