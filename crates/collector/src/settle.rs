//! Turns what a dialogue said into what is stored: readings with their quality, failures, slots given up.
//!
//! Pure. Every slot that was asked for comes out exactly once: settled (a good value, or none in the meter), given up
//! for a final reason, or open, to be asked again.

use std::collections::{BTreeMap, BTreeSet};

use hes_driver::Env as _;
use hes_model::{
    CapturedAt, Failure, FailureKind, MeterClock, MeterId, NoValue, Obis, Observation, Observed, Quality, Reading,
    Series, UtcMicros,
};
use hes_store::{ClockReading, FailedAttempt, GiveUp, Slot};
use hes_validation::{Background, Limits, Rule, judge};
use jiff::tz::TimeZone;

use crate::batch::Asked;
use crate::notebook::{ClockSeen, Notebook};

/// How long after a slot's end "the meter does not hold it" is not believed for good: a meter whose clock is slow has
/// not latched yet.
const NOT_HELD_GRACE_MICROS: i64 = 6 * 3_600_000_000;

/// What was asked of which meter.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) meter: MeterId,
    /// `None` for clock checks, which ask for no slot.
    pub(crate) series: Option<Series>,
    pub(crate) asked: Asked,
}

/// Readings with their quality, each with the number of the exchange that proves it.
pub(crate) type Judged = Vec<(Reading, usize)>;

/// What a dialogue comes to.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    pub(crate) readings: Vec<(Reading, usize)>,
    pub(crate) failures: Vec<FailedAttempt>,
    pub(crate) given_up: Vec<GiveUp>,
    /// Slots that are filled, or settled as absent.
    pub(crate) settled: Vec<Slot>,
    /// Slots that hold only a suspect value, or none, and whose fault that is.
    pub(crate) open: Vec<(Slot, Fault)>,
    pub(crate) clock: Option<ClockReading>,
    /// Values that nobody asked for, other than what a block brings along.
    pub(crate) unasked: usize,
}

impl Task {
    /// The readings among what was said: those asked for, and those that came along in a block and help to judge them.
    fn readings(&self, notes: &Notebook) -> Vec<(Reading, usize, Wanted)> {
        notes.values.iter().filter_map(|value| self.reading(value, notes)).collect()
    }

    fn reading(&self, value: &Observation, notes: &Notebook) -> Option<(Reading, usize, Wanted)> {
        let proof = notes.proofs.get(value.proof)?;
        if Some(value.series) != self.series {
            return None;
        }
        let (slot, wanted) = match self.asked.slot(value.register, value.slot) {
            Some(slot) => (slot, Wanted::Asked),
            None => (self.asked.slot_of_neighbour(value.slot)?, Wanted::CameAlong),
        };
        let received = proof.received_at;
        let latched = value.latched.and_then(|MeterClock(latched)| notes.zone().to_timestamp(latched).ok());
        let captured = match value.series {
            Series::Instant => received.0,
            Series::Interval(_) | Series::Daily | Series::Monthly => latched.map_or(slot, UtcMicros::from),
        };
        let reading = Reading {
            meter: self.meter,
            register: value.register,
            series: value.series,
            slot,
            value: value.value.clone(),
            occurred: value.occurred,
            meter_clock: value.latched.or(value.slot),
            captured: CapturedAt(captured),
            received,
            quality: Quality::Good,
            exchange: None,
        };
        Some((reading, value.proof, wanted))
    }

    /// The readings asked for with their quality. Costs more than all else done with them, so it is done
    /// once for what was said.
    pub(crate) fn judged(&self, notes: &Notebook, background: &Background, limits: &Limits) -> Judged {
        let readings = self.readings(notes);
        let borrowed: Vec<_> = readings.iter().map(|(reading, proof, _)| (reading, *proof)).collect();
        let qualities = judge(&borrowed, background, limits);
        let with_quality = readings.into_iter().zip(qualities);
        with_quality
            .filter(|((_, _, wanted), _)| *wanted == Wanted::Asked)
            .map(|((reading, proof, _), quality)| (Reading { quality, ..reading }, proof))
            .collect()
    }

