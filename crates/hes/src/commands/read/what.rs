//! What of a meter is read: values of now, freezes, settlements, a piece of the load profile, or its clock.

use clap::Args;
use hes_api::dto::reads::ReadWhat;
use hes_model::{Obis, Request};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::commands::register::RegisterArg;
use crate::day::Day;
use crate::exit::UsageError;
use crate::text::{help, say};

/// What a person wants to know of a supply when no register is named.
const OF_NOW: [&str; 4] = ["import_active_total", "voltage_a", "current_a", "active_power_total"];
/// What a freeze is usually looked at for.
const FROZEN: [&str; 5] =
    ["import_active_total", "import_active_t1", "import_active_t2", "import_active_t3", "import_active_t4"];
/// What a load profile is usually looked at for.
const PROFILE: [&str; 1] = ["import_active_total"];

/// The options that choose between values of now and stored ones.
#[derive(Debug, Args)]
pub(crate) struct WhatArgs {
    #[arg(long, value_name = "DAY", value_delimiter = ',', group = "series", help = help::read_daily())]
    daily: Vec<Day>,
    #[arg(long, value_name = "YYYY-MM", value_delimiter = ',', group = "series", help = help::read_monthly())]
    monthly: Vec<Month>,
    #[arg(long, value_name = "MINUTES", group = "series", requires = "from", help = help::read_interval())]
    interval: Option<u8>,
    #[arg(long, value_name = "TIME", requires = "interval", help = help::read_from())]
    from: Option<DateTime>,
    #[arg(long, value_name = "TIME", requires = "from", help = help::read_to())]
    to: Option<DateTime>,
    #[arg(long, group = "series", help = help::read_clock())]
    clock: bool,
}

/// A choice whose times are dates; registers are still as they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chosen {
    Instant,
    Daily(Vec<Date>),
    Monthly(Vec<Date>),
    Interval { minutes: u8, from: DateTime, to: DateTime },
    Clock,
}

impl Chosen {
    /// The registers read when none is named.
    pub(crate) const fn usual(&self) -> &'static [&'static str] {
        match self {
            Chosen::Instant => &OF_NOW,
            Chosen::Daily(_) | Chosen::Monthly(_) => &FROZEN,
            Chosen::Interval { .. } => &PROFILE,
            Chosen::Clock => &[],
        }
    }
}

impl WhatArgs {
    /// What was chosen; values of now when nothing was.
    pub(crate) fn chosen(&self, zone: &TimeZone) -> anyhow::Result<Chosen> {
        if self.clock {
            return Ok(Chosen::Clock);
        }
        if !self.daily.is_empty() {
            return Ok(Chosen::Daily(unique(self.daily.iter().map(|day| day.date(zone)))));
        }
        if !self.monthly.is_empty() {
            return Ok(Chosen::Monthly(unique(self.monthly.iter().map(|month| month.0))));
        }
        match (self.interval, self.from) {
            (Some(minutes), Some(from)) => {
                if ![1, 5, 15, 30, 60].contains(&minutes) {
                    return Err(UsageError(say::interval_unknown(minutes)).into());
                }
                // A day's worth, unless said otherwise.
                let to = self.to.unwrap_or_else(|| from.saturating_add(jiff::Span::new().days(1)));
                if to <= from {
                    return Err(UsageError(say::interval_ends_before_it_starts(from, to)).into());
                }
                Ok(Chosen::Interval { minutes, from, to })
            }
            _ => Ok(Chosen::Instant),
        }
    }

    /// As the driver takes it.
    pub(super) fn for_driver(chosen: Chosen, registers: Vec<Obis>) -> Request {
        match chosen {
            Chosen::Instant => Request::Instant { registers },
            Chosen::Daily(days) => Request::Daily { registers, days },
            Chosen::Monthly(months) => Request::Monthly { registers, months },
            Chosen::Interval { minutes, from, to } => Request::Interval { registers, minutes, from, to },
            Chosen::Clock => Request::Clock,
        }
    }

    /// As the server takes it.
    pub(crate) fn for_server(&self, registers: &[String], zone: &TimeZone) -> anyhow::Result<ReadWhat> {
        let chosen = self.chosen(zone)?;
        let registers = named_or_usual(registers, &chosen)?.into_iter().map(|obis| obis.to_string()).collect();
        Ok(match chosen {
            Chosen::Instant => ReadWhat::Instant { registers },
            Chosen::Daily(days) => ReadWhat::Daily { registers, days },
            Chosen::Monthly(months) => ReadWhat::Monthly { registers, months },
            Chosen::Interval { minutes, from, to } => ReadWhat::Interval { registers, minutes, from, to },
            Chosen::Clock => ReadWhat::Clock,
        })
    }
}

/// The registers named, or the usual ones.
pub(crate) fn named_or_usual(names: &[String], chosen: &Chosen) -> anyhow::Result<Vec<Obis>> {
    if names.is_empty() {
        let rows = chosen.usual().iter().filter_map(|alias| hes_model::registers().by_name(alias));
        return Ok(rows.map(|row| row.obis).collect());
    }
    if *chosen == Chosen::Clock {
        return Err(UsageError(say::clock_has_no_register()).into());
    }
    names.iter().map(|name| Ok(name.parse::<RegisterArg>().map_err(UsageError)?.0)).collect()
}

fn unique(dates: impl Iterator<Item = Date>) -> Vec<Date> {
    let mut dates: Vec<Date> = dates.collect();
    dates.sort_unstable();
    dates.dedup();
    dates
}

/// `2026-11`, kept as its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Month(Date);

impl std::str::FromStr for Month {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let first =
            text.split_once('-').and_then(|(year, month)| Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok());
        first.map(Self).ok_or_else(say::month_unknown)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        what: WhatArgs,
    }

    fn chosen(line: &str) -> anyhow::Result<Chosen> {
        let line = Line::try_parse_from(std::iter::once("read").chain(line.split_whitespace()))?;
        line.what.chosen(&TimeZone::UTC)
    }

    #[test]
    fn without_options_values_of_now_are_read() {
        assert_eq!(chosen("").unwrap(), Chosen::Instant);
        assert_eq!(named_or_usual(&[], &Chosen::Instant).unwrap().len(), OF_NOW.len());
    }

    #[test]
    fn days_and_months_are_sorted_and_named_once() {
        let days = ["2026-11-01", "2026-11-02"].map(|day| day.parse().unwrap()).to_vec();
        assert_eq!(chosen("--daily 2026-11-02,2026-11-01,2026-11-02").unwrap(), Chosen::Daily(days));
        assert_eq!(chosen("--monthly 2026-11").unwrap(), Chosen::Monthly(vec!["2026-11-01".parse().unwrap()]));
    }

    #[test]
    fn a_profile_is_a_day_long_unless_said_otherwise() {
        let Chosen::Interval { minutes, from, to } = chosen("--interval 15 --from 2026-11-01T00:00").unwrap() else {
            panic!("not a profile")
        };
        assert_eq!((minutes, from.date().tomorrow().unwrap()), (15, to.date()));
    }

    #[test]
    fn one_kind_at_a_time() {
        for line in [
            "--clock --daily today",
            "--interval 15",
            "--from 2026-11-01T00:00",
            "--monthly 2026-13",
            "--interval 7 --from 2026-11-01T00:00",
            "--interval 15 --from 2026-11-02T00:00 --to 2026-11-01T00:00",
        ] {
            assert!(chosen(line).is_err(), "{line}");
        }
        assert!(named_or_usual(&["voltage_a".to_owned()], &Chosen::Clock).is_err());
    }
}
