//! Load curves: how much energy has flowed by a given instant, computed and never stored.
//!
//! A curve is a *cumulative* function from the start, so that the counter at any instant costs O(1), however long ago
//! the last question was. Everything is in integers (milliwatt-hours), which makes it exact:
//!
//! * the counter never falls, because every day's energy is positive and every weight in a day is;
//! * tariffs add up, because the total *is* their sum;
//! * a freeze, a profile record and the counter agree, because they ask the same function for the same instant.
//!
//! A day's energy is size × weekday and season (a table summed once over the 28 years after which weekdays and leap
//! years repeat) plus a seeded wobble added to the *running sum*: the wobble of one day is taken back the next, so the
//! sum needs no history. Inside a day, neighbouring quarters of an hour trade energy in the same way.

use std::sync::LazyLock;

use crate::civil::{Civil, HOUR, QUARTER};
use crate::seed::{about, around, draw};

/// Tariffs of every simulated meter: 1 sharp, 2 peak, 3 flat, 4 valley.
pub(crate) const TARIFFS: usize = 4;

/// Who is behind the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadKind {
    /// A flat or house: small, with peaks in the morning and evening.
    Household,
    /// A shop or workshop: office hours, little at weekends.
    Commercial,
    /// A household with panels on the roof: exports by day.
    Solar,
    /// Nobody there: a little stand-by load.
    Vacant,
}

/// One cumulative curve of one meter: its shape, size and seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    shape: &'static Shape,
    /// Mean energy of a day in milliwatt-hours.
    daily_mwh: i64,
    seed: u64,
}

/// Quarters of an hour in a day.
const QUARTERS: usize = 96;
/// The civil day on which the calendar table starts: 2000-01-01.
const EPOCH_DAY: i64 = 10_957;
/// Days after which weekday, month and leap year coincide again (28 years, while no century interferes).
const CYCLE_DAYS: usize = 10_227;
/// Tariff in force in each hour, `0..TARIFFS`: 8–12 peak, 12–17 flat, 17–19 peak, 19–22 sharp, 22–23 flat, night valley.
const TARIFF_OF_HOUR: [usize; 24] = [3, 3, 3, 3, 3, 3, 3, 2, 1, 1, 1, 1, 2, 2, 2, 2, 2, 1, 1, 0, 0, 0, 2, 3];

/// The period table that goes with the curves: starting hour and tariff number, as a meter's parameters list them.
pub(crate) fn periods() -> impl Iterator<Item = (u64, u64)> {
    (0..24_u8)
        .zip(TARIFF_OF_HOUR)
        .scan(None, |last, (hour, tariff)| {
            let starts = *last != Some(tariff);
            *last = Some(tariff);
            Some(starts.then_some((u64::from(hour), tariff as u64 + 1)))
        })
        .flatten()
}

/// The tariff (`0..TARIFFS`) in force at an instant.
pub(crate) fn tariff_at(at: Civil) -> usize {
    let hour = usize::try_from(at.of_day() / HOUR).unwrap_or(0);
    TARIFF_OF_HOUR.get(hour).copied().unwrap_or(0)
}

impl Load {
    /// What a customer of this kind draws from the network.
    pub(crate) fn import(kind: LoadKind, seed: u64) -> Self {
        let variant = usize::try_from(draw(seed, about::VARIANT, 3)).unwrap_or(0);
        let (shapes, least_wh, most_wh): (&'static [Shape; 3], u64, u64) = match kind {
            LoadKind::Household => (&HOUSEHOLD, 3_000, 16_000),
            LoadKind::Solar => (&PROSUMER, 3_000, 12_000),
            LoadKind::Commercial => (&COMMERCIAL, 20_000, 150_000),
            LoadKind::Vacant => (&HOUSEHOLD, 20, 120),
        };
        let daily_wh = least_wh + draw(seed, about::SIZE, most_wh - least_wh);
        Self { shape: &shapes[variant], daily_mwh: i64::try_from(daily_wh * 1000).unwrap_or(0), seed }
    }

