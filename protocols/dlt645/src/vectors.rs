//! Published frames and what they mean, `vectors/dlt645.jsonl`: one check runs them all, both ways.

use serde_json::Value;

use crate::actuation::{self, ActuationPermit};
use crate::{Answer, Command, Dialect, Direction, EncodeError, Envelope, Frame, MAX_FRAME};

const VECTORS: &str = include_str!("../vectors/dlt645.jsonl");

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

fn check(vector: &Value) {
    let hex = vector["hex"].as_str().unwrap();
    let wire = bytes(hex);
    let expect = &vector["expect"];
    if let Some(reason) = expect["reject"].as_str() {
        assert_eq!(Frame::parse(&wire).unwrap_err().code(), reason, "{hex}");
        return;
    }
    let frame = Frame::parse(&wire).unwrap_or_else(|why| panic!("{hex}: {why}"));
    let link = &expect["link"];
    assert_eq!(frame.address.to_string(), link["address"].as_str().unwrap(), "{hex}");
    assert_eq!(frame.control.to_string(), link["ctrl"].as_str().unwrap(), "{hex}");
    assert_eq!(frame.data.len() as u64, link["len"].as_u64().unwrap(), "{hex}");
    assert_eq!(frame.wake_bytes as u64, link["wake_bytes"].as_u64().unwrap(), "{hex}");
    assert_eq!(frame.data.to_string(), link["data"].as_str().unwrap(), "{hex}");

    let dialect = if vector["protocol"] == "dlt645-1997" { Dialect::V1997 } else { Dialect::V2007 };
    assert_eq!(frame.likely_dialect(), dialect, "{hex}");
    assert_eq!(re_encode(&frame, dialect), wire, "{hex}");
}

#[test]
fn every_published_frame_means_what_it_is_said_to_and_is_written_back() {
    let mut checked = 0;
    for line in VECTORS.lines() {
        check(&serde_json::from_str(line).unwrap());
        checked += 1;
    }
    assert!(checked >= 63, "only {checked} vectors");
}
