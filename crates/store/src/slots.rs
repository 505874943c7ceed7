//! Which slots there are. Pure: civil days and plans in, instants out. Planner and reports use these same functions,
//! so what is asked for is what is counted.

use hes_model::{Obis, Series, Task, UtcMicros};
use jiff::SignedDuration;
use jiff::civil::Date;

use crate::{Calendar, StoreError};

const MINUTE: i64 = 60_000_000;

/// The slots of a task that belong to a civil day, in order. None for a clock check, which expects no reading.
///
/// A daily freeze latched at 00:00 belongs to the day it begins, a settlement to the first of its month, an interval to
/// the day in which it starts. A day on which clocks change has 23 or 25 hours of intervals. Where they change by half an
/// hour, intervals of an hour begin with the hours that clocks show, and the one in which they change is longer or shorter.
pub fn times_on(task: &Task, day: Date, calendar: &Calendar) -> Vec<UtcMicros> {
    let start = calendar.day_start(day);
    match task {
        Task::Daily { .. } => vec![start],
        Task::DayOfMonth { day: wanted, .. } if day.day() == *wanted => vec![start],
        Task::Monthly { .. } if day.day() == 1 => vec![start],
        Task::DayOfMonth { .. } | Task::Monthly { .. } | Task::Clock { .. } => Vec::new(),
        Task::Interval { minutes, .. } | Task::Instant { minutes, .. } => Grid::new(calendar, *minutes).starts(day),
    }
}

/// Whether the series can have a slot there: daily values at the start of a civil day, monthly ones of a month, intervals on
/// the grid of their day, values of now at any whole second.
pub fn is_slot(series: Series, at: UtcMicros, calendar: &Calendar) -> bool {
    let starts_day = |day: Date| calendar.day_start(day) == at;
    match series {
        Series::Instant => crate::calendar::slot_seconds(at).is_some(),
        Series::Daily => starts_day(calendar.day_of(at)),
        Series::Monthly => starts_day(calendar.day_of(at).first_of_month()),
        Series::Interval(minutes) => Grid::new(calendar, minutes).place(at).is_ok(),
    }
}

/// When the value of a slot exists: at once when it is latched, at the end of an interval.
pub fn complete_at(series: Series, slot: UtcMicros) -> UtcMicros {
    match series {
        Series::Interval(minutes) => UtcMicros(slot.0.saturating_add(i64::from(minutes) * MINUTE)),
        Series::Instant | Series::Daily | Series::Monthly => slot,
    }
}

/// Until when a value of the slot counts as on time.
pub fn due_at(series: Series, slot: UtcMicros, deadline_minutes: u32) -> UtcMicros {
    UtcMicros(complete_at(series, slot).0.saturating_add(i64::from(deadline_minutes) * MINUTE))
}

/// How far back a meter remembers. 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MemoryDepth {
    /// Daily freezes.
    pub daily_days: u32,
    /// Settlements.
    pub monthly_months: u32,
    /// Load profile, in days.
    pub interval_days: u32,
}

impl MemoryDepth {
    /// The earliest slot of the task that a meter may still hold at `now`. A value of now is held by nobody: only the
    /// last planned time can still be filled.
    pub fn horizon(&self, task: &Task, now: UtcMicros, calendar: &Calendar) -> UtcMicros {
        let today = calendar.day_of(now);
        let days_back = |days: u32| {
            let back = jiff::Span::new().try_days(i64::from(days)).unwrap_or_default();
            today.checked_sub(back).unwrap_or(Date::MIN)
        };
        match task {
            // Today's freeze is the first of them.
            Task::Daily { .. } | Task::DayOfMonth { .. } => match self.daily_days {
                0 => UtcMicros(i64::MAX),
                days => calendar.day_start(days_back(days - 1)),
            },
            Task::Monthly { .. } => match self.monthly_months {
                0 => UtcMicros(i64::MAX),
                months => {
                    let back = jiff::Span::new().try_months(i64::from(months - 1)).unwrap_or_default();
                    calendar.day_start(today.first_of_month().checked_sub(back).unwrap_or(Date::MIN))
                }
            },
            Task::Interval { .. } => match self.interval_days {
                0 => UtcMicros(i64::MAX),
                days => UtcMicros(now.0.saturating_sub(i64::from(days) * 24 * 60 * MINUTE)),
            },
            Task::Instant { minutes, .. } => {
                UtcMicros(now.0.saturating_sub(i64::from(*minutes) * MINUTE).saturating_add(1))
            }
            Task::Clock { .. } => UtcMicros(i64::MAX),
        }
    }
}

