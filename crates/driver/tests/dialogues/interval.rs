//! Load profiles: every record under its own time.

use hes_driver::perform;
use hes_model::{Failure, FailureKind, MeterClock, NoValue, Observed, Protocol, Request, Series};
use jiff::civil::{DateTime, date};

use crate::instant::item;
use crate::line::{Clock, Heard, Line, World, block_on, frame, minute};
use crate::meter::{Meter, all, energy_in_record, every, kwh, record};
use crate::questions::{OWN, meter};

const FROM: DateTime = date(2026, 11, 23).at(0, 0, 0, 0);
const TO: DateTime = date(2026, 11, 24).at(0, 0, 0, 0);

struct Read {
    ended: Result<(), Failure>,
    world: World,
    sent: Vec<String>,
}

impl Read {
    /// The slots with a value of the total, each checked to be its own.
    fn slots(&self) -> Vec<DateTime> {
        let totals = self.world.values().into_iter().filter(|value| value.register.0 == [1, 0, 1, 8, 0, 255]);
        totals
            .map(|value| {
                let MeterClock(slot) = value.slot.unwrap();
                assert_eq!(
                    (value.series, &value.value),
                    (Series::Interval(15), &kwh(energy_in_record(slot))),
                    "{slot}"
                );
                slot
            })
            .collect()
    }
    fn cause(&self, slot: DateTime) -> Option<FailureKind> {
        let slot = Some(MeterClock(slot));
        self.world.missing().into_iter().find(|(_, own, _)| *own == slot).map(|(_, _, failure)| failure.kind)
    }
}

fn read(registers: &[&str], from: DateTime, to: DateTime, change: impl FnOnce(&mut Meter)) -> Read {
    let clock = Clock::at(date(2026, 11, 24).at(10, 0, 0, 0));
    let mut far_end = Meter::new(&clock);
    far_end.records =
        every(15, date(2026, 11, 20).at(0, 0, 0, 0), date(2026, 11, 24).at(10, 15, 0, 0)).into_iter().collect();
    change(&mut far_end);
    let mut world = World::new(&clock);
    let mut line = Line::new(&clock, |request: &[u8]| far_end.answer(request));
    let request = Request::Interval { registers: all(registers), minutes: 15, from, to };
    let ended = block_on(perform(&meter(Protocol::Dlt645v2007, "generic-2007"), &request, &mut line, &mut world));
    let sent = line.sent.iter().map(|request| item(request)).collect();
    Read { ended, world, sent }
}

#[test]
fn a_day_is_read_in_blocks_of_records_and_every_slot_is_its_own() {
    let read = read(&["import_active_total"], FROM, TO, |_| {});
    assert_eq!((read.ended.clone(), read.slots()), (Ok(()), every(15, FROM, TO)));
    assert!(read.sent.iter().all(|item| item == "06040001"), "only the class of energies: {:?}", read.sent);
    assert_eq!(read.sent.len(), 16, "six records at a time");
    assert!(read.world.missing().is_empty());
}

#[test]
fn registers_of_several_classes_come_in_one_record() {
    let to = FROM.date().at(0, 30, 0, 0);
    let read = read(&["import_active_total", "voltage_a", "voltage_b"], FROM, to, |_| {});
    assert!(read.sent.iter().all(|item| item == "06000001" || item.is_empty()), "{:?}", read.sent);
    assert_eq!(read.slots().len(), 2);
    let absent = read.world.values().into_iter().filter(|v| v.value == Observed::None(NoValue::Absent)).count();
    assert!(absent >= 2, "the phase that is not there");
}

#[test]
fn what_the_meter_skips_it_does_not_hold() {
    let gap = every(15, FROM.date().at(3, 0, 0, 0), FROM.date().at(7, 0, 0, 0));
    let read = read(&["import_active_total"], FROM, TO, |meter| meter.records.retain(|at| !gap.contains(at)));
    assert_eq!(read.ended, Ok(()));
    for slot in &gap {
        assert_eq!(read.cause(*slot), Some(FailureKind::NotHeld), "{slot}");
    }
    assert_eq!(read.slots().len(), 96 - gap.len());
}

#[test]
fn what_is_older_than_the_memory_is_not_held_and_costs_few_exchanges() {
    let from = date(2026, 11, 18).at(0, 0, 0, 0);
    let to = date(2026, 11, 20).at(1, 0, 0, 0);
    let oldest = date(2026, 11, 20).at(0, 0, 0, 0);
    let strict = |meter: &mut Meter| {
        // This meter refuses a time it has no record of, instead of going on with the next one.
        meter.trick = Some(Box::new(move |_, data| {
            let refused = data.len() == 10 && (data[7] < 0x20 || data[7] == 0x19);
            refused.then(|| Heard::Bytes(frame(OWN, 0xD1, &[0x02])))
        }));
    };
    for change in [Box::new(strict) as Box<dyn FnOnce(&mut Meter)>, Box::new(|_: &mut Meter| {})] {
        let read = read(&["import_active_total"], from, to, change);
        assert_eq!((read.ended.clone(), read.slots()), (Ok(()), every(15, oldest, to)));
        assert!(every(15, from, oldest).into_iter().all(|slot| read.cause(slot) == Some(FailureKind::NotHeld)));
        assert!(read.sent.len() <= 7, "{:?}", read.sent);
    }
}

