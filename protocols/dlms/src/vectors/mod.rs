//! Published frames and what they mean, `vectors/dlms.jsonl`: one check runs them all, both ways.

mod meaning;

use std::collections::BTreeMap;
use std::panic;

use serde_json::{Value, json};

use self::meaning::{apdu_meaning, data_meaning, frames_meaning};
use crate::actuation::{self, ActuationPermit};
use crate::apdu::Apdu;
use crate::axdr::{Data, Element as _};
use crate::hdlc::Frame;
use crate::wrapper::Wrapper;

const VECTORS: &str = include_str!("../../vectors/dlms.jsonl");

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let mut out = vec![0; hex.len() / 2];
    let read = hes_wire::hex::read(hex, &mut out).unwrap().len();
    out.truncate(read);
    out
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    hes_wire::Hex(bytes).to_string().to_lowercase()
}

/// What the vector says must be there; objects key by key, lists entry by entry.
fn must_say(path: &str, expected: &Value, found: &Value) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, expected) in expected.iter().filter(|(key, _)| *key != "ok") {
                must_say(&format!("{path}.{key}"), expected, found.get(key).unwrap_or(&Value::Null));
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            assert_eq!(expected.len(), found.len(), "{path}: {found:?}");
            for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
                must_say(&format!("{path}[{at}]"), expected, found);
            }
        }
        _ => assert_eq!(expected, found, "{path}"),
    }
}

/// Written again, the bytes are the ones that came.
fn written(apdu: &Apdu<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    if apdu.encode(&mut out).is_err() {
        actuation::encode(ActuationPermit::for_round_trip(), apdu, &mut out);
    }
    out
}

fn check_apdu(wire: &[u8]) -> Result<Value, &'static str> {
    let apdu = Apdu::decode(wire).map_err(|error| error.code())?;
    assert_eq!(hex(&written(&apdu)), hex(wire));
    Ok(apdu_meaning(&apdu))
}

fn check_hdlc(wire: &[u8]) -> Result<Value, &'static str> {
    let frames: Result<Vec<_>, _> = Frame::parse_all(wire).collect();
    let frames = frames.map_err(|error| error.code())?;
    for frame in &frames {
        let mut out = Vec::new();
        frame.encode(&mut out).unwrap();
        // Without its flags: of two frames one flag may be left out.
        assert!(wire.windows(out.len() - 2).any(|window| window == &out[1..out.len() - 1]), "{frame:?}");
    }
    Ok(frames_meaning(&frames))
}

fn check_wrapper(wire: &[u8]) -> Result<Value, &'static str> {
    let wrapper = Wrapper::decode(wire).map_err(|error| error.code())?;
    let mut out = Vec::new();
    wrapper.encode(&mut out).unwrap();
    assert_eq!(hex(&out), hex(wire));
    let Wrapper { source, destination, apdu } = wrapper;
    Ok(json!({ "version": 1, "src": source, "dst": destination, "length": apdu.len(), "apdu": hex(apdu) }))
}

fn check_axdr(wire: &[u8]) -> Result<Value, &'static str> {
    let data = Data::decode(wire).map_err(|error| error.code())?;
    let mut out = Vec::new();
    data.write(&mut out);
    assert_eq!(hex(&out), hex(wire));
    Ok(json!({ "value": data_meaning(&data) }))
}

fn check(vector: &Value) {
    let wire = bytes(vector["hex"].as_str().unwrap());
    let found = match vector["layer"].as_str().unwrap() {
        "hdlc" => check_hdlc(&wire),
        "wrapper" => check_wrapper(&wire),
        "apdu" => check_apdu(&wire),
        "axdr" => check_axdr(&wire),
        "security" => panic!("not yet"),
        other => panic!("layer {other}"),
    };
    let expect = &vector["expect"];
    match (expect["ok"].as_bool().unwrap(), found) {
        (true, Ok(found)) => must_say("", expect, &found),
        (false, Err(code)) => assert_eq!(code, expect["error"]),
        (true, Err(code)) => panic!("refused: {code}"),
        (false, Ok(found)) => panic!("not refused: {found}"),
    }
}

#[test]
fn every_published_frame_means_what_it_is_said_to_and_is_written_back() {
    let mut passed: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut failed = Vec::new();
    for (at, line) in VECTORS.lines().enumerate() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let counts = passed.entry(vector["layer"].as_str().unwrap().to_owned()).or_default();
        counts.1 += 1;
        match panic::catch_unwind(|| check(&vector)) {
            Ok(()) => counts.0 += 1,
            Err(_) => failed.push(format!("{at}: {} {}", vector["layer"], vector["note"])),
        }
    }
    println!("passed of all, by layer: {passed:?}");
    assert_eq!(passed.values().map(|(_, all)| all).sum::<usize>(), 217);
    assert!(failed.is_empty(), "{failed:#?}");
}
