//! Settlements: the month is named by the meter's clock and its settlement days.

use hes_driver::perform;
use hes_model::{Failure, FailureKind, MeterClock, Protocol, Request, Series};
use jiff::civil::{Date, DateTime, Time, date};

use crate::instant::item;
use crate::line::{Clock, Heard, Line, World, asked, block_on, frame, hex};
use crate::meter::{Meter, all, kwh, register};
use crate::questions::{OWN, meter};

const NOV: Date = date(2026, 11, 1);
const OCT: Date = date(2026, 10, 1);
const DEC: Date = date(2026, 12, 1);

/// Holds settlements 1 and 2: 1.01 kWh and 1.02 kWh.
fn settled(meter: Meter) -> Meter {
    meter.with(0x0001_FF01, "01010000 01010000").with(0x0001_FF02, "02010000 02010000")
}

fn read(
    at: DateTime,
    months: &[Date],
    far_end: impl FnOnce(Meter) -> Meter,
) -> (Result<(), Failure>, World, Vec<String>) {
    let clock = Clock::at(at);
    let mut far_end = far_end(settled(Meter::new(&clock)));
    let mut world = World::new(&clock);
    let mut line = Line::new(&clock, |request: &[u8]| far_end.answer(request));
    let registers = all(&["import_active_total", "import_active_t1"]);
    let request = Request::Monthly { registers, months: months.to_vec() };
    let ended = block_on(perform(&meter(Protocol::Dlt645v2007, "generic-2007"), &request, &mut line, &mut world));
    let sent = line.sent.iter().map(|request| item(request)).collect();
    (ended, world, sent)
}

/// The value of the total in a month, in hundredths of kWh.
fn total(world: &World, month: Date) -> Option<u64> {
    let slot = Some(MeterClock(month.to_datetime(Time::midnight())));
    let value = world.values().into_iter().find(|v| v.slot == slot && v.register.tariff() == 0)?;
    assert_eq!(value.series, Series::Monthly);
    (100..110).find(|hundredths| value.value == kwh(*hundredths))
}

fn cause(world: &World, month: Date) -> Option<FailureKind> {
    let slot = Some(MeterClock(month.to_datetime(Time::midnight())));
    world.missing().into_iter().find(|(_, own, _)| *own == slot).map(|(_, _, failure)| failure.kind)
}

const MIDDLE: DateTime = date(2026, 11, 24).at(10, 0, 0, 0);

#[test]
fn months_are_counted_back_from_the_meters_clock() {
    let (ended, world, sent) = read(MIDDLE, &[OCT, NOV], |meter| meter.with(0x0400_0B01, "0001"));
    assert_eq!(ended, Ok(()));
    assert_eq!((total(&world, NOV), total(&world, OCT)), (Some(101), Some(102)));
    assert_eq!(
        sent.join(" "),
        "04000B01 04000B02 04000B02 04000B03 04000B03 04000101 04000102 0001FF01 0001FF02",
        "a refusal counts when it comes twice"
    );
}

#[test]
fn a_meter_that_settles_late_in_the_month_is_counted_by_its_own_day() {
    let late = |meter: Meter| meter.with(0x0400_0B01, "0025");
    let (_, world, _) = read(MIDDLE, &[NOV, OCT], late);
    assert_eq!((cause(&world, NOV), total(&world, OCT)), (Some(FailureKind::Clock), Some(101)));
    let (_, world, _) = read(date(2026, 11, 26).at(0, 0, 0, 0), &[NOV, OCT], late);
    assert_eq!((total(&world, NOV), total(&world, OCT)), (Some(101), Some(102)));
}

#[test]
fn a_settlement_says_when_the_meter_latched_it() {
    let (_, world, _) = read(MIDDLE, &[OCT], |meter| meter.with(0x0400_0B01, "1220"));
    let latched: Vec<_> = world.values().into_iter().map(|value| value.latched).collect();
    assert_eq!(latched, [Some(MeterClock(date(2026, 10, 20).at(12, 0, 0, 0))); 2]);
}

#[test]
fn a_second_settlement_day_stands_between_two_months() {
    let (_, world, _) = read(MIDDLE, &[NOV], |meter| meter.with(0x0400_0B01, "0001").with(0x0400_0B02, "0015"));
    assert_eq!(total(&world, NOV), Some(102));
}

#[test]
fn a_meter_that_does_not_tell_its_settlement_day_is_counted_by_its_profile() {
    for day in ["9999", "0000", "FFFF"] {
        let (_, world, _) = read(MIDDLE, &[NOV], |meter| meter.with(0x0400_0B01, day));
        assert_eq!(total(&world, NOV), Some(101));
    }
    let (_, world, _) = read(MIDDLE, &[NOV], |meter| meter);
    assert_eq!(total(&world, NOV), Some(101));
}

