//! Values of now.

use hes_driver::perform;
use hes_model::{Failure, FailureKind, NoValue, Observed, Protocol, Request, Series, Unit};

use crate::line::{Heard, Line, World, asked, block_on, frame, hex};
use crate::meter::{Meter, all, kwh, number, register};
use crate::questions::{OWN, meter, start};

/// Reads registers of now; the outcome, the world, and every identification asked for, as sent.
pub(crate) fn read_from(
    mut far_end: Meter,
    model: &str,
    aliases: &[&str],
) -> (Result<(), Failure>, World, Vec<String>) {
    let clock = start();
    let mut world = World::new(&clock);
    let mut line = Line::new(&clock, |request: &[u8]| far_end.answer(request));
    let request = Request::Instant { registers: all(aliases) };
    let ended = block_on(perform(&meter(Protocol::Dlt645v2007, model), &request, &mut line, &mut world));
    let sent = line.sent.iter().map(|request| item(request)).collect();
    (ended, world, sent)
}

/// The identification of a request, highest byte first.
pub(crate) fn item(request: &[u8]) -> String {
    let (_, data) = asked(request);
    data.iter().take(4).rev().map(|b| format!("{b:02X}")).collect()
}

fn full() -> Meter {
    Meter::new(&start())
        .with(0x0001_FF00, "78563412 11110000 22220000 33330000 44440000")
        .with(0x0001_0000, "78563412")
        .with(0x0001_0100, "11110000")
        .with(0x0001_0200, "22220000")
        .with(0x0201_FF00, "0122 FFFF FFFF")
        .with(0x0201_0100, "0122")
        .with(0x0203_0000, "341280")
        .with(0x0280_0002, "9949")
}

fn value(world: &World, alias: &str) -> Observed {
    let found = world.values().into_iter().find(|value| value.register == register(alias));
    found.unwrap_or_else(|| panic!("no value of {alias}")).value.clone()
}

#[test]
fn what_shares_a_block_is_read_in_one_exchange_and_the_whole_block_comes_out() {
    let (ended, world, sent) = read_from(full(), "generic-2007", &["import_active_t2", "import_active_total"]);
    assert_eq!((ended, sent), (Ok(()), vec!["0001FF00".to_owned()]));
    assert_eq!(world.values().len(), 5, "the tariffs not asked for too");
    assert_eq!(value(&world, "import_active_total"), kwh(12_345_678));
    assert_eq!(value(&world, "import_active_t4"), kwh(4_444));
    assert_eq!(world.proofs().len(), 1);
    assert!(world.values().iter().all(|v| v.series == Series::Instant && v.slot.is_none() && v.proof == 0));
    assert!(world.missing().is_empty());
}

#[test]
fn one_value_alone_is_read_by_its_own_item_and_energies_come_first() {
    let aliases = ["frequency", "active_power_total", "voltage_a", "import_active_total"];
    let (ended, world, sent) = read_from(full(), "generic-2007", &aliases);
    assert_eq!((ended, sent.join(" ")), (Ok(()), "00010000 02010100 02030000 02800002".to_owned()));
    assert_eq!(value(&world, "frequency"), number(4999, 2, Unit::Hertz));
    let Observed::Number(power) = value(&world, "active_power_total") else { panic!("no number") };
    assert_eq!(power.to_string(), "-0.1234 kW");
}

#[test]
fn an_absent_phase_is_no_number_and_damage_is_told_from_it() {
    let damaged = full().with(0x0001_0000, "7A563412").with(0x0203_0000, "3412");
    let aliases = ["voltage_a", "voltage_b", "import_active_total", "active_power_total"];
    let (_, world, sent) = read_from(damaged, "generic-2007", &aliases);
    assert!(sent.contains(&"0201FF00".to_owned()));
    assert_eq!(value(&world, "voltage_a"), number(2201, 1, Unit::Volt));
    assert_eq!(value(&world, "voltage_b"), Observed::None(NoValue::Absent));
    assert_eq!(value(&world, "import_active_total"), Observed::None(NoValue::NotBcd));
    assert_eq!(value(&world, "active_power_total"), Observed::None(NoValue::Malformed));
}

