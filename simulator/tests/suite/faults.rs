//! Each fault does what it says, and the ledger says what was done.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hes_dlt645::Frame;
use hes_sim::{Fault, FaultConfig, RunningFleet};
use tokio::net::TcpStream;

use crate::line::{Line, start, until};
use crate::master::{parse, read, request};

const FLEET: &str = r#"
    truth_log = 10000
    clock = { start = "2026-11-20T10:00:00", rate = 0.0 }
    [[channel]]
    name = "bus"
    area = "A"
    transport = { kind = "tcp" }
    line = { answer_wake_bytes = 2 }
    faults = { late_ms = 150, split_ms = 150 }
    meters = [{ count = 4, first_address = "1" }]
"#;

const MINE: &str = "000000000001";
const OTHER: &str = "000000000002";

/// A fleet whose meter 1 has this fault on its list, asked once; with what came back up to the next good answer.
async fn struck(fault: Fault) -> (RunningFleet, Line<TcpStream>, Vec<u8>, Vec<u8>) {
    let running = start(FLEET).await;
    let bus = running.fleet().bus("bus").unwrap();
    let mut line = Line::call(&running, "bus").await;
    let right = [&[0xFE; 2][..], &line.ask(&read(MINE, 0x0001_FF00)).await].concat();
    let right = right[right.iter().position(|b| *b == 0x68).unwrap()..].to_vec();
    let sentinel = [&[0xFE; 2][..], &strip(line.ask(&read(OTHER, 0x0400_0401)).await)].concat();
    bus.script(1, [fault]);
    line.send(&read(MINE, 0x0001_FF00)).await;
    let heard = line.until_answer_to(&read(OTHER, 0x0400_0401), &sentinel).await;
    (running, line, right, heard)
}

fn strip(frame: Vec<u8>) -> Vec<u8> {
    frame.into_iter().skip_while(|byte| *byte == 0xFE).collect()
}

#[tokio::test]
async fn silence_brings_nothing() {
    let (running, _, _, heard) = struck(Fault::Silent).await;
    assert!(heard.is_empty(), "{heard:02X?}");
    assert_eq!(running.fleet().counts().faults, BTreeMap::from([(Fault::Silent, 1)]));
}

