//! Published frames and what they mean, `vectors/dlt645.jsonl`: one check runs them all, both ways.

use serde_json::{Value, json};

use crate::actuation::{self, ActuationPermit};
use crate::items::{Value as Said, items};
use crate::{Answer, Authority, Command, DataId, Dialect, Direction, EncodeError, Envelope, Frame, MAX_FRAME};

const VECTORS: &str = include_str!("../vectors/dlt645.jsonl");
/// More of them. What they mean stands in the keys of `hes decode`, whose tests read them too.
const PUBLISHED: &str = include_str!("../vectors/published.jsonl");

fn bytes(hex: &str) -> Vec<u8> {
    let mut out = vec![0; hex.len() / 2];
    let read = hes_wire::hex::read(hex, &mut out).unwrap().len();
    out.truncate(read);
    out
}

/// Typed and back again: the bytes must be the ones that came.
fn re_encode(frame: &Frame<'_>, dialect: Dialect) -> Vec<u8> {
    let mut out = [0; MAX_FRAME + 8];
    let envelope = Envelope { dialect, address: frame.address, wake_bytes: frame.wake_bytes };
    let written = match frame.control.direction() {
        Direction::Answer => Answer::parse(dialect, frame).encode(&envelope, &mut out),
        Direction::Request => {
            let command = Command::parse(dialect, frame);
            match command.encode(&envelope, &mut out) {
                Err(EncodeError::NeedsPermit) => {
                    actuation::encode(ActuationPermit::for_round_trip(), &command, &envelope, &mut out)
                }
                written => written,
            }
        }
    };
    written.unwrap().to_vec()
}

/// The frame has the header it is said to have and is written back; its dialect. Nothing more where it is to be rejected.
fn check_frame<'a>(vector: &Value, wire: &'a [u8]) -> Option<(Frame<'a>, Dialect)> {
    let hex = vector["hex"].as_str().unwrap();
    let expect = &vector["expect"];
    if let Some(reason) = expect["reject"].as_str() {
        assert_eq!(Frame::parse(wire).unwrap_err().code(), reason, "{hex}");
        return None;
    }
    let frame = Frame::parse(wire).unwrap_or_else(|why| panic!("{hex}: {why}"));
    let link = &expect["link"];
    assert_eq!(frame.address.to_string(), link["address"].as_str().unwrap(), "{hex}");
    assert_eq!(frame.control.to_string(), link["ctrl"].as_str().unwrap(), "{hex}");
    assert_eq!(frame.data.len() as u64, link["len"].as_u64().unwrap(), "{hex}");
    assert_eq!(frame.wake_bytes as u64, link["wake_bytes"].as_u64().unwrap(), "{hex}");
    assert_eq!(frame.data.to_string(), link["data"].as_str().unwrap(), "{hex}");

    let dialect = if vector["protocol"] == "dlt645-1997" { Dialect::V1997 } else { Dialect::V2007 };
    assert_eq!(re_encode(&frame, dialect), wire, "{hex}");
    Some((frame, dialect))
}

fn check(vector: &Value) {
    let hex = vector["hex"].as_str().unwrap();
    let wire = bytes(hex);
    let Some((frame, dialect)) = check_frame(vector, &wire) else { return };
    let expect = &vector["expect"];
    assert_eq!(frame.likely_dialect(), dialect, "{hex}");
    let meaning = match frame.control.direction() {
        Direction::Request => request_meaning(&Command::parse(dialect, &frame)),
        Direction::Answer => answer_meaning(dialect, &Answer::parse(dialect, &frame)),
    };
    for (key, said) in expect.as_object().unwrap() {
        match key.as_str() {
            "link" => {}
            "version" => assert_eq!((said, dialect), (&"1997".into(), Dialect::V1997), "{hex}"),
            "items" => check_items(said, &meaning["items"], hex),
            _ => assert_eq!(said, &meaning[key], "{hex}: {key}"),
        }
    }
}

