//! Dialogues with simulated meters: device logic that knows nothing of ours.

use hes_dlt645::items::{History, Value, items};
use hes_dlt645::{Data, DataId, Dialect, Frame};
use hes_driver::perform;
use hes_model::{MeterClock, Obis, Observed, Protocol, Quantity, Request, Unit, registers};
use hes_sim::LoadKind;
use hes_sim::civil::Civil;
use hes_sim::meter::{self as simulated, Addressed, Measures, Question};
use jiff::civil::{Date, DateTime, date};

use crate::line::{Clock, Heard, Line, World, block_on, frame};
use crate::meter::{all, every};
use crate::questions::{OWN, meter};

const NOW: DateTime = date(2026, 11, 24).at(10, 7, 0, 0);

fn simulate(dialect: simulated::Dialect, phases: u8) -> simulated::Meter {
    let spec = simulated::MeterSpec {
        dialect,
        phases,
        measures: if phases == 1 { Measures::Active } else { Measures::Everything },
        kind: LoadKind::Commercial,
        prepaid: true,
        born: Some(Civil::from_datetime(date(2026, 1, 5).at(12, 0, 0, 0))),
        start_digits: 123,
        clock_offset_ms: Some(0),
        drift_ppm: Some(0.0),
        ..simulated::MeterSpec::household(OWN.parse().unwrap())
    };
    simulated::Meter::new(&spec, 7, Civil::from_datetime(NOW))
}

/// Carries out a request with a simulated meter; every exchange takes a fifth of a second.
fn run(device: &mut simulated::Meter, protocol: Protocol, model: &str, request: &Request) -> (World, usize) {
    let clock = Clock::at(NOW);
    let mut world = World::new(&clock);
    let mut line = Line::new(&clock, |request: &[u8]| {
        let asked = Frame::parse(request).unwrap();
        let data: Vec<u8> = asked.data.iter().collect();
        let question = Question { control: asked.control.0, data: &data, addressed: Addressed::Exactly };
        let answer = device.answer(question, Civil::from_datetime(clock.civil()));
        Heard::Bytes(answer.map_or_else(Vec::new, |answer| frame(OWN, answer.control, &answer.data)))
    });
    assert_eq!(block_on(perform(&meter(protocol, model), request, &mut line, &mut world)), Ok(()));
    let exchanges = line.sent.len();
    (world, exchanges)
}

#[test]
fn one_lost_frame_of_a_long_answer_is_asked_again_and_only_that() {
    let request = Request::Daily { registers: all(&ENERGIES), days: vec![date(2026, 11, 24)] };
    let spec = |quirk| simulated::MeterSpec {
        max_data: 16,
        quirk,
        clock_offset_ms: Some(0),
        drift_ppm: Some(0.0),
        ..simulated::MeterSpec::household(OWN.parse().unwrap())
    };
    let run = |quirk, lost: usize| {
        let clock = Clock::at(NOW);
        let mut device = simulated::Meter::new(&spec(quirk), 7, Civil::from_datetime(NOW));
        let mut follow_ups = 0;
        let mut world = World::new(&clock);
        let mut line = Line::new(&clock, |request: &[u8]| {
            let asked = Frame::parse(request).unwrap();
            let data: Vec<u8> = asked.data.iter().collect();
            let question = Question { control: asked.control.0, data: &data, addressed: Addressed::Exactly };
            let answer = device.answer(question, Civil::from_datetime(clock.civil())).unwrap();
            follow_ups += usize::from(asked.control.0 == 0x12);
            let is_lost = asked.control.0 == 0x12 && (1..=lost).contains(&follow_ups);
            Heard::Bytes(if is_lost { Vec::new() } else { frame(OWN, answer.control, &answer.data) })
        });
        let meter = meter(Protocol::Dlt645v2007, "generic-2007");
        assert_eq!(block_on(perform(&meter, &request, &mut line, &mut world)), Ok(()));
        let sent = line.sent.len();
        (world.values().len(), world.missing().len(), sent)
    };
    let (values, missing, sent) = run(None, 0);
    assert!(values >= ENERGIES.len() && missing == 0, "{values} values, {missing} missing");
    assert_eq!(run(None, 1), (values, 0, sent + 1));
    // A meter that has forgotten the frame says so: what is wanted is then read item by item.
    let (values, missing, _) = run(Some(simulated::Quirk::ForgetsFollowUp), 1);
    assert!(values >= ENERGIES.len() && missing == 0, "{values} values, {missing} missing");
}

/// What the meter's register truly was.
fn truth(device: &simulated::Meter, dialect: Dialect, register: Obis, at: DateTime) -> Option<Observed> {
    let item = items(dialect).place(register.0, History::Now)?.single?;
    let number = match item {
        DataId::V2007(di) => di,
        DataId::V1997(di) => u32::from(di),
    };
    let data = device.item(number, Civil::from_datetime(at))?;
    let reading = items(dialect).read(item, Data::plain(&data)).next()?;
    let unit = Unit::from_symbol(reading.field.unit())?;
    match reading.value {
        Value::Number(number) => Some(Observed::Number(Quantity::new(number.mantissa, number.scale, unit))),
        _ => None,
    }
}