#[test]
fn a_block_of_a_wrong_length_is_read_value_by_value() {
    let odd = full().with(0x0001_FF00, "78563412 1111");
    let (ended, world, sent) = read_from(odd, "generic-2007", &["import_active_total", "import_active_t1"]);
    assert_eq!((ended, sent.join(" ")), (Ok(()), "0001FF00 00010000 00010100".to_owned()));
    assert_eq!((value(&world, "import_active_t1"), world.missing().len()), (kwh(1_111), 0));
}

#[test]
fn a_meter_that_refuses_a_block_is_asked_one_by_one_and_for_no_other_block() {
    let mut refusing = full();
    refusing.refuses_blocks = true;
    let aliases = ["import_active_total", "import_active_t1", "voltage_a", "voltage_b"];
    let (ended, world, sent) = read_from(refusing, "generic-2007", &aliases);
    assert_eq!(ended, Ok(()));
    assert_eq!(sent[..2], ["0001FF00"; 2], "a refusal counts when it comes twice");
    assert!(!sent[2..].iter().any(|item| item.contains("FF")), "{sent:?}");
    assert_eq!(value(&world, "import_active_t1"), kwh(1_111));
    let missing = world.missing();
    assert_eq!(missing.len(), 1);
    assert_eq!((missing[0].0, missing[0].2.kind), (Some(register("voltage_b")), FailureKind::NotSupported));
}

#[test]
fn a_model_without_blocks_is_never_asked_for_one() {
    let aliases = ["import_active_total", "import_active_t1"];
    let (_, world, sent) = read_from(full(), "one-by-one-2007", &aliases);
    assert_eq!(sent.join(" "), "00010000 00010100");
    assert_eq!(world.values().len(), 2);
}

#[test]
fn a_refused_register_costs_no_other_and_a_wrong_password_is_no_missing_register() {
    let mut choosy = full();
    choosy.trick = Some(Box::new(|_, data| (data == hex("00000302")).then(|| Heard::Bytes(frame(OWN, 0xD1, &[0x04])))));
    let aliases = ["import_active_total", "active_power_total", "temperature"];
    let (ended, world, _) = read_from(choosy, "generic-2007", &aliases);
    assert_eq!(ended, Ok(()));
    assert_eq!(world.values().len(), 1);
    let kinds: Vec<_> = world.missing().iter().map(|(register, _, failure)| (*register, failure.kind)).collect();
    assert!(kinds.contains(&(Some(register("active_power_total")), FailureKind::Refused)), "{kinds:?}");
    assert!(kinds.contains(&(Some(register("temperature")), FailureKind::NotSupported)), "{kinds:?}");
}

#[test]
fn a_refusal_left_over_from_the_question_before_costs_no_register() {
    let mut doubling = full();
    let mut left_over = true;
    doubling.trick = Some(Box::new(move |_, data| {
        // The second copy of a refusal comes while the next question is open, and ahead of its answer.
        let late = data == hex("00000302") && std::mem::take(&mut left_over);
        let answer = frame(OWN, 0x91, &[data, &hex("341280")].concat());
        late.then(|| Heard::Bytes([frame(OWN, 0xD1, &[0x02]), answer].concat()))
    }));
    let (ended, world, _) = read_from(doubling, "generic-2007", &["import_active_total", "active_power_total"]);
    assert_eq!((ended, world.missing().len()), (Ok(()), 0));
    assert!(matches!(value(&world, "active_power_total"), Observed::Number(_)));
}

#[test]
fn a_refusal_met_by_silence_or_another_reason_when_asked_again_is_no_verdict() {
    for (then, kind) in [(Vec::new(), FailureKind::NoReply), (frame(OWN, 0xD1, &[0x01]), FailureKind::Refused)] {
        let mut wavering = full();
        let mut asked = 0;
        wavering.trick = Some(Box::new(move |_, data| {
            (data == hex("00000302")).then(|| {
                asked += 1;
                Heard::Bytes(if asked == 1 { frame(OWN, 0xD1, &[0x02]) } else { then.clone() })
            })
        }));
        let (ended, world, _) = read_from(wavering, "generic-2007", &["import_active_total", "active_power_total"]);
        assert_eq!((ended, world.missing()[0].2.kind), (Ok(()), kind));
    }
}