    /// What a customer of this kind delivers; only the one with panels does.
    pub(crate) fn export(kind: LoadKind, seed: u64) -> Option<Self> {
        let daily_wh = 8_000 + draw(seed, about::EXPORT, 17_000);
        (kind == LoadKind::Solar).then(|| Self {
            shape: &PANELS[0],
            daily_mwh: i64::try_from(daily_wh * 1000).unwrap_or(0),
            seed: seed ^ about::EXPORT,
        })
    }

    /// Energy of tariff `tariff` that has flowed by `at` since a fixed day long ago, in milliwatt-hours.
    pub(crate) fn energy(&self, tariff: usize, at: Civil) -> i64 {
        let shape = self.shape;
        let share = shape.share[tariff];
        if share == 0 {
            return 0;
        }
        let day = at.day();
        let (before, after) = (self.by_day(day), self.by_day(day + 1));
        let of_tariff = |sum: i64| scale(sum, share, shape.total);
        let (before, after) = (of_tariff(before), of_tariff(after));
        let quarter = usize::try_from(at.of_day() / QUARTER).unwrap_or(0).min(QUARTERS - 1);
        let into = at.of_day() % QUARTER;
        let (done, running) = self.in_day(tariff, day, quarter);
        before + scale(after - before, done * QUARTER + running * into, share * QUARTER)
    }

    /// Energy of all tariffs by the start of `day`.
    fn by_day(&self, day: i64) -> i64 {
        let since = day - EPOCH_DAY;
        let cycle = i64::try_from(CYCLE_DAYS).unwrap_or(1);
        let sums = &self.shape.calendar;
        let whole = sums.last().copied().unwrap_or(0);
        let part = usize::try_from(since.rem_euclid(cycle)).ok().and_then(|i| sums.get(i)).copied().unwrap_or(0);
        let regular = scale(self.daily_mwh, since.div_euclid(cycle) * whole + part, 1000);
        let wobble = around(self.seed, about::DAY ^ day.cast_unsigned(), self.shape.wobble_permille);
        regular + scale(self.daily_mwh, wobble, 1000)
    }

    /// Weight of `tariff` in the quarters before `quarter`, and in `quarter` itself.
    fn in_day(&self, tariff: usize, day: i64, quarter: usize) -> (i64, i64) {
        let shape = self.shape;
        let mut done = shape.before[tariff][quarter];
        let mine = tariff_of(quarter) == tariff;
        let mut running = if mine { shape.weight[quarter] } else { 0 };
        if mine {
            // The two quarters of a half hour share one draw: what the first gives, the second takes.
            let half = quarter / 2;
            let even = quarter - quarter % 2;
            let room = shape.weight[even].min(shape.weight[even + 1]) / 2;
            let traded = around(self.seed, about::HALF_HOUR ^ (day.cast_unsigned() << 8) ^ half as u64, room);
            if quarter.is_multiple_of(2) {
                running -= traded;
            } else {
                running += traded;
                done -= traded;
            }
        }
        (done, running)
    }
}

fn tariff_of(quarter: usize) -> usize {
    TARIFF_OF_HOUR[quarter / 4]
}

/// `a × num ÷ den`, rounded down, without overflow on the way.
fn scale(a: i64, num: i64, den: i64) -> i64 {
    i64::try_from((i128::from(a) * i128::from(num)).div_euclid(i128::from(den.max(1)))).unwrap_or(i64::MAX)
}

/// What the curves of one kind of customer have in common.
#[derive(Debug)]
struct Shape {
    weight: [i64; QUARTERS],
    /// Per tariff: sum of the weights before each quarter.
    before: [[i64; QUARTERS]; TARIFFS],
    share: [i64; TARIFFS],
    total: i64,
    /// Running sum of the days' factors in ‰, one more entry than days.
    calendar: Vec<i64>,
    wobble_permille: i64,
}

