//! Daily freezes: never under a wrong day.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hes_driver::perform;
use hes_model::{Failure, FailureKind, MeterClock, NoValue, Observed, Protocol, Request, Series};
use jiff::civil::{Date, DateTime, Time, date};

use crate::instant::item;
use crate::line::{Clock, Heard, Line, World, block_on, frame, hex};
use crate::meter::{Meter, all, energy_at, kwh, register};
use crate::questions::{OWN, meter};

const TODAY: Date = date(2026, 11, 24);
const ENERGIES: [&str; 5] =
    ["import_active_total", "import_active_t1", "import_active_t2", "import_active_t3", "import_active_t4"];

struct Read {
    ended: Result<(), Failure>,
    world: World,
    sent: Vec<String>,
}

impl Read {
    /// Every value stands under the day its freeze was latched on.
    fn every_value_is_of_its_day(&self) -> usize {
        for value in self.world.values() {
            let MeterClock(slot) = value.slot.unwrap();
            assert_eq!((value.series, slot.time()), (Series::Daily, Time::midnight()));
            let (family, tariff) = (u64::from(value.register.0[2]), u64::from(value.register.tariff()));
            assert_eq!(value.value, kwh(energy_at(slot.date(), family, tariff)), "{slot}");
        }
        self.world.values().len()
    }
    /// Why nothing was read of a day.
    fn cause(&self, day: Date) -> Option<FailureKind> {
        let slot = Some(MeterClock(day.to_datetime(Time::midnight())));
        self.world.missing().into_iter().find(|(_, own, _)| *own == slot).map(|(_, _, failure)| failure.kind)
    }
}

fn read_at(
    at: DateTime,
    model: &str,
    registers: &[&str],
    days: &[Date],
    change: impl FnOnce(&mut Meter, &Clock),
) -> Read {
    let clock = Clock::at(at);
    let mut far_end = Meter::new(&clock);
    change(&mut far_end, &clock);
    let mut world = World::new(&clock);
    let mut line = Line::new(&clock, |request: &[u8]| far_end.answer(request));
    let request = Request::Daily { registers: all(registers), days: days.to_vec() };
    let ended = block_on(perform(&meter(Protocol::Dlt645v2007, model), &request, &mut line, &mut world));
    let sent = line.sent.iter().map(|request| item(request)).collect();
    Read { ended, world, sent }
}

fn read(model: &str, days: &[Date], change: impl FnOnce(&mut Meter, &Clock)) -> Read {
    read_at(TODAY.at(0, 30, 0, 0), model, &ENERGIES, days, change)
}

#[test]
fn a_day_is_one_exchange_where_the_meter_has_the_block() {
    let read = read("generic-2007", &[TODAY], |_, _| {});
    assert_eq!((read.ended.clone(), read.sent.join(" ")), (Ok(()), "0506FF01".to_owned()));
    assert_eq!(read.every_value_is_of_its_day(), 10, "reverse energies came along");
    assert_eq!(read.world.proofs().len(), 1);
}

#[test]
fn several_days_are_asked_for_from_the_newest_back() {
    let days = [date(2026, 11, 20), TODAY, date(2026, 11, 23)];
    let read = read("generic-2007", &days, |_, _| {});
    assert_eq!(read.sent.join(" "), "0506FF01 0506FF02 0506FF05");
    assert_eq!(read.every_value_is_of_its_day(), 30);
}

#[test]
fn without_the_block_the_freeze_time_stands_before_and_after_the_values() {
    for model in ["one-by-one-2007", "generic-2007"] {
        let read = read(model, &[date(2026, 11, 23)], |meter, _| meter.refuses_blocks = true);
        let sent = read.sent.join(" ");
        assert!(sent.ends_with("05060002 05060102 05060002"), "{sent}");
        assert_eq!(sent.starts_with("0506FF02"), model == "generic-2007", "a refused block is tried once: {sent}");
        assert_eq!((read.ended.clone(), read.every_value_is_of_its_day()), (Ok(()), 5));
    }
}

#[test]
fn a_long_freeze_is_put_together_from_its_frames() {
    let read = read("generic-2007", &[TODAY], |meter, _| meter.longest = 30);
    assert_eq!(read.every_value_is_of_its_day(), 10);
    assert!(read.sent.len() > 1);
    assert_eq!(read.world.proofs().len(), 1);
}