#[test]
fn a_register_the_answer_goes_without_is_not_supported() {
    let two_tariffs = full().with(0x0001_FF00, "78563412 11110000 22220000");
    let (_, world, _) = read_from(two_tariffs, "generic-2007", &["import_active_total", "import_active_t4"]);
    assert_eq!(world.values().len(), 3);
    assert_eq!(world.missing()[0].2.kind, FailureKind::NotSupported);
}

#[test]
fn a_dead_meter_costs_one_question() {
    let mut dead = full();
    dead.trick = Some(Box::new(|_, _| Some(Heard::Bytes(Vec::new()))));
    let (ended, world, sent) = read_from(dead, "generic-2007", &["import_active_total", "voltage_a", "frequency"]);
    assert_eq!((ended.unwrap_err().kind, sent.len()), (FailureKind::NoReply, 1));
    assert!(world.outcomes.is_empty());
}

#[test]
fn a_meter_that_is_silent_about_one_item_is_asked_for_the_next() {
    let mut shy = full();
    shy.trick = Some(Box::new(|_, data| (data == hex("00010102")).then(|| Heard::Bytes(Vec::new()))));
    let (ended, world, sent) = read_from(shy, "generic-2007", &["import_active_total", "voltage_a", "frequency"]);
    assert_eq!((ended, sent.len()), (Ok(()), 3));
    assert_eq!(world.values().len(), 2);
    assert_eq!((world.missing()[0].0, world.missing()[0].2.kind), (Some(register("voltage_a")), FailureKind::NoReply));
}

#[test]
fn a_meter_that_falls_silent_ends_the_dialogue_and_what_came_before_stays() {
    let mut dying = full();
    let mut asked = 0;
    dying.trick = Some(Box::new(move |_, _| {
        asked += 1;
        (asked > 1).then(|| Heard::Bytes(Vec::new()))
    }));
    let aliases = ["import_active_total", "voltage_a", "active_power_total", "frequency"];
    let (ended, world, sent) = read_from(dying, "generic-2007", &aliases);
    assert_eq!((ended.unwrap_err().kind, sent.len()), (FailureKind::NoReply, 3));
    assert_eq!(world.values().len(), 1);
}

#[test]
fn a_line_that_spoils_three_answers_in_a_row_ends_the_dialogue() {
    let mut noisy = full();
    noisy.trick = Some(Box::new(|_, _| Some(Heard::Bytes(hex("68129078563412689101")))));
    let aliases = ["import_active_total", "voltage_a", "active_power_total", "frequency"];
    let (ended, _, sent) = read_from(noisy, "generic-2007", &aliases);
    assert_eq!((ended.unwrap_err().kind, sent.len()), (FailureKind::Incomplete, 3));
}

#[test]
fn a_1997_meter_is_asked_for_its_own_items() {
    let clock = start();
    let mut world = World::new(&clock);
    let mut line = Line::new(&clock, |request: &[u8]| {
        Heard::Bytes(match asked(request) {
            (0x01, data) if data == hex("1F90") => {
                frame(OWN, 0x81, &hex("1F90 30930701 28352000 84953000 81582800 37032800 AA"))
            }
            (0x01, data) if data == hex("11B6") => frame(OWN, 0x81, &hex("11B6 2002")),
            _ => frame(OWN, 0xC1, &[0x02]),
        })
    });
    let registers = all(&["import_active_total", "import_active_t1", "voltage_a", "balance_money"]);
    let request = Request::Instant { registers };
    let spec = meter(Protocol::Dlt645v1997, "generic-1997");
    assert_eq!(block_on(perform(&spec, &request, &mut line, &mut world)), Ok(()));
    assert_eq!(value(&world, "import_active_total"), kwh(1_079_330));
    assert_eq!(value(&world, "voltage_a"), number(220, 0, Unit::Volt));
    assert_eq!(world.missing().len(), 1, "money is not in the 1997 edition");
    assert_eq!(line.sent.len(), 2);
}