#[test]
fn nothing_is_handed_out_while_a_settlement_may_be_latched() {
    for before in (0..3000).step_by(100) {
        let at = DEC.at(0, 0, 0, 0).saturating_sub(jiff::SignedDuration::from_millis(before));
        let (_, world, _) = read(at, &[NOV], |meter| meter);
        let settled_before = before == 0 || total(&world, NOV) == Some(102);
        assert!(settled_before || cause(&world, NOV) == Some(FailureKind::WrongItem), "{before} ms before");
    }
}

#[test]
fn a_settlement_the_meter_refuses_or_no_longer_keeps_is_not_held() {
    let months = [date(2026, 9, 1), date(2025, 10, 1)];
    let (_, world, _) = read(MIDDLE, &months, |meter| meter);
    assert_eq!(
        (cause(&world, months[0]), cause(&world, months[1])),
        (Some(FailureKind::NotHeld), Some(FailureKind::NotHeld))
    );
}

#[test]
fn a_register_no_settlement_has_is_not_supported_and_the_others_come() {
    let clock = Clock::at(MIDDLE);
    let mut far_end = settled(Meter::new(&clock));
    let mut world = World::new(&clock);
    let mut line = Line::new(&clock, |request: &[u8]| far_end.answer(request));
    let registers = all(&["import_active_total", "import_active_t1", "export_active_total"]);
    let request = Request::Monthly { registers, months: vec![NOV] };
    assert_eq!(
        block_on(perform(&meter(Protocol::Dlt645v2007, "generic-2007"), &request, &mut line, &mut world)),
        Ok(())
    );
    let missing: Vec<_> = world.missing().iter().map(|(register, _, failure)| (*register, failure.kind)).collect();
    assert_eq!(missing, [(Some(register("export_active_total")), FailureKind::NotSupported)]);
    assert_eq!(total(&world, NOV), Some(101));
}

#[test]
fn a_settlement_day_that_could_not_be_read_moves_no_month() {
    let twice = |meter: Meter| meter.with(0x0400_0B01, "0001").with(0x0400_0B02, "0015");
    let second_day = |answers: Vec<Vec<u8>>| {
        read(MIDDLE, &[NOV], move |meter| {
            let (mut meter, mut answers) = (twice(meter), answers.into_iter());
            meter.trick = Some(Box::new(move |_, data| {
                (data == hex("020B0004")).then(|| answers.next()).flatten().map(Heard::Bytes)
            }));
            meter
        })
        .1
    };
    let late = second_day(vec![frame(OWN, 0xD1, &[0x02])]);
    assert_eq!(total(&late, NOV), Some(102), "a refusal left over from the question before is no answer");
    let busy = second_day(vec![frame(OWN, 0xD1, &[0x01]); 2]);
    assert_eq!(cause(&busy, NOV), Some(FailureKind::Refused));
    let damaged = second_day(vec![frame(OWN, 0x91, &hex("020B0004 1A15"))]);
    assert_eq!((cause(&damaged, NOV), damaged.values().len()), (Some(FailureKind::WrongItem), 0));
}

#[test]
fn a_clock_that_shows_no_time_names_no_month() {
    let (_, world, _) = read(MIDDLE, &[NOV], |mut meter| {
        meter.trick = Some(Box::new(|_, data| {
            (data == hex("01010004")).then(|| Heard::Bytes(frame(OWN, 0x91, &hex("01010004 00001326"))))
        }));
        meter
    });
    assert_eq!((cause(&world, NOV), world.values().len()), (Some(FailureKind::Clock), 0));
}

#[test]
fn a_1997_meter_keeps_last_month_and_the_one_before() {
    let clock = Clock::at(MIDDLE);
    let mut world = World::new(&clock);
    let mut line = Line::new(&clock, |request: &[u8]| {
        Heard::Bytes(match asked(request) {
            (0x01, data) if data == hex("10C0") => frame(OWN, 0x81, &hex("10C0 02241126")),
            (0x01, data) if data == hex("11C0") => frame(OWN, 0x81, &hex("11C0 000010")),
            (0x01, data) if data == hex("1094") => frame(OWN, 0x81, &hex("1094 01010000")),
            (0x01, data) if data == hex("1098") => frame(OWN, 0x81, &hex("1098 02010000")),
            other => panic!("{other:02X?}"),
        })
    });
    let months = vec![NOV, OCT, date(2026, 9, 1)];
    let request = Request::Monthly { registers: all(&["import_active_total"]), months };
    let spec = meter(Protocol::Dlt645v1997, "generic-1997");
    assert_eq!(block_on(perform(&spec, &request, &mut line, &mut world)), Ok(()));
    assert_eq!((total(&world, NOV), total(&world, OCT)), (Some(101), Some(102)));
    assert_eq!(cause(&world, date(2026, 9, 1)), Some(FailureKind::NotHeld));
}