    /// Slots to be asked for a second time at once: what came damaged or from elsewhere, what is suspect, and the known
    /// neighbours that suspect values contradict.
    pub(crate) fn ask_again(
        &self,
        judged: &[(Reading, usize)],
        notes: &Notebook,
        background: &Background,
    ) -> Vec<(Obis, UtcMicros)> {
        let mut again: BTreeSet<_> = notes
            .missing
            .iter()
            .filter(|missing| is_of_the_line(missing.failure.kind))
            .flat_map(|missing| self.asked.matching(missing.register, missing.slot))
            .collect();
        for (reading, _) in judged {
            again.remove(&(reading.register, reading.slot));
        }
        let good: BTreeSet<_> = judged
            .iter()
            .filter(|(reading, _)| reading.quality.is_good())
            .map(|(reading, _)| slot_of(reading))
            .collect();
        for (reading, _) in judged.iter().filter(|(reading, _)| !good.contains(&slot_of(reading))) {
            again.insert((reading.register, reading.slot));
            if contradicts_neighbours(&reading.quality) && reading.series != Series::Instant {
                again.extend(neighbours(reading, background).map(|at| (reading.register, at)));
            }
        }
        again.into_iter().collect()
    }

    /// Slots about which nothing was said at all.
    pub(crate) fn unanswered(&self, notes: &Notebook) -> Vec<(Obis, UtcMicros)> {
        let values = self.readings(notes);
        let told: BTreeSet<_> = values
            .iter()
            .map(|(reading, ..)| (reading.register, reading.slot))
            .chain(notes.missing.iter().flat_map(|missing| self.asked.matching(missing.register, missing.slot)))
            .collect();
        self.asked.all().filter(|slot| !told.contains(slot)).collect()
    }

    /// What the dialogue comes to, given how it ended.
    pub(crate) fn settle(
        &self,
        judged: Judged,
        notes: &Notebook,
        ended: Result<(), Failure>,
        now: UtcMicros,
    ) -> Settled {
        let mut settled = Settled {
            unasked: notes.values.len() - self.readings(notes).len(),
            clock: notes.clock.map(|clock| clock_reading(&clock, notes.zone())),
            ..Settled::default()
        };
        let mut filled: BTreeMap<Slot, bool> = BTreeMap::new();
        for (reading, proof) in without_repeats(judged) {
            let is_value = !matches!(reading.value, Observed::None(ref why) if *why != NoValue::Absent);
            *filled.entry(slot_of(&reading)).or_default() |= reading.quality.is_good() && is_value;
            settled.readings.push((reading, proof));
        }
        for (slot, is_filled) in &filled {
            if *is_filled {
                settled.settled.push(*slot);
            } else {
                settled.open.push((*slot, Fault::Slot));
            }
        }
        let answered = filled.into_keys().collect();
        self.failures(notes, ended, &answered, now, &mut settled);
        settled
    }

    /// Sorts the slots that got no value by what kept it away.
    fn failures(
        &self,
        notes: &Notebook,
        ended: Result<(), Failure>,
        answered: &BTreeSet<Slot>,
        now: UtcMicros,
        settled: &mut Settled,
    ) {
        let mut left: BTreeSet<Slot> = match self.series {
            Some(series) => self
                .asked
                .all()
                .map(|(register, time)| Slot { series, time, register })
                .filter(|s| !answered.contains(s))
                .collect(),
            None => BTreeSet::new(),
        };
        for missing in &notes.missing {
            let mut slots = Vec::new();
            for (register, time) in self.asked.matching(missing.register, missing.slot) {
                let Some(series) = self.series else { continue };
                let slot = Slot { series, time, register };
                if left.remove(&slot) {
                    slots.push(slot);
                }
            }
            settled.fail(missing.failure.clone(), slots, now);
        }
        if let Err(failure) = ended {
            settled.fail(failure, left.into_iter().collect(), now);
        } else if !left.is_empty() {
            let failure = Failure::new(FailureKind::WrongItem, "the dialogue ended without a word about the value");
            settled.fail(failure, left.into_iter().collect(), now);
        }
        for &(register, time) in self.asked.repeated() {
            if let Some(series) = self.series {
                let reason = Failure::new(
                    FailureKind::Clock,
                    "the civil time occurs twice, and the meter keeps its first occurrence",
                );
                settled.given_up.push(GiveUp { slot: Slot { series, time, register }, at: now, reason });
            }
        }
    }
}