#[test]
fn midnight_passing_between_exchanges_moves_no_value_to_another_day() {
    let days = [date(2026, 11, 22), date(2026, 11, 23), TODAY];
    for model in ["generic-2007", "one-by-one-2007"] {
        // The first exchanges are before midnight, the rest after it: every instant of the dialogue is tried.
        for before in (0..5000).step_by(100) {
            let at = date(2026, 11, 25).at(0, 0, 0, 0).saturating_sub(jiff::SignedDuration::from_millis(before));
            let read = read_at(at, model, &ENERGIES, &days, |_, _| {});
            assert_eq!(read.ended, Ok(()));
            read.every_value_is_of_its_day();
            for day in days {
                let values =
                    read.world.values().into_iter().filter(|value| value.slot.unwrap().0.date() == day).count();
                assert!(values >= 5 || read.cause(day).is_some(), "{day} of {model} {before} ms before midnight");
            }
        }
    }
}

#[test]
fn a_midnight_without_power_leaves_a_gap_and_the_days_before_it_are_still_found() {
    let days = [date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)];
    for model in ["generic-2007", "one-by-one-2007"] {
        let read = read(model, &days, |meter, _| meter.without = [date(2026, 11, 19), date(2026, 11, 21)].into());
        assert_eq!(read.cause(date(2026, 11, 19)), Some(FailureKind::NotHeld));
        assert_eq!(read.cause(date(2026, 11, 18)), None);
        assert!(read.every_value_is_of_its_day() >= 10);
    }
}

#[test]
fn only_a_meter_that_has_no_such_data_has_no_freeze() {
    let days = [TODAY, date(2026, 11, 20)];
    for errors in [0x01, 0x04] {
        for model in ["generic-2007", "one-by-one-2007"] {
            let read = read(model, &days, |meter, _| {
                meter.trick =
                    Some(Box::new(move |_, data| (data[0] == 5).then(|| Heard::Bytes(frame(OWN, 0xD1, &[errors])))));
            });
            assert_eq!(read.cause(days[1]), Some(FailureKind::Refused), "{errors:02X} of {model}");
            assert!(read.every_value_is_of_its_day() >= 5, "the other day comes");
        }
    }
}

#[test]
fn a_freeze_the_meter_has_not_latched_yet_is_asked_for_again_later() {
    for model in ["generic-2007", "one-by-one-2007"] {
        let read = read_at(TODAY.at(0, 0, 5, 0), model, &ENERGIES, &[TODAY], |meter, _| {
            meter.behind = Duration::from_secs(60);
        });
        assert_eq!((read.cause(TODAY), read.world.values().len()), (Some(FailureKind::Clock), 0));
    }
}

#[test]
fn a_meter_whose_clock_is_days_off_gives_every_value_under_its_own_day() {
    let read = read("generic-2007", &[date(2026, 11, 22)], |meter, _| meter.behind = Duration::from_secs(86_400));
    assert_eq!(read.every_value_is_of_its_day(), 10, "the index is corrected by the time in the answer");
    assert!(read.sent.len() <= 3);
}

#[test]
fn what_is_older_than_the_meter_or_its_memory_is_not_held() {
    let read = read("generic-2007", &[date(2026, 11, 23), date(2026, 11, 10), date(2026, 8, 1)], |meter, _| {
        meter.freezes_since = date(2026, 11, 20);
    });
    assert_eq!(read.cause(date(2026, 11, 23)), None);
    assert_eq!(read.cause(date(2026, 11, 10)), Some(FailureKind::NotHeld));
    assert_eq!(read.cause(date(2026, 8, 1)), Some(FailureKind::NotHeld));
}

#[test]
fn a_meter_without_any_freeze_takes_none_but_not_in_the_hour_after_midnight() {
    let none = |meter: &mut Meter, _: &Clock| meter.freezes_since = date(2030, 1, 1);
    let late = read_at(TODAY.at(9, 0, 0, 0), "generic-2007", &ENERGIES, &[TODAY], none);
    assert_eq!(late.cause(TODAY), Some(FailureKind::NotSupported));
    let early = read_at(TODAY.at(0, 0, 30, 0), "generic-2007", &ENERGIES, &[TODAY], none);
    assert_eq!(early.cause(TODAY), Some(FailureKind::Clock), "a new meter may be about to latch its first");
}

#[test]
fn a_register_the_freeze_goes_without_is_not_supported_and_the_others_come() {
    for model in ["generic-2007", "one-by-one-2007"] {
        let read =
            read_at(TODAY.at(1, 0, 0, 0), model, &["import_active_total", "reactive_q1_total"], &[TODAY], |_, _| {});
        let missing = read.world.missing();
        assert_eq!((missing[0].0, missing[0].2.kind), (Some(register("reactive_q1_total")), FailureKind::NotSupported));
        assert!(read.every_value_is_of_its_day() >= 5);
    }
}

