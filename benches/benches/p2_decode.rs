//! P2: a fixed mix of published DL/T 645 answers → typed readings, against copying the same bytes, and against the
//! Python packages that decode the same frames.
#![expect(clippy::print_stdout, reason = "benches print their results")]

use std::hint::black_box;
use std::process::Command;

use hes_benches::{in_turns, print_machine, print_verdict};
use hes_dlt645::items::items;
use hes_dlt645::{Answer, Dlt645, Found, Frame};

/// The mix is repeated up to this size, larger than any cache.
const STREAM_BYTES: usize = 64 << 20;
const ROUNDS: usize = 9;

fn main() {
    print_machine();
    let mix = mix();
    let one: Vec<u8> = mix.concat();
    let stream = one.repeat(STREAM_BYTES / one.len());
    let (frames, values) = decode(&stream);
    println!(
        "data: {} published answers of {} bytes in all, repeated to {} MB: {frames} frames, {values} values",
        mix.len(),
        one.len(),
        stream.len() >> 20
    );
    assert_eq!(frames, mix.len() * (STREAM_BYTES / one.len()), "every frame is found");

    let mut copy = vec![0; stream.len()];
    let (ours, copying) = in_turns(
        ROUNDS,
        || assert_eq!(black_box(decode(&stream)).0, frames),
        || copy.copy_from_slice(black_box(&stream)),
    );
    let rate = megabytes_per_second(stream.len(), ours.best().as_secs_f64());
    print_verdict("decode", rate, " MB/s", 400.0);
    println!(
        "  spread {:.0} %, {:.1} ns a frame",
        ours.spread_percent(),
        ours.best().as_secs_f64() * 1e9 / frames as f64
    );
    println!(
        "  copying the same bytes: {:.0} MB/s, so decoding costs {:.1} copies",
        megabytes_per_second(stream.len(), copying.best().as_secs_f64()),
        ours.best().as_secs_f64() / copying.best().as_secs_f64()
    );
    for peer in ["client", "meter"] {
        match peer_rate(peer, &mix) {
            Ok((name, theirs)) => {
                println!("  {name}: {theirs:.3} MB/s");
                print_verdict(&format!("against {name}"), rate / theirs, " x", 20.0);
            }
            Err(why) => println!("  peer {peer} not measured: {why}"),
        }
    }
}

fn megabytes_per_second(bytes: usize, seconds: f64) -> f64 {
    bytes as f64 / 1e6 / seconds
}

/// The published frames that are answers with data, in their order.
fn mix() -> Vec<Vec<u8>> {
    let vectors = include_str!("../../protocols/dlt645/vectors/dlt645.jsonl");
    let mut found = Vec::new();
    for line in vectors.lines() {
        let vector: serde_json::Value = serde_json::from_str(line).expect("vectors are JSON");
        let hex = vector["hex"].as_str().expect("a frame");
        let mut buffer = vec![0; hex.len()];
        let bytes = hes_wire::hex::read(hex, &mut buffer).expect("vectors are hexadecimal").to_vec();
        let is_answer = Frame::parse(&bytes)
            .is_ok_and(|frame| matches!(Answer::parse(frame.likely_dialect(), &frame), Answer::Data { .. }));
        if is_answer {
            found.push(bytes);
        }
    }
    found
}

/// Frames found in the stream, and values read from them.
fn decode(mut stream: &[u8]) -> (usize, usize) {
    let (mut frames, mut values) = (0, 0);
    loop {
        match Dlt645.find(stream) {
            Found::NeedMore => return (frames, values),
            Found::Skip(bytes, _) => stream = &stream[bytes..],
            Found::Frame(frame, end) => {
                let dialect = frame.likely_dialect();
                frames += 1;
                if let Answer::Data { item, data, .. } = Answer::parse(dialect, &frame) {
                    values += items(dialect).read(item, data).map(black_box).count();
                }
                stream = &stream[end..];
            }
        }
    }
}

/// What a Python package makes of the same frames, in MB/s.
fn peer_rate(peer: &str, mix: &[Vec<u8>]) -> Result<(String, f64), String> {
    let home =
        std::env::var("HES_TEST_PEERS").map_err(|_| "run by `cargo xtask bench`, which installs it".to_owned())?;
    let python = std::env::var("HES_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/decode.py");
    let frames: Vec<String> =
        mix.iter().map(|frame| frame.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    let mut command = Command::new(python);
    command.arg(script).arg(peer).args(frames).env("PYTHONPATH", std::path::Path::new(&home).join(peer));
    let output = command.output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let (name, rate) = text.split_once(' ').ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok((name.to_owned(), rate.parse().map_err(|e| format!("{e}: {text}"))?))
}