#[test]
fn a_refusal_that_does_not_speak_of_the_data_or_comes_once_costs_no_record() {
    let to = FROM.date().at(1, 30, 0, 0);
    for (errors, times) in [(0x01, 1), (0x01, 9), (0x02, 1)] {
        let read = read(&["import_active_total"], FROM, to, |meter| {
            let mut left = times;
            meter.trick = Some(Box::new(move |_, data| {
                let refused = data.len() == 10 && left > 0;
                left -= i32::from(refused);
                refused.then(|| Heard::Bytes(frame(OWN, 0xD1, &[errors])))
            }));
        });
        assert_eq!(read.ended, Ok(()));
        let causes: Vec<_> = every(15, FROM, to).into_iter().filter_map(|slot| read.cause(slot)).collect();
        assert!(causes.iter().all(|cause| *cause == FailureKind::Refused), "{errors:02X}: {causes:?}");
    }
}

#[test]
fn what_is_not_recorded_yet_is_asked_for_again_later() {
    let from = date(2026, 11, 24).at(9, 30, 0, 0);
    let to = date(2026, 11, 24).at(10, 30, 0, 0);
    let read = read(&["import_active_total"], from, to, |_| {});
    assert_eq!(read.slots(), every(15, from, date(2026, 11, 24).at(10, 15, 0, 0)));
    assert_eq!(read.cause(date(2026, 11, 24).at(10, 15, 0, 0)), Some(FailureKind::Clock));
}

/// Answers with the records it holds, each as `damage` leaves it: what the frame's check sum does not see.
fn damaged(meter: &mut Meter, held: Vec<DateTime>, damage: impl Fn(DateTime, &mut Vec<u8>) + Send + 'static) {
    meter.trick = Some(Box::new(move |_, data| {
        let [_, _, _, _, count, since @ ..] = data else { return None };
        // The year, the highest, comes last.
        let before = |at: &&DateTime| minute(**at).iter().rev().lt(since.iter().rev());
        let records = held.iter().skip_while(before).take(usize::from(*count)).flat_map(|at| {
            let mut record = record(*at, 4);
            damage(*at, &mut record);
            record
        });
        Some(Heard::Bytes(frame(OWN, 0x91, &data[..4].iter().copied().chain(records).collect::<Vec<u8>>())))
    }));
}

/// What came of each slot's total.
fn totals(read: &Read) -> Vec<(DateTime, Observed)> {
    let totals = read.world.values().into_iter().filter(|value| value.register.0 == [1, 0, 1, 8, 0, 255]);
    totals.map(|value| (value.slot.unwrap().0, value.value.clone())).collect()
}

/// The same where every slot has its own value, but for these, which cannot be read.
fn all_but(unreadable: &[DateTime], slots: &[DateTime]) -> Vec<(DateTime, Observed)> {
    let value = |slot| {
        if unreadable.contains(slot) { Observed::None(NoValue::Malformed) } else { kwh(energy_in_record(*slot)) }
    };
    slots.iter().map(|slot| (*slot, value(slot))).collect()
}

#[test]
fn a_record_of_another_sum_is_unreadable_and_neither_believed_nor_taken_for_one_that_is_not_held() {
    let to = FROM.date().at(0, 45, 0, 0);
    let (slots, held) = (every(15, FROM, to), every(15, FROM, FROM.date().at(1, 0, 0, 0)));
    // Five bytes of time, then one of an energy.
    for byte in (3..=7).chain([12]) {
        for bad in slots.clone() {
            let read = read(&["import_active_total"], FROM, to, |meter| {
                damaged(meter, held.clone(), move |at, record| record[byte] ^= u8::from(at == bad));
            });
            assert_eq!(read.ended, Ok(()));
            assert!(read.world.missing().is_empty(), "byte {byte} of {bad}: {:?}", read.world.missing());
            assert_eq!(totals(&read), all_but(&[bad], &slots), "byte {byte} of {bad}");
        }
    }
}