/// The grid of an interval series inside a civil day, as blocks are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid<'a> {
    calendar: &'a Calendar,
    minutes: u8,
}

impl<'a> Grid<'a> {
    pub(crate) fn new(calendar: &'a Calendar, minutes: u8) -> Self {
        Self { calendar, minutes: minutes.max(1) }
    }
    /// Day number and interval of a slot.
    pub(crate) fn place(self, slot: UtcMicros) -> Result<(i64, u32), StoreError> {
        let day = self.calendar.day_of(slot);
        let place = if self.is_even(day) {
            let offset = slot.since(self.calendar.day_start(day));
            (offset % self.step() == 0).then(|| offset / self.step()).and_then(|index| u32::try_from(index).ok())
        } else {
            (0..).zip(self.starts(day)).find_map(|(index, at)| (at == slot).then_some(index))
        };
        let index = place.ok_or(StoreError::NotASlot { at: slot })?;
        Ok((crate::calendar::day_number(day), index))
    }
    /// The inverse of [`Grid::place`].
    pub(crate) fn slot(self, day_number: i64, index: u32) -> UtcMicros {
        let day = crate::calendar::day_from_number(day_number);
        let even = || UtcMicros(self.calendar.day_start(day).0 + i64::from(index) * self.step());
        if self.is_even(day) {
            return even();
        }
        let starts = self.starts(day);
        usize::try_from(index).ok().and_then(|index| starts.get(index).copied()).unwrap_or_else(even)
    }
    /// When the intervals of a day begin, in order.
    pub(crate) fn starts(self, day: Date) -> Vec<UtcMicros> {
        let (start, end) = self.bounds(day);
        if self.is_even(day) {
            return (0..).map(|n| UtcMicros(start.0 + n * self.step())).take_while(|at| *at < end).collect();
        }
        let midnight = day.at(0, 0, 0, 0);
        let marks =
            (0..24 * 60_i64).step_by(self.minutes.into()).map(|minute| midnight + SignedDuration::from_mins(minute));
        let mut starts: Vec<_> = marks.flat_map(|mark| self.calendar.instants(mark)).collect();
        starts.retain(|at| (start..end).contains(at));
        starts.sort_unstable();
        starts.dedup();
        starts
    }
    /// Whether the day's intervals are all of one length. Clocks are changed by whole half hours.
    fn is_even(self, day: Date) -> bool {
        let (start, end) = if 30 % self.minutes == 0 { return true } else { self.bounds(day) };
        end.since(start) % self.step() == 0
    }
    fn bounds(self, day: Date) -> (UtcMicros, UtcMicros) {
        let start = self.calendar.day_start(day);
        (start, day.tomorrow().map_or(start, |tomorrow| self.calendar.day_start(tomorrow)))
    }
    fn step(self) -> i64 {
        i64::from(self.minutes) * MINUTE
    }
}

