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
use crate::security::{Envelope, Key, Keys, Secured, SecurityControl, Suite, SystemTitle};
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

/// The published APDUs that are good.
pub(crate) fn good_apdus() -> Vec<Vec<u8>> {
    let vectors = VECTORS.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let good = vectors.filter(|vector| vector["layer"] == "apdu" && vector["expect"]["ok"] == true);
    good.map(|vector| bytes(vector["hex"].as_str().unwrap())).collect()
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

fn check_security(wire: &[u8], vector: &Value) -> Result<Value, &'static str> {
    let key = |name: &str| Key::new(&bytes(vector["key"][name].as_str().unwrap())).unwrap();
    let keys = Keys::new(Suite::Suite0, key("encryption")).unwrap().with_authentication(key("authentication")).unwrap();
    let own = vector["key"]["system_title"].as_str().map(bytes);
    if vector["expect"]["op"] == "gmac" {
        return check_gmac(wire, vector, &keys);
    }
    let envelope = Envelope::parse(wire).map_err(|error| error.code())?;
    assert_eq!(hex(&envelope.to_vec()), hex(wire));
    let title = match envelope {
        Envelope::General { title, .. } => title.to_vec(),
        _ => own.unwrap(),
    };
    let sender = SystemTitle::from_octets(&title).unwrap();
    let secured = envelope.secured().unwrap();
    let plain = keys.unprotect(sender.into(), &secured).map_err(|error| error.code())?;
    let mut meaning = apdu_meaning(&Apdu::Protected(envelope));
    meaning["inner"] = check_apdu(&plain)?;
    meaning["plain"] = hex(&plain).into();
    meaning["system_title"] = hex(&title).into();
    Ok(meaning)
}

/// A proof of who somebody is: the tag over what both sides know and nothing else.
fn check_gmac(wire: &[u8], vector: &Value, keys: &Keys) -> Result<Value, &'static str> {
    let expect = &vector["expect"];
    let challenge = bytes(expect["challenge"].as_str().unwrap());
    let counter = u32::try_from(expect["ic"].as_u64().unwrap()).unwrap();
    let control = SecurityControl(0x10);
    let data = [&challenge[..], wire].concat();
    let sender: SystemTitle = expect["system_title"].as_str().unwrap().parse().unwrap();
    let proven =
        keys.unprotect(sender.into(), &Secured { control, counter, data: &data }).map_err(|error| error.code())?;
    let mut result = vec![control.0];
    result.extend(counter.to_be_bytes());
    result.extend(wire);
    Ok(json!({
        "op": "gmac",
        "sc": "10",
        "ic": counter,
        "system_title": sender.to_string().to_lowercase(),
        "challenge": hex(&proven),
        "result": hex(&result),
    }))
}

fn check(vector: &Value) {
    let wire = bytes(vector["hex"].as_str().unwrap());
    let found = match vector["layer"].as_str().unwrap() {
        "hdlc" => check_hdlc(&wire),
        "wrapper" => check_wrapper(&wire),
        "apdu" => check_apdu(&wire),
        "axdr" => check_axdr(&wire),
        "security" => check_security(&wire, vector),
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
