//! A civil day on the command line: a date, or counted back from today in the utility's zone.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::text::say;

/// Furthest a day may be counted back.
const DAYS_BACK_MAX: u16 = 3_660;

/// `2026-11-24`, `today`, `yesterday`, `today-7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Day {
    /// This one.
    On(Date),
    /// So many days before today.
    Ago(u16),
}

/// A day that is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", say::day_unknown(.0))]
pub(crate) struct DayError(String);

impl Day {
    /// The date it means now.
    pub(crate) fn date(self, zone: &TimeZone) -> Date {
        match self {
            Day::On(date) => date,
            Day::Ago(days) => {
                let today = zone.to_datetime(Timestamp::now()).date();
                today.saturating_sub(Span::new().days(i64::from(days)))
            }
        }
    }
}

impl FromStr for Day {
    type Err = DayError;
    fn from_str(text: &str) -> Result<Self, DayError> {
        let wrong = || DayError(text.chars().take(40).collect());
        match text {
            "today" => return Ok(Day::Ago(0)),
            "yesterday" => return Ok(Day::Ago(1)),
            _ => {}
        }
        if let Some(days) = text.strip_prefix("today-") {
            let days = days.parse().ok().filter(|&days| days <= DAYS_BACK_MAX).ok_or_else(wrong)?;
            return Ok(Day::Ago(days));
        }
        // The parser takes a time behind the date and drops it; a day is a day.
        text.parse().ok().filter(|date: &Date| date.to_string() == text).map(Day::On).ok_or_else(wrong)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Day::On(date) => date.fmt(f),
            Day::Ago(0) => f.write_str("today"),
            Day::Ago(1) => f.write_str("yesterday"),
            Day::Ago(days) => write!(f, "today-{days}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_as_it_is_read() {
        for text in ["2026-11-24", "today", "yesterday", "today-7"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), text);
        }
        for bad in ["", "2026-13-01", "tomorrow", "today-", "today-9999", "2026-11-24T00:00"] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }

    #[test]
    fn days_are_counted_back_in_the_utilitys_zone() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let today = Day::Ago(0).date(&zone);
        assert_eq!(Day::Ago(1).date(&zone).tomorrow().unwrap(), today);
    }
}