#[test]
fn a_time_damaged_in_the_last_record_the_meter_holds_gives_up_no_slot() {
    let slot = FROM.date().at(0, 15, 0, 0);
    for byte in 3..=7 {
        let read = read(&["import_active_total"], slot, FROM.date().at(0, 45, 0, 0), |meter| {
            damaged(meter, vec![slot], move |_, record| record[byte] ^= 0x01);
        });
        assert_eq!(read.ended, Ok(()));
        assert_ne!(read.cause(slot), Some(FailureKind::NotHeld), "byte {byte}");
        assert!(totals(&read).iter().all(|(_, value)| *value == Observed::None(NoValue::Malformed)), "byte {byte}");
    }
}

#[test]
fn what_a_meter_skips_beside_a_damaged_record_is_unreadable_and_behind_it_not_held() {
    let to = FROM.date().at(12, 0, 0, 0);
    let (bad, again) = (FROM.date().at(0, 15, 0, 0), FROM.date().at(9, 0, 0, 0));
    let held: Vec<_> = every(15, FROM, TO).into_iter().filter(|at| *at <= bad || *at >= again).collect();
    let read = read(&["import_active_total"], FROM, to, |meter| {
        damaged(meter, held, move |at, record| record[3] ^= u8::from(at == bad));
    });
    let unreadable: Vec<_> =
        totals(&read).into_iter().filter(|(_, value)| *value == Observed::None(NoValue::Malformed)).collect();
    assert!((1..=6).contains(&unreadable.len()) && unreadable[0].0 == bad, "{unreadable:?}");
    let behind = every(15, FROM.date().at(1, 30, 0, 0), again);
    assert!(behind.iter().all(|slot| read.cause(*slot) == Some(FailureKind::NotHeld)));
    assert!(every(15, again, to).iter().all(|slot| totals(&read).contains(&(*slot, kwh(energy_in_record(*slot))))));
}

#[test]
fn records_whose_sums_follow_no_rule_are_read_but_what_they_skip_is_not_given_up() {
    let to = FROM.date().at(1, 30, 0, 0);
    let gap = FROM.date().at(0, 30, 0, 0);
    let (slots, held) = (every(15, FROM, to), every(15, FROM, to).into_iter().filter(|at| *at != gap).collect());
    let read = read(&["import_active_total"], FROM, to, |meter| {
        damaged(meter, held, |_, record| {
            let sum = record.len() - 2;
            record[sum] ^= 0x55;
        });
    });
    assert_eq!((read.ended.clone(), read.world.missing().len()), (Ok(()), 0));
    assert_eq!(totals(&read), all_but(&[gap], &slots));
}

#[test]
fn an_end_of_the_profile_that_does_not_fit_its_own_sum_gives_up_no_slot() {
    let to = FROM.date().at(6, 0, 0, 0);
    let oldest = FROM.date().at(3, 0, 0, 0);
    let held = every(15, oldest, TO);
    for which in [0x00, 0x02] {
        for byte in 3..=7 {
            let read = read(&["import_active_total"], FROM, to, |meter| {
                let held = held.clone();
                meter.records = held.iter().copied().collect();
                meter.trick = Some(Box::new(move |_, data| {
                    if data.len() == 4 && data[0] == which {
                        let mut end = record(if which == 0x00 { held[0] } else { held[held.len() - 1] }, 4);
                        end[byte] += 1;
                        return Some(Heard::Bytes(frame(OWN, 0x91, &[data, &end].concat())));
                    }
                    let asked = (data.len() == 10).then(|| [data[5], data[6], data[7], data[8], data[9]])?;
                    (!held.iter().any(|at| minute(*at) == asked)).then(|| Heard::Bytes(frame(OWN, 0xD1, &[0x02])))
                }));
            });
            let causes: Vec<_> = every(15, FROM, oldest).into_iter().map(|slot| read.cause(slot)).collect();
            assert!(causes.iter().all(|cause| *cause == Some(FailureKind::WrongItem)), "{which} {byte}: {causes:?}");
            assert_eq!(read.slots(), every(15, oldest, to), "what is there is read all the same");
        }
    }
}

/// Refuses what it has no record of, instead of going on with the next one; `wrong_end` is what an end shows once.
fn strict(meter: &mut Meter, held: Vec<DateTime>, wrong_end: Option<(u8, DateTime)>) {
    let mut wrong_end = wrong_end;
    meter.records = held.iter().copied().collect();
    meter.trick = Some(Box::new(move |_, data| {
        if let Some((_, shown)) = wrong_end.take_if(|(which, _)| data.len() == 4 && data[0] == *which) {
            return Some(Heard::Bytes(frame(OWN, 0x91, &[data, &record(shown, 4)].concat())));
        }
        let asked = (data.len() == 10).then(|| [data[5], data[6], data[7], data[8], data[9]])?;
        (!held.iter().any(|at| minute(*at) == asked)).then(|| Heard::Bytes(frame(OWN, 0xD1, &[0x02])))
    }));
}