#[test]
fn a_late_answer_to_the_same_question_of_another_night_is_not_taken_for_this_one() {
    let stale = |read: &mut Meter, clock: &Clock| {
        let clock = clock.clone();
        let mut yesterdays = Meter::new(&clock);
        yesterdays.behind = Duration::from_secs(86_400);
        let asked = AtomicUsize::new(0);
        read.trick = Some(Box::new(move |control, data| {
            let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            let request = [vec![0xFE; 4], frame(OWN, control, data)].concat();
            first.then(|| yesterdays.answer(&request))
        }));
    };
    let read = read("generic-2007", &[TODAY], stale);
    read.every_value_is_of_its_day();
    assert!(read.world.values().iter().all(|value| value.slot.unwrap().0.date() == TODAY));
}

#[test]
fn a_freeze_that_shows_no_time_is_attributed_to_no_day() {
    for (time, cause) in [("1A000924 11", FailureKind::WrongItem), ("0000000000", FailureKind::NotSupported)] {
        let time = hex(time);
        let read = read("generic-2007", &[TODAY], |meter, _| {
            meter.trick = Some(Box::new(move |_, data| {
                let block = [data, &time, &[0xAA], &hex("00000000"), &[0xAA]].concat();
                Some(Heard::Bytes(frame(OWN, 0x91, &block)))
            }));
        });
        assert!(read.world.values().is_empty());
        assert!(
            read.cause(TODAY).is_some_and(|kind| kind == cause || kind == FailureKind::Clock),
            "{:?}",
            read.cause(TODAY)
        );
    }
}

#[test]
fn a_damaged_day_costs_no_other_day() {
    let days = [TODAY, date(2026, 11, 23), date(2026, 11, 22)];
    let read = read("generic-2007", &days, |meter, _| {
        meter.trick = Some(Box::new(|_, data| (data[0] == 2).then(|| Heard::Bytes(hex("68123456")))));
    });
    assert_eq!((read.ended.clone(), read.cause(days[1])), (Ok(()), Some(FailureKind::Incomplete)));
    assert_eq!(read.every_value_is_of_its_day(), 20);
}

#[test]
fn a_1997_meter_takes_no_daily_freezes_and_is_not_asked() {
    let clock = Clock::at(TODAY.at(1, 0, 0, 0));
    let mut world = World::new(&clock);
    let mut line = Line::new(&clock, |_: &[u8]| panic!("nothing is asked"));
    let request = Request::Daily { registers: all(&ENERGIES), days: vec![TODAY] };
    let spec = meter(Protocol::Dlt645v1997, "generic-1997");
    assert_eq!(block_on(perform(&spec, &request, &mut line, &mut world)), Ok(()));
    assert_eq!(world.missing().len(), 5);
    assert!(
        world.missing().iter().all(|(_, slot, failure)| slot.is_some() && failure.kind == FailureKind::NotSupported)
    );
}

#[test]
fn a_block_in_a_form_of_its_own_is_read_by_its_parts() {
    let read = read("generic-2007", &[TODAY], |meter, _| {
        meter.trick = Some(Box::new(|_, data| {
            let block = [data, &hex("0000241126 AA 112233 AA 00000000 AA")].concat();
            (data[1] == 0xFF).then(|| Heard::Bytes(frame(OWN, 0x91, &block)))
        }));
    });
    assert_eq!((read.ended.clone(), read.world.missing().len()), (Ok(()), 0));
    assert_eq!(read.every_value_is_of_its_day(), 5);
}

#[test]
fn a_meter_that_begins_a_block_and_does_not_finish_it_is_read_by_its_parts() {
    let read = read("generic-2007", &[TODAY], |meter, _| {
        meter.longest = 30;
        meter.trick = Some(Box::new(|control, _| (control == 0x12).then(|| Heard::Bytes(frame(OWN, 0xD2, &[0x01])))));
    });
    assert_eq!((read.ended.clone(), read.every_value_is_of_its_day()), (Ok(()), 5));
}

#[test]
fn damaged_values_say_of_no_register_that_it_is_not_there() {
    let read = read("one-by-one-2007", &[TODAY], |meter, _| {
        meter.trick = Some(Box::new(|_, data| {
            (data[1] == 0x01).then(|| Heard::Bytes(frame(OWN, 0x91, &[data, &hex("112233")].concat())))
        }));
    });
    assert!(read.world.missing().is_empty());
    let values: Vec<_> = read.world.values().into_iter().map(|value| value.value.clone()).collect();
    assert_eq!(values, vec![Observed::None(NoValue::Malformed); 5]);
}
