//! Puts missing slots of one meter together into requests that take few exchanges.
//!
//! A request asks exactly for what is missing: slots that miss the same registers share one. How a request becomes
//! exchanges (blocks, records at a time) is the driver's business.

use std::collections::{BTreeMap, BTreeSet};

use hes_model::{MeterClock, Obis, Request, Series, UtcMicros};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// One request and the slots it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) series: Series,
    pub(crate) request: Request,
    pub(crate) asked: Asked,
}

/// Which slots a request asks for, found again by what the meter calls them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    slots: BTreeMap<(Obis, Option<DateTime>), UtcMicros>,
    /// Slots whose civil time an earlier slot has as well, when the clocks go back: the meter cannot tell them apart.
    repeated: Vec<(Obis, UtcMicros)>,
}

impl Asked {
    /// The slots of one series, in any order.
    pub(crate) fn of(series: Series, slots: impl IntoIterator<Item = (Obis, UtcMicros)>, zone: &TimeZone) -> Self {
        let mut asked = Self::default();
        for (register, slot) in slots {
            let meter_says = match series {
                Series::Instant => None,
                Series::Interval(_) if happens_again(zone, slot) => {
                    asked.repeated.push((register, slot));
                    continue;
                }
                Series::Interval(_) => Some(civil(zone, slot)),
                // Where midnight does not exist, the day starts later; the meter still calls it 00:00.
                Series::Daily | Series::Monthly => Some(civil(zone, slot).date().at(0, 0, 0, 0)),
            };
            asked.slots.insert((register, meter_says), slot);
        }
        asked
    }

    /// The slot that was asked for under this register and the meter's civil time; `None` if it was not.
    pub(crate) fn slot(&self, register: Obis, civil: Option<MeterClock>) -> Option<UtcMicros> {
        self.slots.get(&(register, civil.map(|clock| clock.0))).copied()
    }

    /// The slot at which *another* register was asked for under the same civil time: of what a block brings along.
    pub(crate) fn slot_of_neighbour(&self, civil: Option<MeterClock>) -> Option<UtcMicros> {
        let civil = civil.map(|clock| clock.0);
        self.slots.iter().find(|((_, at), _)| *at == civil).map(|(_, &slot)| slot)
    }

    /// Every register and slot asked for.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Obis, UtcMicros)> {
        self.slots.iter().map(|(&(register, _), &slot)| (register, slot))
    }

    /// Slots that cannot be asked for, as their civil time is another slot's too.
    pub(crate) fn repeated(&self) -> &[(Obis, UtcMicros)] {
        &self.repeated
    }

    /// The asked slots that a failure is about: of one register or of all, at one time or at all times.
    pub(crate) fn matching(&self, register: Option<Obis>, civil: Option<MeterClock>) -> Vec<(Obis, UtcMicros)> {
        self.slots
            .iter()
            .filter(|&(&(asked, at), _)| register.is_none_or(|r| r == asked) && civil.is_none_or(|c| Some(c.0) == at))
            .map(|(&(asked, _), &slot)| (asked, slot))
            .collect()
    }

    /// Asks for more slots of the same series.
    pub(crate) fn extend(&mut self, more: Self) {
        for ((register, civil), slot) in more.slots {
            self.slots.entry((register, civil)).or_insert(slot);
        }
    }

    /// From the first to the last of them.
    pub(crate) fn span(&self) -> Option<(UtcMicros, UtcMicros)> {
        Some((*self.slots.values().min()?, *self.slots.values().max()?))
    }

    /// What of `slots` is not asked for.
    pub(crate) fn rest_of(&self, slots: &[(Obis, UtcMicros)]) -> Vec<(Obis, UtcMicros)> {
        let asked: BTreeSet<_> = self.all().chain(self.repeated.iter().copied()).collect();
        slots.iter().filter(|slot| !asked.contains(slot)).copied().collect()
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}

/// Requests for these slots of one meter, the newest slots first, none for more than `limit` slots (but at least one
/// time with all its registers). Values of now have one slot each: the newest of every register.
pub(crate) fn batches(series: Series, slots: &[(Obis, UtcMicros)], zone: &TimeZone, limit: usize) -> Vec<Batch> {
    match series {
        Series::Instant => instant(slots),
        Series::Daily | Series::Monthly => latched(series, slots, zone, limit),
        Series::Interval(minutes) => intervals(minutes, slots, zone, limit),
    }
}

fn instant(slots: &[(Obis, UtcMicros)]) -> Vec<Batch> {
    let mut newest: BTreeMap<Obis, UtcMicros> = BTreeMap::new();
    for &(register, slot) in slots {
        let at = newest.entry(register).or_insert(slot);
        *at = slot.max(*at);
    }
    if newest.is_empty() {
        return Vec::new();
    }
    let asked = Asked::of(Series::Instant, newest.iter().map(|(register, slot)| (*register, *slot)), &TimeZone::UTC);
    let request = Request::Instant { registers: newest.into_keys().collect() };
    vec![Batch { series: Series::Instant, request, asked }]
}