#[test]
fn an_end_of_the_profile_damaged_once_gives_no_record_up() {
    let to = FROM.date().at(6, 0, 0, 0);
    let gap = every(15, FROM, FROM.date().at(1, 30, 0, 0));
    let held: Vec<_> =
        every(15, date(2026, 11, 20).at(0, 0, 0, 0), TO).into_iter().filter(|at| !gap.contains(at)).collect();
    let read = read(&["import_active_total"], FROM, to, |meter| {
        strict(meter, held, Some((0x00, date(2026, 11, 23).at(4, 0, 0, 0))));
    });
    assert_eq!(read.slots(), every(15, FROM.date().at(1, 30, 0, 0), to));
    assert!(gap.iter().all(|slot| read.cause(*slot) == Some(FailureKind::NotHeld)));
}

#[test]
fn a_newest_record_damaged_once_gives_up_none_that_is_to_come() {
    let from = date(2026, 11, 24).at(10, 15, 0, 0);
    let held = every(15, FROM, from);
    let read = read(&["import_active_total"], from, date(2026, 11, 24).at(12, 0, 0, 0), |meter| {
        strict(meter, held, Some((0x02, date(2026, 11, 24).at(13, 0, 0, 0))));
    });
    assert_eq!(read.cause(from), Some(FailureKind::Clock));
}

#[test]
fn a_profile_that_went_on_meanwhile_is_looked_at_again() {
    let gap = every(15, FROM, FROM.date().at(1, 30, 0, 0));
    let known = FROM.date().at(3, 0, 0, 0);
    let read = read(&["import_active_total"], FROM, TO, |meter| {
        let all: Vec<_> =
            every(15, date(2026, 11, 20).at(0, 0, 0, 0), TO).into_iter().filter(|at| !gap.contains(at)).collect();
        let (mut ends, mut refused) = (0, 0);
        meter.records = all.iter().copied().collect();
        meter.trick = Some(Box::new(move |_, data| {
            if data.len() == 4 && data[0] == 0x02 {
                ends += 1;
                // The profile ends at three when it is first looked at.
                return (ends <= 2).then(|| Heard::Bytes(frame(OWN, 0x91, &[data, &record(known, 4)].concat())));
            }
            let asked = (data.len() == 10).then(|| [data[5], data[6], data[7], data[8], data[9]])?;
            let not_yet = asked == *minute(known.date().at(4, 30, 0, 0)) && refused < 2;
            refused += usize::from(not_yet);
            (not_yet || !all.iter().any(|at| minute(*at) == asked)).then(|| Heard::Bytes(frame(OWN, 0xD1, &[0x02])))
        }));
    });
    assert_eq!(read.cause(FROM.date().at(12, 0, 0, 0)), None, "no slot waits for a record that is there");
}

#[test]
fn a_meter_that_does_not_finish_its_records_has_not_said_that_it_holds_none() {
    let read = read(&["import_active_total"], FROM, FROM.date().at(1, 30, 0, 0), |meter| {
        meter.longest = 60;
        meter.trick = Some(Box::new(|control, _| (control == 0x12).then(|| Heard::Bytes(frame(OWN, 0xD2, &[0x02])))));
    });
    assert_eq!(read.cause(FROM), Some(FailureKind::Refused));
}

#[test]
fn a_meter_without_load_profile_is_told_as_such() {
    let read = read(&["import_active_total"], FROM, TO, |meter| meter.records.clear());
    assert_eq!(read.cause(FROM), Some(FailureKind::NotSupported));
    assert_eq!(read.world.missing().len(), 96);
    assert!(read.sent.len() <= 4, "two questions, each refused twice: {:?}", read.sent);
}

#[test]
fn a_late_answer_to_an_earlier_question_fills_no_slot_and_a_skip_is_believed_only_twice() {
    let to = FROM.date().at(1, 30, 0, 0);
    for stale in [date(2026, 11, 22).at(4, 0, 0, 0), date(2026, 11, 24).at(4, 0, 0, 0)] {
        let read = read(&["import_active_total"], FROM, to, |meter| {
            let mut first = true;
            meter.trick = Some(Box::new(move |_, data| {
                let late = [&data[..4], &record(stale, 4)].concat();
                std::mem::take(&mut first).then(|| Heard::Bytes(frame(OWN, 0x91, &late)))
            }));
        });
        assert!(read.slots().iter().all(|slot| *slot >= FROM && *slot < to));
        assert!(every(15, FROM, to).into_iter().all(|slot| read.cause(slot) != Some(FailureKind::NotHeld)), "{stale}");
    }
}

#[test]
fn a_register_no_record_has_is_not_supported_and_not_asked_for() {
    let read = read(&["balance_money"], FROM, TO, |_| {});
    assert_eq!((read.sent.len(), read.world.missing().len()), (0, 96));
    assert_eq!(read.cause(FROM), Some(FailureKind::NotSupported));
}