#[tokio::test]
async fn a_late_answer_is_late_and_whole() {
    let running = start(FLEET).await;
    running.fleet().bus("bus").unwrap().script(1, [Fault::Late]);
    let mut line = Line::call(&running, "bus").await;
    let asked = Instant::now();
    assert_eq!(parse(&line.ask(&read(MINE, 0x0001_0000)).await).0, 0x91);
    assert!(asked.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn damage_is_seen_by_the_check_sum_unless_it_is_compensated() {
    for fault in [Fault::DamagedByte, Fault::DamagedSum] {
        let (_, _, right, heard) = struck(fault).await;
        assert_ne!(strip(heard.clone()), right);
        assert!(Frame::parse(&heard).is_err(), "{fault:?}");
    }
    let (_, _, right, heard) = struck(Fault::Compensated).await;
    let (_, data) = parse(&heard);
    let (_, truth) = parse(&right);
    assert_eq!(data[..4], truth[..4]);
    assert_ne!(data, truth);
}

#[tokio::test]
async fn the_answer_of_somebody_else_or_to_something_else_is_a_good_frame() {
    let (_, _, right, heard) = struck(Fault::WrongAddress).await;
    let (heard, right) = (Frame::parse(&heard).unwrap(), Frame::parse(&right).unwrap());
    assert_ne!(heard.address, right.address);
    assert_eq!(heard.data, right.data);

    let (_, _, right, heard) = struck(Fault::OtherMeter).await;
    let (heard, right) = (Frame::parse(&heard).unwrap(), Frame::parse(&right).unwrap());
    assert_ne!(heard.address, right.address);
    assert_eq!(heard.data.split_at(4).unwrap().0, right.data.split_at(4).unwrap().0);
    assert_ne!(heard.data, right.data);

    let (_, _, right, heard) = struck(Fault::WrongItem).await;
    let (heard, right) = (Frame::parse(&heard).unwrap(), Frame::parse(&right).unwrap());
    assert_eq!(heard.address, right.address);
    assert_ne!(heard.data.split_at(4).unwrap().0, right.data.split_at(4).unwrap().0);
}

#[tokio::test]
async fn an_answer_held_back_comes_after_the_next_question() {
    let running = start(FLEET).await;
    let bus = running.fleet().bus("bus").unwrap();
    let mut line = Line::call(&running, "bus").await;
    bus.script(1, [Fault::ToNextQuestion]);
    line.send(&read(MINE, 0x0001_0000)).await;
    line.send(&read(OTHER, 0x0002_0000)).await;
    let (late, next) = (strip(line.frame().await), strip(line.frame().await));
    assert_eq!((late[1], &parse(&late).1[..4]), (1, &[0, 0, 1, 0][..]));
    assert_eq!((next[1], &parse(&next).1[..4]), (2, &[0, 0, 2, 0][..]));
}

#[tokio::test]
async fn an_echo_a_doubled_start_a_repetition_and_noise_stand_around_a_good_frame() {
    let (_, _, right, heard) = struck(Fault::Echo).await;
    assert!(heard.ends_with(&right));
    assert_eq!(strip(heard)[..16], strip(read(MINE, 0x0001_FF00))[..]);

    let (_, _, right, heard) = struck(Fault::Doubled68).await;
    assert_eq!(strip(heard), [&[0x68][..], &right].concat());

    let (_, _, right, heard) = struck(Fault::Merged).await;
    assert_eq!(heard, [&[0xFE; 2][..], &right, &[0xFE; 2], &right].concat());

    let (_, _, right, heard) = struck(Fault::Noise).await;
    assert!(heard.len() > right.len() + 4);
    assert!(heard.windows(right.len()).any(|window| window == right));
}

#[tokio::test]
async fn an_answer_held_back_is_for_the_next_question_of_the_same_caller_on_a_line_that_lives() {
    let running = start(FLEET).await;
    let bus = running.fleet().bus("bus").unwrap();
    let mut line = Line::call(&running, "bus").await;
    bus.script(1, [Fault::ToNextQuestion; 2]);
    line.send(&read(MINE, 0x0001_0000)).await;
    until(|| running.fleet().counts().questions == 1).await;
    let mut other = Line::call(&running, "bus").await;
    assert_eq!(other.ask(&read(OTHER, 0x0002_0000)).await[1], 2, "it is none of his");
    line.send(&read(MINE, 0x0001_0000)).await;
    until(|| running.fleet().counts().questions == 3).await;
    bus.set_dead(true);
    bus.set_dead(false);
    assert_eq!(line.ask(&read(OTHER, 0x0002_0000)).await[1], 2, "it died with the line");
}

#[tokio::test]
async fn an_adapter_that_echoes_gives_back_whatever_it_is_sent_and_whoever_answers() {
    let running = start(&FLEET.replace("answer_wake_bytes = 2", "answer_wake_bytes = 0, echo = true")).await;
    let mut line = Line::call(&running, "bus").await;
    let nobody = read("000000000099", 0x0001_0000);
    let everybody = request("999999999999", 0x08, &[0, 0, 0x10, 0x20, 0x11, 0x26]);
    let noise = [0x12, 0x34];
    for sent in [&nobody[..], &everybody, &noise] {
        line.send(sent).await;
        assert_eq!(line.bytes(sent.len()).await, sent);
    }
    let question = read(MINE, 0x0001_0000);
    line.send(&question).await;
    assert_eq!(line.bytes(question.len()).await, question);
    assert_eq!(parse(&line.frame().await).0, 0x91);
    // A fault may strike an answer that is echoed as well.
    running.fleet().bus("bus").unwrap().script(1, [Fault::Silent]);
    line.send(&question).await;
    assert_eq!(line.bytes(question.len()).await, question);
    let next = line.ask(&read(OTHER, 0x0001_0000)).await;
    assert_eq!((next[1], parse(&next).0), (2, 0x11), "the next that comes is the next echo");
}

#[tokio::test]
async fn a_list_may_let_an_answer_pass_and_may_stand_in_the_fleet_file() {
    let listed = format!("{FLEET}\n[[meter]]\naddress = \"1\"\nscript = [\"good\", \"silent\", \"good\"]");
    let running = start(&listed.replace("late_ms = 150", "late_ms = 150, damaged_sum = 1000")).await;
    let bus = running.fleet().bus("bus").unwrap();
    bus.script(1, [None, Some(Fault::Merged)]);
    let mut line = Line::call(&running, "bus").await;
    for n in 1..=6 {
        line.send(&read(MINE, 0x0001_0000)).await;
        until(|| running.fleet().counts().questions == n).await;
    }
    let struck: Vec<Option<Fault>> = bus.sent(0).iter().map(|sent| sent.fault).collect();
    let expected = [None, Some(Fault::Silent), None, None, Some(Fault::Merged), Some(Fault::DamagedSum)];
    assert_eq!(struck, expected, "what is listed comes before what is drawn");
}

#[tokio::test]
async fn a_split_answer_is_whole_after_a_pause() {
    let running = start(FLEET).await;
    running.fleet().bus("bus").unwrap().script(1, [Fault::Split]);
    let mut line = Line::call(&running, "bus").await;
    let asked = Instant::now();
    assert_eq!(parse(&line.ask(&read(MINE, 0x0001_0000)).await).0, 0x91);
    assert!(asked.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn the_ledger_accounts_for_every_answer_of_a_hostile_line() {
    let rates = "faults = { damaged_byte = 50, damaged_sum = 50, compensated = 50, wrong_address = 50, wrong_item = 50, other_meter = 50, noise = 50 }";
    let running = start(&FLEET.replace("faults = { late_ms = 150, split_ms = 150 }", rates)).await;
    let mut line = Line::call(&running, "bus").await;
    let mut good = 0;
    for n in 0..2_000 {
        line.send(&read(if n % 2 == 0 { MINE } else { OTHER }, 0x0001_0000)).await;
    }
    let fleet = running.fleet();
    while fleet.counts().questions < 2_000 {
        line.bytes(1).await;
    }
    let counts = fleet.counts();
    let sent = fleet.bus("bus").unwrap().sent(0);
    for entry in &sent {
        good += u64::from(entry.fault.is_none());
        assert_eq!(entry.right == entry.sent, entry.fault.is_none(), "{entry:?}");
    }
    assert_eq!(sent.len(), 2_000);
    assert_eq!(good, counts.good);
    assert_eq!(counts.good + counts.faults.values().sum::<u64>(), 2_000);
    for (fault, n) in &counts.faults {
        assert!((60..150).contains(n), "{fault:?} {n} times, 100 expected");
    }
    assert_eq!(counts.faults.len(), 7);
}

#[tokio::test]
async fn the_same_seed_strikes_the_same_answers() {
    let toml = FLEET.replace("late_ms = 150", "late_ms = 150, damaged_sum = 300");
    let mut runs = Vec::new();
    for _ in 0..2 {
        let running = start(&toml).await;
        let mut line = Line::call(&running, "bus").await;
        for _ in 0..50 {
            line.send(&read(MINE, 0x0001_0000)).await;
        }
        while running.fleet().counts().questions < 50 {
            line.bytes(1).await;
        }
        runs.push(running.fleet().bus("bus").unwrap().sent(0).iter().map(|sent| sent.fault).collect::<Vec<_>>());
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].iter().any(Option::is_some) && runs[0].iter().any(Option::is_none));
}

#[test]
fn a_fault_has_the_same_name_in_a_fleet_file_and_at_the_back_door() {
    for fault in Fault::ALL {
        let name = serde_json::to_value(fault).unwrap();
        let rates: FaultConfig = serde_json::from_value(serde_json::json!({ name.as_str().unwrap(): 7 })).unwrap();
        assert_eq!(rates.rate(fault), 7);
        assert_eq!(rates.total(), 7);
    }
}

#[tokio::test]
async fn no_question_however_strange_brings_a_struck_bus_down() {
    let running =
        start(&FLEET.replace("late_ms = 150", "late_ms = 0, wrong_item = 300, compensated = 300, other_meter = 300"))
            .await;
    let mut line = Line::call(&running, "bus").await;
    let mut asked = 0;
    for control in 0..0x20 {
        for data in [&[][..], &[0xFF], &[0xFF; 4], &[0x99; 12], &[0; 16], &[0x55; 200]] {
            asked += 1;
            line.send(&request(MINE, control, data)).await;
        }
    }
    until(|| running.fleet().counts().questions == asked).await;
    running.fleet().bus("bus").unwrap().set_faults(FaultConfig::default());
    let address = running.fleet().bus("bus").unwrap().with_meter(1, |meter, _| meter.address());
    assert_eq!(address, Some(1), "nothing changed it without the right");
    line.send(&read(OTHER, 0x0001_0000)).await;
    until(|| running.fleet().counts().questions == asked + 1).await;
    running.stop().await;
}