/// Whether the line is to blame, so that the same question may be answered a moment later.
fn is_of_the_line(kind: FailureKind) -> bool {
    use FailureKind::{Checksum, Incomplete, WrongAddress, WrongItem};
    matches!(kind, Checksum | Incomplete | WrongAddress | WrongItem)
}

/// Whether values contradict what is known of their registers, read again or not.
pub(crate) fn contradict(judged: &[(Reading, usize)]) -> bool {
    judged.iter().any(|(reading, _)| contradicts_neighbours(&reading.quality))
}

fn contradicts_neighbours(quality: &Quality) -> bool {
    match quality {
        Quality::Suspect(rules) => {
            rules.iter().any(|rule| rule == Rule::Backwards.id() || rule == Rule::BeyondConnection.id())
        }
        Quality::Good => false,
    }
}

/// Slots of the nearest known values of the same series, before and after.
fn neighbours(reading: &Reading, background: &Background) -> impl Iterator<Item = UtcMicros> {
    let known = background.known.get(&reading.register).into_iter().flatten();
    let same: Vec<_> = known.filter(|known| known.series == reading.series).map(|known| known.at).collect();
    let before = same.iter().copied().filter(|at| *at < reading.slot).max();
    let after = same.iter().copied().filter(|at| *at > reading.slot).min();
    before.into_iter().chain(after)
}

/// Why a value is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Asked,
    CameAlong,
}

impl Settled {
    /// Notes a cause, and gives the slots up for which it is final.
    fn fail(&mut self, failure: Failure, slots: Vec<Slot>, now: UtcMicros) {
        let (finally, open): (Vec<_>, Vec<_>) =
            slots.into_iter().partition(|slot| is_final_for(failure.kind, slot, now));
        self.given_up.extend(finally.into_iter().map(|slot| GiveUp { slot, at: now, reason: failure.clone() }));
        self.open.extend(open.iter().map(|slot| (*slot, Fault::of(failure.kind))));
        match self.failures.iter_mut().find(|attempt| attempt.failure == failure) {
            Some(same) => same.slots.extend(open),
            None => self.failures.push(FailedAttempt { at: now, failure, slots: open }),
        }
    }
}

/// Whose fault it is that a slot is still open: decides who says when it is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The slot's own: its value was refused, damaged or suspect.
    Slot,
    /// The meter's, the line's or ours: the slot itself may be asked as soon as that is over.
    Way,
}

impl Fault {
    fn of(kind: FailureKind) -> Self {
        match kind {
            FailureKind::ChannelDown | FailureKind::NoReply | FailureKind::Interrupted => Fault::Way,
            _ => Fault::Slot,
        }
    }
}

/// Whether the slot is lost for good by this cause. One that the meter may not have latched yet is not.
fn is_final_for(kind: FailureKind, slot: &Slot, now: UtcMicros) -> bool {
    let young = now.since(slot_end(slot)) < NOT_HELD_GRACE_MICROS;
    kind.is_final() && !(kind == FailureKind::NotHeld && young)
}

/// When a slot's value is complete.
pub(crate) fn slot_end(slot: &Slot) -> UtcMicros {
    match slot.series {
        Series::Interval(minutes) => UtcMicros(slot.time.0.saturating_add(i64::from(minutes) * 60_000_000)),
        Series::Instant | Series::Daily | Series::Monthly => slot.time,
    }
}

pub(crate) fn slot_of(reading: &Reading) -> Slot {
    Slot { series: reading.series, time: reading.slot, register: reading.register }
}

