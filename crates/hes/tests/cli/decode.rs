use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::Value;

use crate::program::{hes, run, run_with};

const VECTORS: &str = include_str!("../../../../protocols/dlt645/vectors/dlt645.jsonl");
const DLMS_VECTORS: &str = include_str!("../../../../protocols/dlms/vectors/dlms.jsonl");
const SCHEMA: &str = include_str!("../../../../config/schemas/decode.schema.json");
const READ: &str = "68610100000000681104333434351716";

fn decoded(args: &[&str], input: &[u8]) -> Vec<Value> {
    decoded_as("dlt645", args, input)
}

fn decoded_as(protocol: &str, args: &[&str], input: &[u8]) -> Vec<Value> {
    let ran = run_with(&mut hes(&[&["decode", protocol, "--json"], args].concat()), input);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What of `expected` is missing or different in `found`, member by member; what `found` has more is fine.
fn differences(expected: &Value, found: &Value, path: &str, into: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                differences(value, found.get(key).unwrap_or(&Value::Null), &format!("{path}.{key}"), into);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
                differences(expected, found, &format!("{path}[{at}]"), into);
            }
        }
        _ if expected == found => {}
        _ => into.push(format!("{path}: {found}, not {expected}")),
    }
}

#[test]
fn a_file_of_vectors_piped_in_as_it_is_comes_out_as_it_means_line_by_line() {
    let answers = decoded(&["-"], VECTORS.as_bytes());
    let vectors: Vec<Value> = VECTORS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), vectors.len());
    let mut wrong = Vec::new();
    for (vector, answer) in vectors.iter().zip(&answers) {
        let hex = vector["hex"].as_str().unwrap();
        match vector["expect"].get("reject") {
            Some(reason) => {
                assert_eq!((&answer["ok"], &answer["error"]), (&Value::Bool(false), reason), "{hex}");
            }
            None => {
                assert_eq!(answer["ok"], true, "{hex}: {answer}");
                differences(&vector["expect"], answer, hex, &mut wrong);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn bad_lines_are_answered_in_their_place_and_stop_nothing() {
    let long = "6".repeat((1 << 20) + 1);
    let input = format!("{READ}\nnonsense\n\n{{\"hex\":7}}\n{long}\n6811\n\u{0}\n{{\"hex\":\"{READ}\"}}\n");
    let mut input = input.into_bytes();
    input.extend(b"\xFF\xFE\n");
    input.extend(READ.as_bytes());
    let answers = decoded(&["-"], &input);
    let kinds: Vec<&str> = answers.iter().map(|answer| answer["error"].as_str().unwrap_or("ok")).collect();
    assert_eq!(kinds, ["ok", "hex", "empty", "json", "line_too_long", "truncated", "hex", "ok", "hex", "ok"]);
    assert!(answers.iter().all(|answer| answer["ok"] == true || answer["detail"].is_string()));
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let named = schema["$defs"]["rejected"]["properties"]["error"]["enum"].as_array().unwrap();
    for kind in kinds.iter().filter(|kind| **kind != "ok") {
        assert!(named.iter().any(|name| name == kind), "{kind} is not in the schema");
    }
}

#[test]
fn a_live_stream_is_answered_line_by_line_before_it_ends() {
    let mut child =
        hes(&["decode", "dlt645", "--json", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        writeln!(input, "{READ}").unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert!(answer.contains("02010100"), "{answer}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_edition_can_be_forced() {
    // Total energy of 1997 under its own reading code; 2007 has a code 01 too few.
    let of_1997 = "6812907856341268010243C38F16";
    assert_eq!(decoded(&[of_1997], b"")[0]["version"], "1997");
    assert_eq!(decoded(&["--dialect", "1997", of_1997], b"")[0]["di"], "9010");
}

#[test]
fn one_frame_is_explained_field_by_field_in_both_languages() {
    for (lang, words) in [("en", ["Control code", "Check sum"]), ("zh", ["控制码", "校验码"])] {
        let ran = run(&mut hes(&["--lang", lang, "decode", "dlt645", READ]));
        assert_eq!(ran.code, 0);
        assert!(words.iter().all(|word| ran.stdout.contains(word)), "{}", ran.stdout);
    }
    assert!(decoded(&["--brief", READ], b"")[0].get("fields").is_none());
}

#[test]
fn one_frame_that_is_none_ends_with_one_and_says_why() {
    let ran = run(&mut hes(&["decode", "dlt645", "68610100000000681104333434350016"]));
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("checksum"), "{}", ran.stdout);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = hes(&["decode", "dlt645", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    // Until the program notices and closes its end.
    while writeln!(input, "{READ}").is_ok() {}
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn a_file_of_dlms_vectors_piped_in_as_it_is_comes_out_as_it_means_line_by_line() {
    let answers = decoded_as("dlms", &["-"], DLMS_VECTORS.as_bytes());
    let vectors: Vec<Value> = DLMS_VECTORS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), vectors.len());
    let mut wrong = Vec::new();
    // A proof of who somebody is stands in its line without what it proves.
    for (vector, answer) in vectors.iter().zip(&answers).filter(|(vector, _)| vector["expect"]["op"] != "gmac") {
        differences(&vector["expect"], answer, vector["hex"].as_str().unwrap(), &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

const CIPHERED: &str = "c81e3000000012fcda13ab6220abc6249d6b652821417ce1df1b7aa27a79cb6b";
const KEYS: [&str; 6] = [
    "--key",
    "000102030405060708090a0b0c0d0e0f",
    "--auth-key",
    "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
    "--system-title",
    "4d4d4d0000bc614e",
];

#[test]
fn a_ciphered_apdu_is_deciphered_with_its_keys_and_says_what_is_missing_without() {
    let answer = decoded_as("dlms", &[&KEYS[..], &[CIPHERED]].concat(), b"").remove(0);
    assert_eq!(answer["inner"]["attr"]["name"], "Disconnect control.output_state");
    let answer = decoded_as("dlms", &[CIPHERED], b"").remove(0);
    assert_eq!(answer["undeciphered"]["error"], "no_key");
    let ran = run(&mut hes(&[&["decode", "dlms"], &KEYS[..4], &[CIPHERED]].concat()));
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("--system-title"), "{}", ran.stdout);
}

#[test]
fn a_dlms_frame_is_explained_in_both_languages_and_its_layer_can_be_stated() {
    let frame = "7ea0190321326fd8e6e600c001c1000100002a0000ff020012807e";
    for (lang, words) in [("en", ["Data.value", "Frame check sequence"]), ("zh", ["Data.value", "帧校验"])] {
        let ran = run(&mut hes(&["--lang", lang, "decode", "dlms", frame]));
        assert_eq!(ran.code, 0);
        assert!(words.iter().all(|word| ran.stdout.contains(word)), "{}", ran.stdout);
    }
    let ran = run(&mut hes(&["decode", "dlms", "--layer", "apdu", frame]));
    assert_eq!(ran.code, 1);
    assert_eq!(run(&mut hes(&["decode", "dlms", "--key", "00", frame])).code, 2);
    assert_eq!(run(&mut hes(&["decode", "dlt645", "--layer", "apdu", READ])).code, 2);
    assert_eq!(run(&mut hes(&["decode", "dlms", "--dialect", "1997", frame])).code, 2);
}
