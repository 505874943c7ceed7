//! Which "n-th last settlement" is the one of a given month.
//!
//! A meter counts its settlements from the newest back and gives no time with them. What settles the question is the
//! meter's own clock and its own settlement days: together they say when each of its settlements was latched.

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};

/// When a meter settles in every month: up to three days, DL/T 645-2007 items 04000B01 to 04000B03.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SettlementDays {
    /// The one that names the month.
    first: DayHour,
    others: Vec<DayHour>,
}

/// A day of the month and an hour of that day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DayHour {
    day: i8,
    hour: i8,
}

impl DayHour {
    /// A day every month has; `None` stands for a settlement day that is not in use (00, 99) or not usable.
    pub(super) fn new(day: i8, hour: i8) -> Option<Self> {
        ((1..=28).contains(&day) && (0..=23).contains(&hour)).then_some(Self { day, hour })
    }
    fn in_month(self, month: Date) -> Option<DateTime> {
        let day = Date::new(month.year(), month.month(), self.day).ok()?;
        Some(day.at(self.hour, 0, 0, 0))
    }
}

/// Where the settlement of a month stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Latched and still kept.
    Latched {
        /// When, by the meter's clock.
        at: DateTime,
        /// The n-th last, from 1.
        back: u8,
    },
    /// Not latched yet.
    NotYet {
        /// When it will be, by the meter's clock.
        at: DateTime,
    },
    /// Further back than the meter keeps.
    TooOld,
}

impl SettlementDays {
    pub(super) fn new(first: DayHour, others: Vec<DayHour>) -> Self {
        let others = others.into_iter().filter(|other| *other != first).collect();
        Self { first, others }
    }

    /// Where the settlement latched in the month that begins on `month` stands when the meter's clock shows `now`.
    pub(super) fn place(&self, month: Date, now: DateTime, depth: u8) -> Place {
        let Some(wanted) = self.first.in_month(month) else { return Place::TooOld };
        if wanted > now {
            return Place::NotYet { at: wanted };
        }
        let since = self.latched(month, now).filter(|at| *at >= wanted).take(usize::from(depth) + 1).count();
        match u8::try_from(since) {
            Ok(back) if back <= depth => Place::Latched { at: wanted, back },
            _ => Place::TooOld,
        }
    }

    /// The first settlement after `now`.
    pub(super) fn next_after(&self, now: DateTime) -> Option<DateTime> {
        let this = now.date().first_of_month();
        let next = this.checked_add(1.month()).ok()?;
        [this, next].into_iter().flat_map(|month| self.in_month(month)).filter(|at| *at > now).min()
    }

    /// Every settlement from `month` on up to `now`.
    fn latched(&self, month: Date, now: DateTime) -> impl Iterator<Item = DateTime> {
        let months = std::iter::successors(Some(month), |m| m.checked_add(1.month()).ok());
        months.take_while(move |m| *m <= now.date()).flat_map(|m| self.in_month(m)).filter(move |at| *at <= now)
    }

    fn in_month(&self, month: Date) -> impl Iterator<Item = DateTime> {
        let mut days: Vec<DayHour> = self.others.clone();
        days.push(self.first);
        days.sort_unstable();
        days.dedup();
        days.into_iter().filter_map(move |day| day.in_month(month))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn days(first: (i8, i8), others: &[(i8, i8)]) -> SettlementDays {
        let day = |(day, hour)| DayHour::new(day, hour).unwrap();
        SettlementDays::new(day(first), others.iter().copied().map(day).collect())
    }
    fn latched(at: DateTime, back: u8) -> Place {
        Place::Latched { at, back }
    }
    const NOW: DateTime = date(2026, 11, 24).at(10, 0, 0, 0);

    #[test]
    fn the_month_is_counted_back_from_the_meters_clock() {
        let first_of_month = days((1, 0), &[]);
        for (month, place) in [
            (date(2026, 12, 1), Place::NotYet { at: date(2026, 12, 1).at(0, 0, 0, 0) }),
            (date(2026, 11, 1), latched(date(2026, 11, 1).at(0, 0, 0, 0), 1)),
            (date(2026, 10, 1), latched(date(2026, 10, 1).at(0, 0, 0, 0), 2)),
            (date(2025, 12, 1), latched(date(2025, 12, 1).at(0, 0, 0, 0), 12)),
            (date(2025, 11, 1), Place::TooOld),
        ] {
            assert_eq!(first_of_month.place(month, NOW, 12), place, "{month}");
        }
    }

    #[test]
    fn a_settlement_day_late_in_the_month_moves_the_count() {
        let late = days((25, 6), &[]);
        assert_eq!(late.place(date(2026, 11, 1), NOW, 12), Place::NotYet { at: date(2026, 11, 25).at(6, 0, 0, 0) });
        assert_eq!(late.place(date(2026, 10, 1), NOW, 12), latched(date(2026, 10, 25).at(6, 0, 0, 0), 1));
        let at = date(2026, 11, 25).at(6, 0, 0, 0);
        assert_eq!(late.place(date(2026, 11, 1), at, 12), latched(at, 1));
    }

    #[test]
    fn further_settlement_days_stand_between_the_months() {
        let twice = days((1, 0), &[(15, 0)]);
        assert_eq!(twice.place(date(2026, 11, 1), NOW, 12), latched(date(2026, 11, 1).at(0, 0, 0, 0), 2));
        assert_eq!(twice.place(date(2026, 10, 1), NOW, 12), latched(date(2026, 10, 1).at(0, 0, 0, 0), 4));
        assert_eq!(days((1, 0), &[(1, 0)]), days((1, 0), &[]), "the same day twice is one settlement");
    }

    #[test]
    fn the_next_settlement_may_be_in_the_next_month() {
        assert_eq!(days((1, 0), &[]).next_after(NOW), Some(date(2026, 12, 1).at(0, 0, 0, 0)));
        assert_eq!(days((1, 0), &[(28, 0)]).next_after(NOW), Some(date(2026, 11, 28).at(0, 0, 0, 0)));
    }

    #[test]
    fn an_unused_settlement_day_is_none() {
        for (day, hour) in [(0, 0), (99, 99), (29, 0), (1, 24)] {
            assert_eq!(DayHour::new(day, hour), None);
        }
    }
}
