//! Whatever a line does, a value is only ever told under what it is, and every slot is told once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hes_driver::{Exchange, perform};
use hes_model::{MeterClock, Obis, Observed, Protocol, Request};
use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, date};
use proptest::prelude::*;

use crate::line::{Clock, Heard, Line, World, block_on, frame, hex};
use crate::meter::{Meter, all, energy_at, energy_in_record, every, kwh, register};
use crate::questions::{OWN, meter, start};

/// Bytes that answer another question than the one for 00010000, or none.
fn foreign() -> impl Strategy<Value = Vec<u8>> {
    let data = || prop::collection::vec(any::<u8>(), 0..12);
    prop_oneof![
        (0..1000_u32, data())
            .prop_map(|(n, data)| { frame(&format!("{n:012}"), 0x91, &[hex("00000100"), data].concat()) }),
        (1..=u32::MAX, data()).prop_filter_map("another item", |(item, data)| {
            let other = item != 0x0001_0000;
            other.then(|| frame(OWN, 0x91, &[item.to_le_bytes().to_vec(), data].concat()))
        }),
        (any::<u8>(), data()).prop_filter_map("another control code", |(control, data)| {
            let other = !matches!(control, 0x91 | 0xB1 | 0xD1);
            other.then(|| frame(OWN, control, &[hex("00000100"), data].concat()))
        }),
        (0..20_usize, 1..=u8::MAX).prop_map(|(at, by)| {
            let mut damaged = frame(OWN, 0x91, &hex("00000100 56341200"));
            damaged[at] = damaged[at].wrapping_add(by);
            damaged
        }),
        prop::collection::vec(any::<u8>(), 0..40),
        Just(frame("AAAAAAAAAAAA", 0x91, &hex("00000100 56341200"))),
        Just(frame(OWN, 0x11, &hex("00000100"))),
    ]
}

/// A meter's line: each request may go wrong in one of these ways.
#[derive(Debug, Clone)]
enum Trouble {
    None,
    Silence,
    Noise(Vec<u8>),
    Before(Vec<u8>),
    Late,
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        8 => Just(Trouble::None),
        1 => Just(Trouble::Silence),
        1 => foreign().prop_map(Trouble::Noise),
        1 => foreign().prop_map(Trouble::Before),
        1 => Just(Trouble::Late),
    ]
}

/// Answers through trouble; a late answer is what the last question should have brought.
fn through(
    far_end: &mut Meter,
    trouble: &mut std::vec::IntoIter<Trouble>,
    last: &mut Vec<u8>,
    request: &[u8],
) -> Heard {
    let Heard::Bytes(answer) = far_end.answer(request) else { panic!("a meter only answers") };
    let late = std::mem::replace(last, answer.clone());
    Heard::Bytes(match trouble.next().unwrap_or(Trouble::None) {
        Trouble::None => answer,
        Trouble::Silence => Vec::new(),
        Trouble::Noise(bytes) => bytes,
        Trouble::Before(bytes) => [bytes, answer].concat(),
        Trouble::Late => late,
    })
}