/// What is missing, newest time first: the registers of each time.
fn by_time(slots: &[(Obis, UtcMicros)]) -> Vec<(UtcMicros, BTreeSet<Obis>)> {
    let mut times: BTreeMap<UtcMicros, BTreeSet<Obis>> = BTreeMap::new();
    for &(register, slot) in slots {
        times.entry(slot).or_default().insert(register);
    }
    times.into_iter().rev().collect()
}

fn civil(zone: &TimeZone, at: UtcMicros) -> DateTime {
    zone.to_datetime(at.timestamp())
}

/// Whether the civil clock has shown this time before, and was set back since.
fn happens_again(zone: &TimeZone, at: UtcMicros) -> bool {
    let shown = zone.to_ambiguous_timestamp(civil(zone, at));
    shown.is_ambiguous() && shown.earlier().is_ok_and(|first| UtcMicros::from(first) < at)
}

fn latched(series: Series, slots: &[(Obis, UtcMicros)], zone: &TimeZone, limit: usize) -> Vec<Batch> {
    let mut groups: Vec<(BTreeSet<Obis>, Vec<UtcMicros>)> = Vec::new();
    for (time, registers) in by_time(slots) {
        match groups.iter_mut().find(|(same, _)| *same == registers) {
            Some((_, times)) => times.push(time),
            None => groups.push((registers, vec![time])),
        }
    }
    let mut batches = Vec::new();
    for (registers, times) in groups {
        for times in times.chunks((limit / registers.len()).max(1)) {
            batches.push(latched_batch(series, &registers, times, zone));
        }
    }
    batches
}

fn latched_batch(series: Series, registers: &BTreeSet<Obis>, times: &[UtcMicros], zone: &TimeZone) -> Batch {
    let days: Vec<Date> = times.iter().map(|time| civil(zone, *time).date()).collect();
    let asked = Asked::of(series, pairs(registers, times), zone);
    let registers = registers.iter().copied().collect();
    let request = match series {
        Series::Monthly => Request::Monthly { registers, months: days },
        _ => Request::Daily { registers, days },
    };
    Batch { series, request, asked }
}

fn pairs(registers: &BTreeSet<Obis>, times: &[UtcMicros]) -> impl Iterator<Item = (Obis, UtcMicros)> {
    times.iter().flat_map(|time| registers.iter().map(|register| (*register, *time)))
}

/// Runs of neighbouring intervals that miss the same registers.
fn intervals(minutes: u8, slots: &[(Obis, UtcMicros)], zone: &TimeZone, limit: usize) -> Vec<Batch> {
    let step = i64::from(minutes) * 60_000_000;
    let mut runs: Vec<(BTreeSet<Obis>, Vec<UtcMicros>)> = Vec::new();
    for (time, registers) in by_time(slots) {
        match runs.last_mut() {
            Some((same, times))
                if *same == registers
                    && times
                        .last()
                        .is_some_and(|later| later.since(time) == step && same_offset(zone, time, *later))
                    && (times.len() + 1) * registers.len() <= limit.max(registers.len()) =>
            {
                times.push(time);
            }
            _ => runs.push((registers, vec![time])),
        }
    }
    runs.into_iter().filter_map(|(registers, times)| interval_batch(minutes, registers, &times, zone)).collect()
}

/// A run must not cross a change of the civil clock: its ends would not name its length.
fn same_offset(zone: &TimeZone, a: UtcMicros, b: UtcMicros) -> bool {
    zone.to_offset(a.timestamp()) == zone.to_offset(b.timestamp())
}