const ENERGIES: [&str; 4] = ["import_active_total", "import_active_t1", "import_active_t4", "export_active_total"];

#[test]
fn every_register_of_the_table_comes_out_as_a_value_or_with_a_reason() {
    for (dialect, protocol, model) in [
        (simulated::Dialect::Edition2007, Protocol::Dlt645v2007, "generic-2007"),
        (simulated::Dialect::Edition2007, Protocol::Dlt645v2007, "one-by-one-2007"),
        (simulated::Dialect::Edition1997, Protocol::Dlt645v1997, "generic-1997"),
    ] {
        for phases in [1, 3] {
            let mut device = simulate(dialect, phases);
            let registers: Vec<Obis> = registers().all().iter().map(|register| register.obis).collect();
            let request = Request::Instant { registers: registers.clone() };
            let (world, _) = run(&mut device, protocol, model, &request);
            for register in &registers {
                let values = world.values().into_iter().filter(|value| value.register == *register).count();
                let missing = world.missing().into_iter().filter(|(own, ..)| *own == Some(*register)).count();
                assert_eq!(values + missing, 1, "{register} of {model} with {phases} phases");
            }
            let numbers = world.values().into_iter().filter(|v| matches!(v.value, Observed::Number(_))).count();
            assert!(numbers >= 15, "{numbers} numbers of {model} with {phases} phases");
        }
    }
}

#[test]
fn freezes_are_the_registers_as_they_were_at_midnight() {
    let days: Vec<Date> = (10..=24).map(|day| date(2026, 11, day)).collect();
    let request = Request::Daily { registers: all(&ENERGIES), days: days.clone() };
    for model in ["generic-2007", "one-by-one-2007"] {
        let mut device = simulate(simulated::Dialect::Edition2007, 3);
        let (world, _) = run(&mut device, Protocol::Dlt645v2007, model, &request);
        assert!(world.missing().is_empty(), "{:?}", world.missing());
        for register in all(&ENERGIES) {
            for day in &days {
                let midnight = day.at(0, 0, 0, 0);
                let own = |v: &&hes_model::Observation| v.register == register && v.slot == Some(MeterClock(midnight));
                let value = world.values().into_iter().find(own).unwrap();
                assert_eq!(Some(&value.value), truth(&device, Dialect::V2007, register, midnight).as_ref());
            }
        }
    }
}

#[test]
fn records_are_the_registers_as_they_were_at_their_time() {
    let mut device = simulate(simulated::Dialect::Edition2007, 3);
    let (from, to) = (date(2026, 11, 23).at(0, 0, 0, 0), date(2026, 11, 24).at(0, 0, 0, 0));
    let registers = all(&["import_active_total", "export_active_total", "reactive_q1_total", "voltage_a"]);
    let request = Request::Interval { registers: registers.clone(), minutes: 15, from, to };
    let (world, _) = run(&mut device, Protocol::Dlt645v2007, "generic-2007", &request);
    assert!(world.missing().is_empty(), "{:?}", world.missing());
    for register in registers.into_iter().take(3) {
        for slot in every(15, from, to) {
            let own = |v: &&hes_model::Observation| v.register == register && v.slot == Some(MeterClock(slot));
            let value = world.values().into_iter().find(own).unwrap();
            assert_eq!(Some(&value.value), truth(&device, Dialect::V2007, register, slot).as_ref(), "{slot}");
        }
    }
}

#[test]
fn a_day_of_energies_is_sixteen_exchanges() {
    let mut device = simulate(simulated::Dialect::Edition2007, 1);
    let (from, to) = (date(2026, 11, 23).at(0, 0, 0, 0), date(2026, 11, 24).at(0, 0, 0, 0));
    let request = Request::Interval { registers: all(&["import_active_total"]), minutes: 15, from, to };
    assert_eq!(run(&mut device, Protocol::Dlt645v2007, "generic-2007", &request).1, 16);
}

#[test]
fn settlements_are_the_registers_as_they_were_on_the_first_of_the_month() {
    for (dialect, own, protocol, model, months) in [
        (simulated::Dialect::Edition2007, Dialect::V2007, Protocol::Dlt645v2007, "generic-2007", 8..=11),
        (simulated::Dialect::Edition1997, Dialect::V1997, Protocol::Dlt645v1997, "generic-1997", 10..=11),
    ] {
        let mut device = simulate(dialect, 1);
        let months: Vec<Date> = months.map(|month| date(2026, month, 1)).collect();
        let registers = all(&["import_active_total", "import_active_t1"]);
        let request = Request::Monthly { registers: registers.clone(), months: months.clone() };
        let (world, _) = run(&mut device, protocol, model, &request);
        assert!(world.missing().is_empty(), "{:?}", world.missing());
        for register in registers {
            for month in &months {
                let latch = month.at(0, 0, 0, 0);
                let is_it = |v: &&hes_model::Observation| v.register == register && v.slot == Some(MeterClock(latch));
                let value = world.values().into_iter().find(is_it).unwrap();
                assert_eq!(Some(&value.value), truth(&device, own, register, latch).as_ref(), "{month}");
            }
        }
    }
}
