//! The contract of `hes decode dlms`: every published vector explained key by key, and every output as the schema says.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod expected;
mod schema;

use self::expected::check;
use hes_dissect::dlms::{CipherKeys, Decoded, Layer, Options, decode, decode_line};
use hes_dissect::{Fields, Secrets};
use proptest::prelude::*;
use serde_json::{Value, json};

const VECTORS: &str = include_str!("../../../protocols/dlms/vectors/dlms.jsonl");

fn explain(line: &str, options: &Options) -> Value {
    let found = serde_json::to_value(decode_line(line, options)).unwrap();
    schema::validate(&found);
    found
}

fn vectors() -> impl Iterator<Item = (&'static str, Value)> {
    VECTORS.lines().map(|line| (line, serde_json::from_str(line).unwrap()))
}

/// Of proofs of who somebody is, a line has the tag alone: what it proves stands in the expectation.
fn is_proof(vector: &Value) -> bool {
    vector["expect"]["op"] == "gmac"
}

#[test]
fn every_published_vector_is_explained_key_by_key() {
    let mut checked = 0;
    for (line, vector) in vectors().filter(|(_, vector)| !is_proof(vector)) {
        check(vector["hex"].as_str().unwrap(), &vector["expect"], &explain(line, &Options::PERSON));
        checked += 1;
    }
    assert_eq!(checked, 216);
}

#[test]
fn the_layer_of_good_bytes_is_told_from_them() {
    for (_, vector) in vectors().filter(|(_, vector)| vector["expect"]["ok"] == true && !is_proof(vector)) {
        let hex = vector["hex"].as_str().unwrap();
        let found = explain(hex, &Options::PERSON);
        let layer = match vector["layer"].as_str().unwrap() {
            "security" => "apdu",
            layer => layer,
        };
        assert_eq!((found["layer"].as_str(), &found["detected"]), (Some(layer), &json!(true)), "{hex}");
    }
}

#[test]
fn without_keys_the_header_is_explained_and_what_is_missing_is_named() {
    for (_, vector) in vectors().filter(|(_, vector)| vector["layer"] == "security" && !is_proof(vector)) {
        let found = explain(vector["hex"].as_str().unwrap(), &Options::PERSON);
        assert_eq!(found["ok"], true);
        assert_eq!(found["undeciphered"]["error"], "no_key");
        assert!(found["undeciphered"]["detail"].as_str().unwrap().contains("--auth-key"));
        assert!(found.get("inner").is_none());
    }
}

const GET: &str = "c81e30000000112233445566778899aabbccddeeff00112233445566778899aa";

#[test]
fn with_the_wrong_keys_nothing_is_believed_and_the_reason_is_given() {
    let keys = |title| CipherKeys::from_hex(&"00".repeat(16), Some(&"11".repeat(16)), title).unwrap();
    let with = |keys| Options { keys: Some(keys), ..Options::PERSON };
    let found = explain(GET, &with(keys(Some("4d4d4d0000bc614e"))));
    assert_eq!((&found["ok"], &found["error"]), (&json!(false), &json!("tag")));
    assert!(found["detail"].as_str().unwrap().contains("counter 17"), "{found}");
    let found = explain(GET, &with(keys(None)));
    assert_eq!(found["error"], "no_title");
    let encryption_only = CipherKeys::from_hex(&"00".repeat(16), None, Some("4d4d4d0000bc614e")).unwrap();
    assert_eq!(explain(GET, &with(encryption_only))["error"], "no_key");
    assert!(CipherKeys::from_hex("00", None, None).is_err());
    assert!(CipherKeys::from_hex(&"0".repeat(32), None, Some("12")).is_err());
    // Inside of something good it is said in its place.
    let wrapped = format!("000100010010{:04x}{GET}", GET.len() / 2);
    let found = explain(&wrapped, &with(keys(Some("4d4d4d0000bc614e"))));
    assert_eq!((&found["ok"], &found["message"]["error"]), (&json!(true), &json!("tag")));
}

#[test]
fn bad_lines_are_explained_as_such_and_stop_nothing() {
    for (line, kind) in [
        ("", "empty"),
        ("xyz", "hex"),
        ("{", "json"),
        ("{\"hex\":\"00\",\"layer\":\"physical\"}", "json"),
        ("{\"hex\":\"00\",\"protocol\":\"dlt645\"}", "protocol"),
        ("{\"hex\":\"00\",\"key\":{\"encryption\":\"00\"}}", "key"),
        ("{\"hex\":\"\",\"layer\":\"apdu\"}", "truncated"),
        ("{\"hex\":\"\"}", "empty"),
        ("7ea0", "truncated"),
        ("09", "truncated"),
        ("c001c100", "truncated"),
        ("110100", "trailing"),
        ("ff00", "tag"),
        ("f1", "tag"),
    ] {
        let found = explain(line, &Options::PERSON);
        assert_eq!((found["ok"].as_bool(), found["error"].as_str()), (Some(false), Some(kind)), "{line}");
        assert!(!found["detail"].as_str().unwrap().is_empty());
    }
}