impl Shape {
    fn new(hours: [i64; 24], weekday: [i64; 7], month: [i64; 12], wobble_permille: i64) -> Self {
        let mut weight = [0; QUARTERS];
        for (q, w) in weight.iter_mut().enumerate() {
            let (hour, k) = (q / 4, i64::try_from(q % 4).unwrap_or(0));
            // Straight lines between the hours; scaled up so that trading between quarters has room.
            *w = 100 * (hours[hour] * (4 - k) + hours[(hour + 1) % 24] * k) + 4;
        }
        let mut before = [[0; QUARTERS]; TARIFFS];
        let mut share = [0; TARIFFS];
        for (q, w) in weight.iter().enumerate() {
            for (of_tariff, sum) in before.iter_mut().zip(share) {
                of_tariff[q] = sum;
            }
            share[tariff_of(q)] += w;
        }
        Self { weight, before, share, total: share.iter().sum(), calendar: calendar(weekday, month), wobble_permille }
    }
}

fn calendar(weekday: [i64; 7], month: [i64; 12]) -> Vec<i64> {
    let mut sums = Vec::with_capacity(CYCLE_DAYS + 1);
    let mut sum = 0;
    let mut date = Civil::midnight(EPOCH_DAY).datetime().date();
    for _ in 0..CYCLE_DAYS {
        sums.push(sum);
        let of_month = month[usize::try_from(date.month() - 1).unwrap_or(0)];
        let of_week = weekday[usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0)];
        sum += of_month * of_week / 1000;
        date = date.tomorrow().unwrap_or(date);
    }
    sums.push(sum);
    sums
}

/// Cooling in a southern summer, a little heating in January.
const COOLING: [i64; 12] = [980, 900, 850, 860, 980, 1150, 1300, 1300, 1150, 950, 850, 900];
const SUN: [i64; 12] = [700, 750, 850, 1000, 1100, 1150, 1250, 1200, 1100, 1000, 850, 750];
const WEEKEND_AT_HOME: [i64; 7] = [960, 960, 960, 960, 980, 1080, 1100];
const OFFICE_WEEK: [i64; 7] = [1150, 1150, 1150, 1150, 1150, 700, 550];
const EVERY_DAY: [i64; 7] = [1000; 7];

static HOUSEHOLD: LazyLock<[Shape; 3]> = LazyLock::new(|| {
    [
        [22, 18, 16, 15, 15, 18, 30, 42, 40, 34, 34, 40, 46, 38, 32, 32, 38, 52, 72, 88, 92, 80, 56, 34],
        [30, 24, 20, 18, 18, 22, 44, 58, 36, 24, 22, 28, 34, 26, 24, 26, 36, 58, 84, 90, 84, 70, 54, 40],
        [18, 15, 14, 14, 14, 16, 24, 34, 46, 50, 50, 54, 58, 50, 48, 48, 50, 56, 66, 74, 74, 62, 42, 26],
    ]
    .map(|hours| Shape::new(hours, WEEKEND_AT_HOME, COOLING, 220))
});

static PROSUMER: LazyLock<[Shape; 3]> = LazyLock::new(|| {
    [
        [30, 26, 22, 20, 20, 24, 34, 30, 14, 4, 1, 0, 0, 0, 1, 4, 14, 40, 72, 92, 96, 82, 58, 40],
        [36, 30, 26, 24, 24, 30, 42, 34, 12, 2, 0, 0, 0, 0, 0, 2, 12, 46, 80, 92, 90, 74, 56, 44],
        [26, 22, 20, 18, 18, 20, 30, 34, 20, 8, 2, 1, 0, 1, 2, 8, 20, 40, 66, 82, 84, 72, 50, 32],
    ]
    .map(|hours| Shape::new(hours, WEEKEND_AT_HOME, COOLING, 220))
});