/// A slot that was asked twice and answered the same is told once.
fn without_repeats(readings: Judged) -> Judged {
    let mut seen: BTreeMap<Slot, Vec<Observed>> = BTreeMap::new();
    let is_new = |reading: &Reading| {
        let values = seen.entry(slot_of(reading)).or_default();
        // A value of now that was asked twice is the first one, confirmed by the second.
        let known = match reading.series {
            Series::Instant => !values.is_empty() && reading.quality.is_good(),
            _ => values.contains(&reading.value),
        };
        values.push(reading.value.clone());
        !known
    };
    let mut is_new = is_new;
    readings.into_iter().filter(|(reading, _)| is_new(reading)).collect()
}

pub(crate) fn clock_reading(seen: &ClockSeen, zone: &TimeZone) -> ClockReading {
    let MeterClock(civil) = seen.meter;
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let nearest = [ambiguous.earlier(), ambiguous.later()]
        .into_iter()
        .flatten()
        .map(|at| UtcMicros::from(at).since(seen.at))
        .min_by_key(|offset| offset.saturating_abs());
    ClockReading {
        meter_clock: seen.meter,
        at: seen.at,
        offset_ms: nearest.unwrap_or(i64::MAX) / 1000,
        uncertainty_ms: i64::try_from(seen.uncertainty.as_millis()).unwrap_or(i64::MAX),
        proof: seen.proof,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hes_driver::Outcome;
    use hes_model::{ExchangeProof, ModelName, Quantity, ReceivedAt, Transformers, Unit};
    use hes_validation::{DemandTimes, Identity, Known, Receipts};
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::batch::batches;
    use crate::config::ClockConfig;
    use crate::host_clock::HostClock;

    const IMPORT: Obis = Obis([1, 0, 1, 8, 0, 255]);
    const EXPORT: Obis = Obis([1, 0, 2, 8, 0, 255]);
    const DAY: i64 = 86_400_000_000;

    fn zone() -> TimeZone {
        TimeZone::get("Asia/Shanghai").expect("the zones are bundled")
    }

    /// 2026-03-`day` 00:00 civil.
    fn slot(day: i8) -> UtcMicros {
        zone().to_timestamp(date(2026, 3, day).at(0, 0, 0, 0)).expect("in range").into()
    }

    fn stamp(day: i8) -> Option<MeterClock> {
        Some(MeterClock(date(2026, 3, day).at(0, 0, 0, 0)))
    }

    fn task(slots: &[(Obis, UtcMicros)]) -> Task {
        let batch = batches(Series::Daily, slots, &zone(), 100).into_iter().next().expect("one batch");
        Task { meter: MeterId(1), series: Some(Series::Daily), asked: batch.asked }
    }

    fn background(known: &[(UtcMicros, i64)]) -> Background {
        let known: Vec<_> = known
            .iter()
            .map(|&(at, mantissa)| Known { series: Series::Daily, at, value: Quantity::new(mantissa, 2, Unit::Kwh) })
            .collect();
        Background {
            zone: zone(),
            connection: Limits::default().connection(&ModelName::new("x").expect("a name"), Transformers::DIRECT),
            demand_times: DemandTimes::Told,
            identity: Identity::Unquestioned,
            clock_offset_seconds: None,
            receipts: Receipts::Steady,
            known: BTreeMap::from([(IMPORT, known.clone()), (EXPORT, known)]),
        }
    }

    fn notes(values: &[(Obis, Option<MeterClock>, i64)]) -> Notebook {
        let mut notes = Notebook::new(zone(), 4, HostClock::new(ClockConfig::default(), UtcMicros(0)));
        let received_at = ReceivedAt(slot(20));
        for (proof, &(register, slot, mantissa)) in values.iter().enumerate() {
            let proof_bytes = ExchangeProof { request: vec![1], answer: vec![2], sent_at: received_at.0, received_at };
            notes.outcome(Outcome::Exchange(proof_bytes));
            notes.outcome(Outcome::Value(Observation {
                register,
                series: Series::Daily,
                slot,
                latched: None,
                value: Observed::Number(Quantity::new(mantissa, 2, Unit::Kwh)),
                occurred: None,
                proof,
            }));
        }
        notes
    }

    fn settle(task: &Task, notes: &Notebook, ended: Result<(), Failure>, known: &[(UtcMicros, i64)]) -> Settled {
        task.settle(task.judged(notes, &background(known), &Limits::default()), notes, ended, slot(20))
    }

    fn times(slots: &[Slot]) -> Vec<(Obis, UtcMicros)> {
        slots.iter().map(|slot| (slot.register, slot.time)).collect()
    }

    fn open(settled: &Settled) -> Vec<(Obis, UtcMicros, Fault)> {
        settled.open.iter().map(|(slot, fault)| (slot.register, slot.time, *fault)).collect()
    }

    #[test]
    fn a_value_fills_the_slot_it_was_asked_for_and_no_other() {
        let task = task(&[(IMPORT, slot(10)), (IMPORT, slot(11))]);
        let notes = notes(&[(IMPORT, stamp(11), 1_100), (IMPORT, stamp(12), 1_200), (IMPORT, None, 1_300)]);
        let settled = settle(&task, &notes, Ok(()), &[(slot(9), 1_000)]);
        assert_eq!(times(&settled.settled), [(IMPORT, slot(11))]);
        assert_eq!(open(&settled), [(IMPORT, slot(10), Fault::Slot)]);
        assert_eq!(settled.readings.len(), 1);
        assert_eq!(settled.unasked, 2, "the twelfth was not asked for, nor was a value of now");
        assert_eq!(settled.failures[0].failure.kind, FailureKind::WrongItem);
    }

    #[test]
    fn a_suspect_value_is_stored_and_its_slot_stays_open() {
        let task = task(&[(IMPORT, slot(10))]);
        let settled = settle(&task, &notes(&[(IMPORT, stamp(10), 999)]), Ok(()), &[(slot(9), 1_000)]);
        assert_eq!(settled.readings[0].0.quality, Quality::Suspect(vec![Rule::Backwards.into()]));
        assert_eq!(open(&settled), [(IMPORT, slot(10), Fault::Slot)]);
        assert!(settled.settled.is_empty() && settled.failures.is_empty());
    }

    #[test]
    fn what_did_not_come_before_a_dialogue_broke_off_has_its_cause() {
        let task = task(&[(IMPORT, slot(10)), (IMPORT, slot(9))]);
        let broke = Err(Failure::new(FailureKind::NoReply, "no answer in time"));
        let settled = settle(&task, &notes(&[(IMPORT, stamp(10), 1_100)]), broke, &[(slot(8), 1_000)]);
        assert_eq!(times(&settled.settled), [(IMPORT, slot(10))]);
        assert_eq!(times(&settled.failures[0].slots), [(IMPORT, slot(9))]);
        assert_eq!(settled.failures[0].failure.kind, FailureKind::NoReply);
        assert_eq!(open(&settled), [(IMPORT, slot(9), Fault::Way)]);
    }

    #[test]
    fn a_final_cause_gives_the_slot_up_but_a_young_slot_may_yet_be_latched() {
        let missing = |day, kind| Outcome::Missing {
            register: Some(IMPORT),
            slot: stamp(day),
            failure: Failure::new(kind, "so the meter says"),
        };
        let task = task(&[(IMPORT, slot(10)), (IMPORT, slot(20))]);
        for (kind, gone) in [
            (FailureKind::NotHeld, vec![slot(10)]),
            (FailureKind::NotSupported, vec![slot(10), slot(20)]),
            (FailureKind::Checksum, vec![]),
        ] {
            let mut notes = notes(&[]);
            notes.outcome(missing(10, kind));
            notes.outcome(missing(20, kind));
            let settled = settle(&task, &notes, Ok(()), &[]);
            let given_up: Vec<_> = settled.given_up.iter().map(|g| g.slot.time).collect();
            assert_eq!(given_up, gone, "{kind}");
            assert_eq!(settled.given_up.len() + settled.open.len(), 2);
            assert_eq!(settled.failures.len(), 1, "the cause is recorded either way");
        }
    }

    #[test]
    fn a_first_value_is_asked_twice_and_the_second_confirms_it() {
        let task = task(&[(IMPORT, slot(10))]);
        let once = notes(&[(IMPORT, stamp(10), 1_000)]);
        let again = |notes: &Notebook, known: &[(UtcMicros, i64)]| {
            let background = background(known);
            task.ask_again(&task.judged(notes, &background, &Limits::default()), notes, &background)
        };
        assert_eq!(again(&once, &[]), [(IMPORT, slot(10))]);
        assert_eq!(again(&once, &[(slot(9), 990)]), []);
        let twice = notes(&[(IMPORT, stamp(10), 1_000), (IMPORT, stamp(10), 1_000)]);
        assert_eq!(again(&twice, &[]), []);
        let settled = settle(&task, &twice, Ok(()), &[]);
        assert_eq!(settled.readings.len(), 1, "one version, not two");
        assert!(settled.readings[0].0.quality.is_good());
        let differs = settle(&task, &notes(&[(IMPORT, stamp(10), 1_000), (IMPORT, stamp(10), 7_000)]), Ok(()), &[]);
        assert_eq!(open(&differs), [(IMPORT, slot(10), Fault::Slot)]);
        assert_eq!(differs.readings.len(), 2, "both are kept, both suspect");
    }

    #[test]
    fn a_settlement_is_captured_on_the_meters_day_and_belongs_to_its_month() {
        let month = UtcMicros::from(zone().to_timestamp(date(2026, 3, 1).at(0, 0, 0, 0)).expect("in range"));
        let batch = batches(Series::Monthly, &[(IMPORT, month)], &zone(), 100).into_iter().next().expect("one batch");
        let task = Task { meter: MeterId(1), series: Some(Series::Monthly), asked: batch.asked };
        let mut notes = notes(&[]);
        let received_at = ReceivedAt(slot(20));
        let proof = ExchangeProof { request: vec![1], answer: vec![2], sent_at: received_at.0, received_at };
        notes.outcome(Outcome::Exchange(proof));
        notes.outcome(Outcome::Value(Observation {
            register: IMPORT,
            series: Series::Monthly,
            slot: stamp(1),
            latched: stamp(15),
            value: Observed::Number(Quantity::new(1_000, 2, Unit::Kwh)),
            occurred: None,
            proof: 0,
        }));
        let settled = settle(&task, &notes, Ok(()), &[]);
        let reading = &settled.readings[0].0;
        assert_eq!((reading.slot, reading.captured.0, reading.meter_clock), (month, slot(15), stamp(15)));
    }

    #[test]
    fn the_tariffs_a_block_brings_along_are_judged_and_not_stored() {
        let task = task(&[(IMPORT, slot(10))]);
        let mut notes = notes(&[(IMPORT, stamp(10), 300)]);
        for (tariff, mantissa) in [(1, 100), (2, 200)] {
            let register = IMPORT.with_tariff(tariff);
            let value = Observed::Number(Quantity::new(mantissa, 2, Unit::Kwh));
            let (series, slot) = (Series::Daily, stamp(10));
            notes.outcome(Outcome::Value(Observation {
                register,
                series,
                slot,
                latched: None,
                value,
                occurred: None,
                proof: 0,
            }));
        }
        let settled = settle(&task, &notes, Ok(()), &[]);
        assert_eq!(settled.readings.len(), 1);
        assert!(settled.readings[0].0.quality.is_good(), "the sum speaks for the first value");
        assert_eq!(settled.unasked, 0);
    }

    #[test]
    fn a_clock_is_compared_in_the_utilitys_zone() {
        let task = Task { meter: MeterId(1), series: None, asked: Asked::default() };
        let mut notes = notes(&[(IMPORT, None, 1)]);
        let at = UtcMicros(slot(10).0 + DAY / 2);
        let meter = MeterClock(date(2026, 3, 10).at(12, 0, 7, 0));
        notes.outcome(Outcome::Clock { meter, at, uncertainty: std::time::Duration::from_millis(510), proof: 0 });
        let clock = settle(&task, &notes, Ok(()), &[]).clock.expect("a clock was read");
        assert_eq!((clock.offset_ms, clock.uncertainty_ms), (7_000, 510));
    }
}