/// A vector names the values of a block by tariff only.
fn check_items(said: &Value, ours: &Value, hex: &str) {
    let (said, ours) = (said.as_array().unwrap(), ours.as_array().unwrap());
    assert_eq!(said.len(), ours.len(), "{hex}: {ours:?}");
    for (said, ours) in said.iter().zip(ours) {
        for (key, said) in said.as_object().unwrap() {
            let short = key == "name" && *said == ours["short"];
            assert!(short || *said == ours[key], "{hex}: {key} is {}, not {said}", ours[key]);
        }
    }
}

fn request_meaning(command: &Command<'_>) -> Value {
    let authority = |Authority { password, operator }: &Authority| {
        let operator = operator.map(|code| code.to_string());
        (format!("{:02X}", password.level), password.reveal().to_string(), operator)
    };
    match command {
        Command::Read { item: item @ DataId::V1997(_), .. } => {
            json!({ "di": item.to_string(), "ctrl_11_with_2_byte_di": item.to_string() })
        }
        Command::Read { item, .. } => json!({ "di": item.to_string() }),
        Command::ReadFollow { item, seq } => json!({ "command": "read_follow", "di": item.to_string(), "seq": seq }),
        Command::ReadAddress => json!({ "command": "read_address" }),
        Command::BroadcastTime { time } => json!({ "command": "broadcast_time", "time": time.to_string() }),
        Command::Write { item, authority: by, value } => {
            let (pa, password, operator) = authority(by);
            let (item, value) = (item.to_string(), value.to_string());
            json!({ "command": "write", "di": item, "pa": pa, "password": password, "operator": operator, "value": value })
        }
        Command::Relay(relay) => json!({
            "command": "control",
            "pa": format!("{:02X}", relay.password.level),
            "password": relay.password.reveal().to_string(),
            "operator": relay.operator.to_string(),
            "n1": format!("{:02X}", relay.action.code()),
            "action": relay.action.name(),
            "n2": format!("{:02X}", relay.n2),
            "valid_until": relay.deadline().map(|at| at.to_string()),
            "valid_until_raw": relay.valid_until.to_string(),
        }),
        other => panic!("no published frame has {other:?}"),
    }
}

fn answer_meaning(dialect: Dialect, answer: &Answer<'_>) -> Value {
    match answer {
        Answer::Data { item, data, .. } => {
            let mut readings = items(dialect).read(*item, *data);
            let mut meaning = json!({ "di": item.to_string(), "items": [] });
            let mut values = Vec::new();
            for reading in readings.by_ref() {
                let (name, value) = (reading.name.to_string(), reading.value.to_string());
                match reading.value {
                    Said::DateWeekday(_, weekday) => {
                        (meaning["date"], meaning["weekday"]) = (value.into(), weekday.into())
                    }
                    Said::Number(_) => values.push(json!({
                        "name": name, "short": reading.name.suffix(), "value": value, "unit": reading.field.unit(),
                    })),
                    _ => meaning[name] = value.into(),
                }
            }
            meaning["items"] = values.into();
            if let Some(terminator) = readings.terminator() {
                meaning["terminator"] = format!("{terminator:02X}").into();
            }
            meaning
        }
        Answer::Refused { errors, .. } => json!({
            "error": true,
            "err": format!("{:02X}", errors.bits()),
            "err_bits": errors.names().collect::<Vec<_>>(),
        }),
        other => panic!("no published frame has {other:?}"),
    }
}

#[test]
fn every_published_frame_means_what_it_is_said_to_and_is_written_back() {
    let mut checked = 0;
    for line in VECTORS.lines() {
        check(&serde_json::from_str(line).unwrap());
        checked += 1;
    }
    for line in PUBLISHED.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        check_frame(&vector, &bytes(vector["hex"].as_str().unwrap()));
        checked += 1;
    }
    assert!(checked >= 150, "only {checked} vectors");
}