static COMMERCIAL: LazyLock<[Shape; 3]> = LazyLock::new(|| {
    [
        [14, 14, 14, 14, 14, 16, 22, 44, 84, 98, 100, 98, 80, 86, 98, 98, 94, 82, 56, 34, 26, 20, 16, 14],
        [16, 14, 12, 12, 12, 14, 20, 30, 46, 66, 80, 92, 96, 88, 82, 82, 86, 94, 100, 98, 90, 70, 40, 22],
        [60, 58, 58, 58, 58, 60, 66, 80, 94, 98, 98, 96, 84, 92, 98, 98, 96, 90, 80, 74, 70, 66, 64, 62],
    ]
    .map(|hours| Shape::new(hours, OFFICE_WEEK, COOLING, 120))
});

static PANELS: LazyLock<[Shape; 1]> = LazyLock::new(|| {
    [Shape::new(
        [0, 0, 0, 0, 0, 0, 2, 12, 36, 62, 82, 95, 100, 97, 86, 68, 44, 18, 3, 0, 0, 0, 0, 0],
        EVERY_DAY,
        SUN,
        // Clouds.
        300,
    )]
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::civil::DAY;

    fn day(text: &str) -> i64 {
        text.parse::<Civil>().unwrap().day()
    }

    #[test]
    fn energy_never_falls_over_any_quarter_of_a_year() {
        for kind in [LoadKind::Household, LoadKind::Commercial, LoadKind::Solar, LoadKind::Vacant] {
            for seed in 0..8 {
                let load = Load::import(kind, seed);
                for tariff in 0..TARIFFS {
                    let mut last = i64::MIN;
                    for q in 0..96 * 40 {
                        let at = Civil::midnight(day("2026-02-20T00:00:00")).plus(q * QUARTER + q % 900);
                        let now = load.energy(tariff, at);
                        assert!(now >= last, "{kind:?} seed {seed} tariff {tariff} at {at}: {now} < {last}");
                        last = now;
                    }
                }
            }
        }
    }

    #[test]
    fn a_household_uses_a_few_kilowatt_hours_a_day_and_most_of_it_outside_the_valley() {
        let load = Load::import(LoadKind::Household, 42);
        let (from, to) = (Civil::midnight(day("2026-03-01T00:00:00")), Civil::midnight(day("2026-03-31T00:00:00")));
        let used = |t| load.energy(t, to) - load.energy(t, from);
        let total: i64 = (0..TARIFFS).map(used).sum();
        let a_day_wh = total / 30 / 1000;
        assert!((2_000..20_000).contains(&a_day_wh), "{a_day_wh} Wh a day");
        assert!(used(3) * 2 < total);
    }

    #[test]
    fn panels_deliver_next_to_nothing_at_night() {
        let load = Load::export(LoadKind::Solar, 7).unwrap();
        let from: Civil = "2026-06-01T20:00:00".parse().unwrap();
        let delivered =
            |from: Civil, to: Civil| -> i64 { (0..TARIFFS).map(|t| load.energy(t, to) - load.energy(t, from)).sum() };
        let night = delivered(from, from.plus(9 * HOUR));
        let day = delivered(from.plus(9 * HOUR), from.plus(DAY));
        assert!(night * 200 < day, "night {night}, day {day}");
    }

    #[test]
    fn the_calendar_repeats_seamlessly() {
        let load = Load::import(LoadKind::Commercial, 3);
        let edge = EPOCH_DAY + i64::try_from(CYCLE_DAYS).unwrap();
        for day in edge - 3..edge + 3 {
            assert!(load.by_day(day + 1) > load.by_day(day));
        }
    }

    #[test]
    fn the_period_table_lists_each_change_of_tariff_once() {
        let table: Vec<_> = periods().collect();
        assert_eq!(table.first(), Some(&(0, 4)));
        assert_eq!(table, [(0, 4), (7, 3), (8, 2), (12, 3), (17, 2), (19, 1), (22, 3), (23, 4)]);
    }
}