/// Registers in the order of their codes, without repeats: plans may name one twice.
pub(crate) fn distinct(registers: &[Obis]) -> Vec<Obis> {
    let mut registers = registers.to_vec();
    registers.sort();
    registers.dedup();
    registers
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn calendar(zone: &str) -> Calendar {
        Calendar::new(TimeZone::get(zone).unwrap())
    }
    fn registers() -> Vec<Obis> {
        vec![Obis([1, 0, 1, 8, 0, 255])]
    }

    proptest! {
        #[test]
        fn days_cut_time_into_intervals_without_gap_or_overlap(
            zone in prop::sample::select(vec!["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
            first in 0..700_i64,
            minutes in prop::sample::select(vec![1_u8, 5, 15, 30, 60]),
        ) {
            let calendar = calendar(zone);
            let task = Task::Interval { minutes, registers: registers() };
            let mut all = Vec::new();
            for n in first..first + 3 {
                let day = crate::calendar::day_from_number(20_000 + n);
                for (index, at) in (0..).zip(times_on(&task, day, &calendar)) {
                    prop_assert_eq!(calendar.day_of(at), day);
                    prop_assert_eq!(Grid::new(&calendar, minutes).place(at).unwrap(), (20_000 + n, index));
                    prop_assert_eq!(Grid::new(&calendar, minutes).slot(20_000 + n, index), at);
                    all.push(at);
                }
            }
            let uneven = all.windows(2).filter(|w| w[1].since(w[0]) != i64::from(minutes) * MINUTE).count();
            let by_half_an_hour = (zone, minutes) == ("Australia/Lord_Howe", 60);
            prop_assert!(uneven <= usize::from(by_half_an_hour));
        }
    }

    #[test]
    fn a_day_of_quarters_has_96_and_where_clocks_change_92_or_100() {
        let calendar = calendar("Europe/Berlin");
        let task = Task::Interval { minutes: 15, registers: registers() };
        let count = |day| times_on(&task, day, &calendar).len();
        let counts = [date(2026, 6, 1), date(2026, 3, 29), date(2026, 10, 25)].map(count);
        assert_eq!(counts, [96, 92, 100]);
    }

    #[test]
    fn where_clocks_change_by_half_an_hour_hours_begin_when_clocks_show_them() {
        let calendar = calendar("Australia/Lord_Howe");
        let task = Task::Interval { minutes: 60, registers: registers() };
        let shown = |day| -> Vec<_> {
            times_on(&task, day, &calendar).into_iter().map(|at| calendar.civil(at).time()).collect()
        };
        let hours: Vec<_> = (0..24).map(|hour| jiff::civil::time(hour, 0, 0, 0)).collect();
        // From 02:00 to 01:30: the hour from one to two is an hour and a half.
        assert_eq!(shown(date(2026, 4, 5)), hours);
        // From 02:00 to 02:30: what is left of the hour from two to three is half of it.
        let mut spring = hours.clone();
        spring[2] = jiff::civil::time(2, 30, 0, 0);
        assert_eq!(shown(date(2026, 10, 4)), spring);
        assert_eq!(shown(date(2026, 10, 5)), hours);
        for day in [date(2026, 4, 5), date(2026, 10, 4)] {
            let between = UtcMicros(calendar.day_start(day).0 + 5 * 60 * MINUTE);
            assert!(!is_slot(Series::Interval(60), between, &calendar), "half past");
        }
    }

    #[test]
    fn monthly_and_day_of_month_slots_are_on_their_day_only() {
        let calendar = calendar("Asia/Shanghai");
        let monthly = Task::Monthly { registers: registers() };
        let tenth = Task::DayOfMonth { day: 10, registers: registers() };
        let days = |task: &Task| -> Vec<i8> {
            let november = (1..=30).map(|d| date(2026, 11, d));
            november.filter(|d| !times_on(task, *d, &calendar).is_empty()).map(|d| d.day()).collect()
        };
        assert_eq!(days(&monthly), [1]);
        assert_eq!(days(&tenth), [10]);
    }

    #[test]
    fn the_horizon_holds_exactly_as_many_freezes_as_the_meter() {
        let calendar = calendar("Asia/Shanghai");
        let depth = MemoryDepth { daily_days: 62, monthly_months: 12, interval_days: 40 };
        let now = calendar.instant(date(2026, 11, 24).at(10, 7, 0, 0));
        let earliest = |task: &Task| calendar.civil(depth.horizon(task, now, &calendar));
        assert_eq!(earliest(&Task::Daily { registers: registers() }), date(2026, 9, 24).at(0, 0, 0, 0));
        assert_eq!(earliest(&Task::Monthly { registers: registers() }), date(2025, 12, 1).at(0, 0, 0, 0));
        let instant = Task::Instant { minutes: 15, registers: registers() };
        let horizon = depth.horizon(&instant, now, &calendar);
        let open: Vec<_> = times_on(&instant, date(2026, 11, 24), &calendar)
            .into_iter()
            .filter(|at| horizon <= *at && *at <= now)
            .map(|at| calendar.civil(at))
            .collect();
        assert_eq!(open, [date(2026, 11, 24).at(10, 0, 0, 0)]);
    }
}