/// How often each asked-for slot was told, as a value or as missing.
fn told(world: &World, asked: &[Obis]) -> BTreeMap<(Obis, DateTime), usize> {
    let values = world.values().into_iter().map(|value| (value.register, value.slot.unwrap().0));
    let missing = world.missing().into_iter().map(|(register, slot, _)| (register.unwrap(), slot.unwrap().0));
    let mut counts = BTreeMap::new();
    for key in values.chain(missing).filter(|(register, _)| asked.contains(register)) {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

#[test]
fn a_dialogue_can_be_given_to_any_thread() {
    fn on_any_thread<T: Send>(dialogue: T) -> T {
        dialogue
    }
    fn with<L: Exchange>(link: &mut L) {
        let mut world = World::new(&start());
        let spec = meter(Protocol::Dlt645v2007, "generic-2007");
        drop(on_any_thread(perform(&spec, &Request::Clock, link, &mut world)));
    }
    with(&mut Line::new(&start(), |_: &[u8]| Heard::Down));
}

proptest! {
    #[test]
    fn no_answer_to_another_question_becomes_a_value(before in prop::collection::vec(foreign(), 0..5), answered: bool) {
        let clock = start();
        let mut world = World::new(&clock);
        let good = if answered { frame(OWN, 0x91, &hex("00000100 56341200")) } else { Vec::new() };
        let mut line = Line::new(&clock, |_: &[u8]| Heard::Bytes([before.concat(), good.clone()].concat()));
        let request = Request::Instant { registers: all(&["import_active_total"]) };
        let ended = block_on(perform(&meter(Protocol::Dlt645v2007, "generic-2007"), &request, &mut line, &mut world));
        for value in world.values() {
            prop_assert!(answered);
            prop_assert_eq!(&value.value, &kwh(123_456));
        }
        prop_assert!(world.values().len() <= 1);
        prop_assert_eq!(ended.is_err(), world.outcomes.is_empty());
    }

    #[test]
    fn a_freeze_is_told_under_its_day_and_every_day_once(
        since_midnight in -10_000..90_000_000_i64,
        behind in prop_oneof![3 => Just(0_u64), 1 => 0..300_000_u64],
        without in prop::collection::btree_set(0..30_i32, 0..12),
        days in prop::collection::btree_set(0..35_i32, 1..6),
        first in 0..60_i32,
        model in prop_oneof![Just("generic-2007"), Just("one-by-one-2007")],
        troubles in prop::collection::vec(trouble(), 0..20),
        longest in prop_oneof![Just(200_usize), 20..200_usize],
    ) {
        const TODAY: Date = date(2026, 11, 24);
        let ago = |n: i32| TODAY.saturating_sub(n.days());
        let clock = Clock::at(TODAY.at(0, 0, 0, 0).saturating_add(jiff::SignedDuration::from_millis(since_midnight)));
        let mut far_end = Meter::new(&clock);
        far_end.behind = Duration::from_secs(behind);
        far_end.without = without.into_iter().map(ago).collect();
        far_end.freezes_since = ago(first);
        far_end.longest = longest;
        let (mut trouble, mut last) = (troubles.into_iter(), Vec::new());
        let mut world = World::new(&clock);
        let mut line = Line::new(&clock, |request: &[u8]| through(&mut far_end, &mut trouble, &mut last, request));
        let registers = all(&["import_active_total", "import_active_t4"]);
        let days: Vec<Date> = days.into_iter().map(ago).collect();
        let request = Request::Daily { registers: registers.clone(), days: days.clone() };
        let ended = block_on(perform(&meter(Protocol::Dlt645v2007, model), &request, &mut line, &mut world));
        for value in world.values() {
            let MeterClock(slot) = value.slot.unwrap();
            let (family, tariff) = (u64::from(value.register.0[2]), u64::from(value.register.tariff()));
            prop_assert_eq!(&value.value, &kwh(energy_at(slot.date(), family, tariff)));
        }
        let told = told(&world, &registers);
        prop_assert!(told.values().all(|times| *times == 1), "{:?}", told);
        let asked: BTreeSet<DateTime> = days.iter().map(|day| day.at(0, 0, 0, 0)).collect();
        prop_assert!(told.keys().all(|(_, slot)| asked.contains(slot)));
        if ended.is_ok() {
            prop_assert_eq!(told.len(), registers.len() * days.len());
        }
        prop_assert!(line.sent.len() <= 400);
    }

    #[test]
    fn a_record_is_told_under_its_time_and_every_slot_once(
        held in prop::collection::btree_set(0..96_usize, 0..96),
        from in 0..90_i64,
        slots in 1..20_i64,
        troubles in prop::collection::vec(trouble(), 0..20),
        longest in prop_oneof![Just(200_usize), 40..200_usize],
    ) {
        const DAY: Date = date(2026, 11, 23);
        let grid = every(15, DAY.at(0, 0, 0, 0), date(2026, 11, 24).at(0, 0, 0, 0));
        let clock = Clock::at(date(2026, 11, 24).at(10, 0, 0, 0));
        let mut far_end = Meter::new(&clock);
        far_end.records = held.into_iter().map(|at| grid[at]).collect();
        far_end.longest = longest;
        let (mut trouble, mut last) = (troubles.into_iter(), Vec::new());
        let mut world = World::new(&clock);
        let mut line = Line::new(&clock, |request: &[u8]| through(&mut far_end, &mut trouble, &mut last, request));
        let from = DAY.at(0, 0, 0, 0).saturating_add((15 * from).minutes());
        let to = from.saturating_add((15 * slots).minutes());
        let registers = all(&["import_active_total"]);
        let request = Request::Interval { registers: registers.clone(), minutes: 15, from, to };
        let ended = block_on(perform(&meter(Protocol::Dlt645v2007, "generic-2007"), &request, &mut line, &mut world));
        for value in world.values().into_iter().filter(|value| value.register == register("import_active_total")) {
            let MeterClock(slot) = value.slot.unwrap();
            prop_assert_eq!(&value.value, &kwh(energy_in_record(slot)));
            prop_assert!(!matches!(value.value, Observed::None(_)));
        }
        let told = told(&world, &registers);
        let asked: BTreeSet<DateTime> = every(15, from, to).into_iter().collect();
        prop_assert!(told.values().all(|times| *times == 1), "{:?}", told);
        prop_assert!(told.keys().all(|(_, slot)| asked.contains(slot)));
        if ended.is_ok() {
            prop_assert_eq!(told.len(), asked.len());
        }
    }

    #[test]
    fn one_damage_that_no_check_sum_sees_gives_no_slot_up_and_moves_no_other_value(
        exchange in 0..6_usize,
        at in (0..60_usize, 0..60_usize),
        by in 1..=u8::MAX,
        days in prop::collection::btree_set(0..20_i32, 1..4),
        without in prop::collection::btree_set(0..25_i32, 0..4),
        profile: bool,
        model in prop_oneof![Just("generic-2007"), Just("one-by-one-2007")],
    ) {
        const TODAY: Date = date(2026, 11, 24);
        let ago = |n: i32| TODAY.saturating_sub(n.days());
        let clock = Clock::at(TODAY.at(10, 0, 0, 0));
        let mut far_end = Meter::new(&clock);
        far_end.without = without.into_iter().map(ago).collect();
        let (from, to) = (TODAY.at(1, 0, 0, 0), TODAY.at(3, 0, 0, 0));
        far_end.records = every(15, TODAY.at(0, 0, 0, 0), TODAY.at(10, 0, 0, 0)).into_iter().collect();
        let held: BTreeSet<Date> = (0..62).map(ago).filter(|day| !far_end.without.contains(day)).collect();
        let (mut asked, mut damaged) = (0, Vec::new());
        let mut world = World::new(&clock);
        let mut line = Line::new(&clock, |request: &[u8]| {
            let Heard::Bytes(mut answer) = far_end.answer(request) else { panic!("a meter only answers") };
            if asked == exchange {
                // Two bytes of the data change by as much in opposite directions: the sum stays what it was.
                let data = answer.len() - 12;
                let (up, down) = (10 + at.0 % data, 10 + at.1 % data);
                answer[up] = answer[up].wrapping_add(by);
                answer[down] = answer[down].wrapping_sub(by);
                damaged.clone_from(&answer);
            }
            asked += 1;
            Heard::Bytes(answer)
        });
        let registers = all(&["import_active_total"]);
        let request = if profile {
            Request::Interval { registers, minutes: 15, from, to }
        } else {
            Request::Daily { registers, days: days.into_iter().map(ago).collect() }
        };
        let _ended = block_on(perform(&meter(Protocol::Dlt645v2007, model), &request, &mut line, &mut world));
        drop(line);
        let sly = |proof: usize| world.proofs()[proof].answer.windows(damaged.len().max(1)).any(|part| part == damaged);
        for value in world.values().into_iter().filter(|value| value.register == register("import_active_total")) {
            let MeterClock(slot) = value.slot.unwrap();
            let truth = if profile { energy_in_record(slot) } else { energy_at(slot.date(), 1, 0) };
            prop_assert!(value.value == kwh(truth) || sly(value.proof), "{slot}: {:?}", value.value);
        }
        for (_, slot, failure) in world.missing().into_iter().filter(|(.., failure)| failure.kind.is_final()) {
            let MeterClock(slot) = slot.unwrap();
            prop_assert!(!profile && !held.contains(&slot.date()), "{slot}: {failure}");
        }
    }
}