fn interval_batch(minutes: u8, registers: BTreeSet<Obis>, times: &[UtcMicros], zone: &TimeZone) -> Option<Batch> {
    let (newest, oldest) = (times.first()?, times.last()?);
    let series = Series::Interval(minutes);
    let asked = Asked::of(series, pairs(&registers, times), zone);
    let to = civil(zone, *newest).checked_add(jiff::SignedDuration::from_mins(minutes.into())).ok()?;
    let request =
        Request::Interval { registers: registers.into_iter().collect(), minutes, from: civil(zone, *oldest), to };
    Some(Batch { series, request, asked })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn shanghai() -> TimeZone {
        TimeZone::get("Asia/Shanghai").expect("the zones are bundled")
    }

    fn at(zone: &TimeZone, civil: DateTime) -> UtcMicros {
        zone.to_timestamp(civil).expect("a civil time in range").into()
    }

    const IMPORT: Obis = Obis([1, 0, 1, 8, 0, 255]);
    const EXPORT: Obis = Obis([1, 0, 2, 8, 0, 255]);

    #[test]
    fn days_that_miss_the_same_registers_share_a_request_newest_first() {
        let zone = shanghai();
        let day = |d| at(&zone, date(2026, 3, d).at(0, 0, 0, 0));
        let slots = [(IMPORT, day(1)), (IMPORT, day(3)), (EXPORT, day(3)), (IMPORT, day(2)), (EXPORT, day(2))];
        let made = batches(Series::Daily, &slots, &zone, 100);
        let requests: Vec<_> = made.iter().map(|batch| batch.request.clone()).collect();
        assert_eq!(
            requests,
            [
                Request::Daily { registers: vec![IMPORT, EXPORT], days: vec![date(2026, 3, 3), date(2026, 3, 2)] },
                Request::Daily { registers: vec![IMPORT], days: vec![date(2026, 3, 1)] },
            ]
        );
        let midnight = MeterClock(date(2026, 3, 2).at(0, 0, 0, 0));
        assert_eq!(made[0].asked.slot(EXPORT, Some(midnight)), Some(day(2)));
        assert_eq!(made[1].asked.slot(EXPORT, Some(midnight)), None, "not asked there");
    }

    #[test]
    fn a_hole_in_a_profile_is_asked_for_exactly() {
        let zone = shanghai();
        let start = at(&zone, date(2026, 3, 1).at(0, 0, 0, 0));
        let quarter = |n: i64| UtcMicros(start.0 + n * 900_000_000);
        let slots: Vec<_> = [0, 1, 2, 10, 11].into_iter().map(|n| (IMPORT, quarter(n))).collect();
        let spans: Vec<_> = batches(Series::Interval(15), &slots, &zone, 100)
            .into_iter()
            .map(|batch| match batch.request {
                Request::Interval { from, to, .. } => (from.time(), to.time(), batch.asked.len()),
                other => panic!("{other:?}"),
            })
            .collect();
        let time = |h, m| jiff::civil::time(h, m, 0, 0);
        assert_eq!(spans, [(time(2, 30), time(3, 0), 2), (time(0, 0), time(0, 45), 3)]);
    }

    #[test]
    fn values_of_now_are_read_for_the_newest_slot_only() {
        let zone = shanghai();
        let made = batches(Series::Instant, &[(IMPORT, UtcMicros(5)), (IMPORT, UtcMicros(9))], &zone, 100);
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].asked.slot(IMPORT, None), Some(UtcMicros(9)));
    }

    #[test]
    fn an_hour_that_happens_twice_is_asked_once_for_its_first_time() {
        let zone = TimeZone::get("Europe/Berlin").expect("the zones are bundled");
        let first = at(&zone, date(2026, 10, 25).at(2, 0, 0, 0));
        let second = UtcMicros(first.0 + 3_600_000_000);
        let asked = Asked::of(Series::Interval(60), [(IMPORT, second), (IMPORT, first)], &zone);
        assert_eq!(asked.slot(IMPORT, Some(MeterClock(date(2026, 10, 25).at(2, 0, 0, 0)))), Some(first));
        assert_eq!(asked.repeated(), [(IMPORT, second)]);
        let made = batches(Series::Interval(60), &[(IMPORT, first), (IMPORT, second)], &zone, 100);
        assert_eq!(made.len(), 2, "a run does not cross the change");
        let asked: Vec<_> = made.iter().flat_map(|batch| batch.asked.all()).collect();
        assert_eq!(asked, [(IMPORT, first)], "the two are never in one request, and the second is asked for in none");
    }

    #[test]
    fn a_day_whose_midnight_is_skipped_is_still_that_day() {
        let zone = TimeZone::get("America/Sao_Paulo").expect("the zones are bundled");
        let start = at(&zone, date(2018, 11, 4).at(0, 0, 0, 0));
        assert_eq!(civil(&zone, start).hour(), 1, "midnight does not exist on this day");
        let made = batches(Series::Daily, &[(IMPORT, start)], &zone, 1);
        assert_eq!(made[0].asked.slot(IMPORT, Some(MeterClock(date(2018, 11, 4).at(0, 0, 0, 0)))), Some(start));
    }

    proptest! {
        #[test]
        fn every_slot_is_asked_for_exactly_once(
            picks in prop::collection::btree_set((0..3_u8, 0..200_i64), 1..120), limit in 1..50_usize, kind in 0..2,
        ) {
            let zone = shanghai();
            let series = if kind == 0 { Series::Daily } else { Series::Interval(15) };
            let step = if kind == 0 { 86_400_000_000 } else { 900_000_000 };
            let start = at(&zone, date(2026, 1, 1).at(0, 0, 0, 0));
            let slots: Vec<_> = picks
                .iter()
                .map(|&(register, n)| (IMPORT.with_tariff(register), UtcMicros(start.0 + n * step)))
                .collect();
            let made = batches(series, &slots, &zone, limit);
            let mut asked: Vec<_> = made.iter().flat_map(|batch| batch.asked.all()).collect();
            asked.sort();
            let mut wanted = slots;
            wanted.sort();
            prop_assert_eq!(asked, wanted);
            prop_assert!(made.iter().all(|batch| batch.asked.len() <= limit.max(3)));
        }
    }
}