#[test]
fn passwords_and_keys_are_hidden_everywhere_where_they_must_not_be_shown() {
    for (_, vector) in vectors().filter(|(_, vector)| !is_proof(vector)) {
        let apdu = match vector["layer"].as_str().unwrap() {
            "security" => &vector["expect"]["inner"],
            _ => &vector["expect"],
        };
        let secrets = [&apdu["auth_value"], &apdu["dedicated_key"]];
        let line = serde_json::to_string(&vector).unwrap();
        let hidden = serde_json::to_string(&decode_line(&line, &Options::RECORD)).unwrap().to_lowercase();
        for secret in secrets.into_iter().filter_map(Value::as_str) {
            assert!(!hidden.contains(secret), "{secret} in {hidden}");
        }
    }
    // A new password, and a new secret.
    for apdu in [
        "c101c1000f0000280000ff0700090753454352455421",
        "c301c1000f0000280000ff0201090753454352455421",
        "c102c1000f0000280000ff0700000000000109090753454352455421",
    ] {
        let wrapped = format!("000100100001{:04x}{apdu}", apdu.len() / 2);
        for line in [apdu, &wrapped] {
            let shown = serde_json::to_string(&decode_line(line, &Options::PERSON)).unwrap().to_lowercase();
            let hidden = serde_json::to_string(&decode_line(line, &Options::RECORD)).unwrap().to_lowercase();
            let secret = "53454352455421";
            assert!(shown.contains(secret) && !hidden.contains(secret) && !hidden.contains("secret!"), "{hidden}");
        }
    }
    // The same association request in a wrapper and in a frame.
    let aarq =
        "6033a1090607608574050801018a0207808b0760857405080201ac0780054775727578be10040e01000000065f1f0400401e5dffff";
    let wrapped = format!("0001001000010035{aarq}");
    let framed = "7ea04103231001d9e6e6006033a1090607608574050801018a0207808b0760857405080201ac0780054775727578be10040e01000000065f1f0400401e5dffff";
    let framed = VECTORS.lines().find(|line| line.contains(framed)).unwrap();
    for line in [wrapped.as_str(), framed] {
        let shown = serde_json::to_string(&decode_line(line, &Options::PERSON)).unwrap();
        let hidden = serde_json::to_string(&decode_line(line, &Options::RECORD)).unwrap();
        let password = "4775727578";
        assert!(shown.contains(password) && !hidden.contains(password), "{hidden}");
    }
}

/// Lines of vectors, mostly good.
fn any_wire() -> impl Strategy<Value = Vec<u8>> {
    let good: Vec<Vec<u8>> = vectors()
        .map(|(_, vector)| {
            let hex = vector["hex"].as_str().unwrap().to_owned();
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        })
        .collect();
    let changed = (prop::sample::select(good.clone()), any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(mut wire, at, octet)| {
            if !wire.is_empty() {
                let at = at.index(wire.len());
                wire[at] = octet;
            }
            wire
        },
    );
    prop_oneof![prop::sample::select(good), changed, prop::collection::vec(any::<u8>(), 0..64)]
}

proptest! {
    #[test]
    fn any_bytes_are_explained_one_way_or_the_other_and_fields_are_all_of_them(
        wire in any_wire(),
        layer in prop::sample::select(vec![None, Some(Layer::Hdlc), Some(Layer::Wrapper), Some(Layer::Apdu), Some(Layer::Axdr)]),
        hidden: bool,
    ) {
        let secrets = if hidden { Secrets::Hidden } else { Secrets::Shown };
        let options = Options { layer, keys: None, secrets, fields: Fields::With };
        let decoded = decode(&wire, &options);
        schema::validate(&serde_json::to_value(&decoded).unwrap());
        if let Decoded::Explained(explained) = decoded {
            let mut at = 0;
            for field in explained.fields.unwrap() {
                prop_assert_eq!(field.offset, at);
                prop_assert!(field.len > 0);
                at += field.len;
            }
            prop_assert_eq!(at, wire.len());
        }
    }

    #[test]
    fn any_text_is_explained_one_way_or_the_other(text in "\\PC*") {
        explain(&text, &Options::RECORD);
    }
}
