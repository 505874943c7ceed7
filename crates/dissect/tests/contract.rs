//! The contract of `hes decode`: every published frame explained key by key, and every output as the schema says.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod expected;
mod schema;

use self::expected::check;
use hes_dissect::{Dialect, Fields, Options, Secrets, decode, decode_line, redacted};
use proptest::prelude::*;
use serde_json::{Value, json};

const VECTORS: [&str; 2] = [
    include_str!("../../../protocols/dlt645/vectors/dlt645.jsonl"),
    include_str!("../../../protocols/dlt645/vectors/published.jsonl"),
];

fn vectors() -> impl Iterator<Item = &'static str> {
    VECTORS.iter().flat_map(|file| file.lines())
}

fn explain(line: &str) -> Value {
    serde_json::to_value(decode_line(line, &Options::PERSON)).unwrap()
}

#[test]
fn every_published_frame_is_explained_key_by_key() {
    let mut checked = 0;
    for line in vectors() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let (found, path) = (explain(line), vector["hex"].as_str().unwrap());
        match vector["expect"]["reject"].as_str() {
            Some(reason) => check(path, &json!({"ok": false, "error": reason}), &found),
            None => {
                check(path, &json!({"ok": true}), &found);
                check(path, &vector["expect"], &found);
            }
        }
        schema::validate(&found);
        checked += 1;
    }
    assert!(checked >= 140, "only {checked} vectors");
}

#[test]
fn the_bytes_alone_are_explained_like_the_whole_line() {
    for line in vectors() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let whole = explain(line);
        // A control code that neither edition knows does not tell which of them it is of.
        if whole["command"] != "unknown" {
            assert_eq!(explain(vector["hex"].as_str().unwrap()), whole);
        }
    }
}

/// The top bit of a power is its direction (DL/T 645-2007, notes to table A.3), of the apparent ones too.
#[test]
fn apparent_power_against_the_direction_is_below_zero() {
    let found = explain("68010000000000689107333338358967C5F116");
    check(
        "apparent",
        &json!({"items": [{"name": "apparent_power_total", "value": "-12.3456", "unit": "kVA"}]}),
        &found,
    );
}

/// Between them nothing stands that tells one from the next: only a block of the right length has words.
#[test]
fn status_words_are_told_apart_in_a_block_of_their_length_only() {
    for (bytes, words) in [(14, 7), (18, 8), (6, 1), (12, 1), (13, 1), (15, 1), (16, 1), (20, 1), (21, 1)] {
        let data = [vec![0xFF, 0x05, 0x00, 0x04], vec![0; bytes]].concat();
        let found = explain(&hex(&masked(0x91, &data)));
        let items = found["items"].as_array().unwrap();
        assert_eq!(items.len(), words, "{bytes} bytes: {items:?}");
        let names =
            items.iter().filter(|item| item["name"].as_str().is_some_and(|name| name.starts_with("run_status_")));
        assert_eq!(names.count(), if words == 1 { 0 } else { 7 }, "{bytes} bytes: {items:?}");
    }
}

#[test]
fn bad_lines_are_explained_as_such_and_stop_nothing() {
    for (line, kind) in [
        ("", "empty"),
        ("   ", "empty"),
        ("xyz", "hex"),
        ("681", "hex"),
        ("{", "json"),
        ("{\"other\":1}", "json"),
        ("{\"hex\":\"\"}", "empty"),
        ("{\"hex\":\"00\",\"protocol\":\"dlms\"}", "protocol"),
        ("00", "start_mismatch"),
        ("68010203040506691100", "second_start_mismatch"),
        ("68AAAAAAAAAAAA681300DF", "truncated"),
        ("68AAAAAAAAAAAA681300DF1600", "trailing_bytes"),
        ("68AAAAAAAAAAAA681300DF17", "end_mismatch"),
        ("68AAAAAAAAAAAA681300DE16", "checksum"),
    ] {
        let found = explain(line);
        schema::validate(&found);
        assert_eq!((found["ok"].as_bool(), found["error"].as_str()), (Some(false), Some(kind)), "{line}");
        assert!(!found["detail"].as_str().unwrap().is_empty());
    }
    let long = explain(&"FE".repeat(10_000));
    assert_eq!(long["error"], "hex", "a line has a limit");
}

const TRIP: &str = "68611001301215681C10356A3935343333334D333333336345CC2C16";

#[test]
fn passwords_are_hidden_everywhere_where_they_must_not_be_shown() {
    let trip = "02 37 06 02".split(' ').map(|b| u8::from_str_radix(b, 16).unwrap().wrapping_add(0x33));
    let masked: String = trip.skip(1).map(|b| format!("{b:02X}")).collect();
    assert!(TRIP.contains(&masked), "the test knows where the password stands");
    let hidden = decode_line(TRIP, &Options::RECORD);
    let text = serde_json::to_string(&hidden).unwrap();
    for secret in [masked.as_str(), "020637", "370602"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("trip"));
    let bytes: Vec<u8> =
        (0..TRIP.len()).step_by(2).map(|at| u8::from_str_radix(&TRIP[at..at + 2], 16).unwrap()).collect();
    assert_eq!(redacted(&bytes, None), TRIP.replace(&masked, "******"));
    let shown = explain(TRIP);
    assert_eq!(shown["password"], "020637");
}

/// A frame with these data before the mask.
fn masked(control: u8, data: &[u8]) -> Vec<u8> {
    frame([1, 0, 0, 0, 0, 0], control, &data.iter().map(|byte| byte.wrapping_add(0x33)).collect::<Vec<_>>())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn passwords_in_frames_of_another_form_and_in_damaged_ones_are_hidden_too() {
    const PASSWORD: [u8; 3] = [0x56, 0x34, 0x12];
    let with = |before: &[u8], after: &[u8]| [before, &PASSWORD, after].concat();
    let relay_longer = masked(0x1C, &with(&[0x02], &[0; 24]));
    let mut damaged = masked(0x1C, &with(&[0x02], &[0; 12]));
    *damaged.last_mut().unwrap() = 0x17;
    let noise_before = [&[0x00, 0x16][..], &damaged].concat();
    let cut_short = masked(0x14, &with(&[0x01, 0x01, 0x00, 0x04, 0x02], &[0; 6]))[..20].to_vec();
    let frames = [
        relay_longer,
        damaged,
        noise_before,
        cut_short,
        masked(0x3C, &with(&[0x02], &[0; 12])),
        masked(0x14, &with(&[0x01, 0x01, 0x00, 0x04, 0x02], &[])),
        masked(0x14, &with(&[0x01, 0x0C, 0x00, 0x04, 0x02, 0, 0, 0, 1, 0, 0, 0, 0x02], &[])),
        masked(0x18, &with(&[0x01, 0x0C, 0x00, 0x04, 0x02], &[0; 9])),
        masked(0x19, &with(&[0x02], &[])),
        masked(0x98, &with(&[0x02, 0x02], &[])),
        masked(0x04, &with(&[0x10, 0xC0], &[])),
    ];
    let on_the_wire = hex(&PASSWORD.map(|byte| byte.wrapping_add(0x33)));
    for bytes in frames {
        let text = serde_json::to_string(&decode_line(&hex(&bytes), &Options::RECORD)).unwrap();
        for shown in [text, redacted(&bytes, None)] {
            for secret in [on_the_wire.as_str(), "563412", "123456"] {
                assert!(!shown.contains(secret), "{secret} of {} in {shown}", hex(&bytes));
            }
        }
    }
    let read = masked(0x11, &[0x00, 0x00, 0x01, 0x00]);
    assert_eq!(redacted(&read[..12], None), hex(&read[..12]), "what carries no password is shown as it came");
}

#[test]
fn without_fields_the_meaning_is_the_same() {
    for line in vectors() {
        let mut with = explain(line);
        let without = decode_line(line, &Options { fields: Fields::Without, ..Options::PERSON });
        if let Some(object) = with.as_object_mut() {
            object.remove("fields");
        }
        assert_eq!(with, serde_json::to_value(without).unwrap());
    }
}

/// A frame with a right check sum and any content.
fn frame(address: [u8; 6], control: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x68];
    bytes.extend(address);
    bytes.extend([0x68, control, u8::try_from(data.len()).unwrap()]);
    bytes.extend_from_slice(data);
    bytes.push(bytes.iter().fold(0, |sum: u8, b| sum.wrapping_add(*b)));
    bytes.push(0x16);
    bytes
}

/// A question for an item of 2007, explained.
fn asked(item: u32) -> Value {
    let data: Vec<u8> = item.to_le_bytes().into_iter().map(|byte| byte.wrapping_add(0x33)).collect();
    serde_json::to_value(decode(&frame([0x01, 0, 0, 0, 0, 0], 0x11, &data), &Options::PERSON)).unwrap()
}

#[test]
fn every_kind_of_item_is_called_by_its_name_in_both_languages() {
    for (item, en, zh) in [
        (0x0001_0000, "Forward active energy, total", "正向有功电能 总"),
        (0x0001_FF00, "Forward active energy (block)", "正向有功电能(数据块)"),
        (0x0201_FF00, "Voltage (block)", "电压(数据块)"),
        (0x0400_05FF, "Run-status words", "运行状态字"),
        (0x0506_0101, "Forward active energy", "正向有功电能"),
        (0x0506_FF01, "Freeze, all data", "冻结数据块"),
        (0x0301_0000, "Loss of voltage: times and minutes by phase", "失压总次数、总累计时间"),
        (0x0301_0101, "Loss of voltage, record", "失压记录"),
        (0x0FEE_1234, "Unknown item", "未知数据项"),
    ] {
        check(&format!("{item:08X}"), &json!({ "di_label": { "en": en, "zh": zh } }), &asked(item));
    }
}

#[test]
fn a_refusal_whose_reason_is_missing_or_too_long_is_one_all_the_same() {
    for data in [&[][..], &[0x35, 0x34]] {
        let found = serde_json::to_value(decode(&frame([0x01, 0, 0, 0, 0, 0], 0xD1, data), &Options::PERSON)).unwrap();
        check("D1", &json!({ "ok": true, "command": "read", "error": true, "err": null }), &found);
        schema::validate(&found);
    }
}

fn decoded(control: u8, data: &[u8]) -> Value {
    let found = explain(&hex(&masked(control, data)));
    schema::validate(&found);
    found
}

#[test]
fn what_stands_behind_the_item_of_a_request_does_not_hide_the_item() {
    let item = [0x00, 0x00, 0x01, 0x00];
    for (control, rest) in [(0x11, vec![1, 2, 3]), (0x12, vec![]), (0x12, vec![1, 2]), (0x14, vec![2, 0, 0, 0])] {
        let found = decoded(control, &[&item[..], &rest].concat());
        let value = if rest.is_empty() { Value::Null } else { hex(&rest).into() };
        check("", &json!({"di": "00010000", "di_label": {"zh": "正向有功电能 总"}, "value": value}), &found);
    }
    check("", &json!({"command": "read", "di": null, "value": null}), &decoded(0x11, &[1, 2, 3]));
}

#[test]
fn a_value_written_is_explained_where_its_item_is_known() {
    let write = |item: u32, level: u8, value: &[u8]| {
        decoded(0x14, &[&item.to_le_bytes()[..], &[level, 0, 0, 0, 1, 0, 0, 0], value].concat())
    };
    let time = write(0x0400_0102, 2, &[0x32, 0x53, 0x18]);
    check("", &json!({"value": "325318", "time": "18:53:32", "items": [{"name": "time", "value": "18:53:32"}]}), &time);
    let names = |found: &Value| {
        let fields = found["fields"].as_array().unwrap();
        fields.iter().map(|field| field["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(names(&time).contains(&"time".to_owned()), "{time}");
    let other_forms = [
        write(0x0400_0102, 2, &[0x32, 0x53]),
        // Enciphered, or with the authentication code of a security module: never a time, whatever the bytes.
        write(0x0400_0102, 0x98, &[0x32, 0x53, 0x18]),
        write(0x0400_0102, 0x99, &[0x32, 0x53, 0x18]),
        write(0x04CC_0001, 2, &[1]),
        write(0x0400_0C01, 2, &[1, 2, 3, 4]),
    ];
    for found in other_forms {
        assert!(found.get("items").is_none() && found.get("time").is_none(), "{found}");
        assert!(names(&found).contains(&"value".to_owned()), "{found}");
    }
}

#[test]
fn only_a_relay_command_of_level_98_and_28_bytes_is_taken_for_an_enciphered_one() {
    let relay = |level: u8, len: usize| {
        decoded(0x1C, &[&[level, 0, 0, 0, 0x78, 0x56, 0x34, 0x12][..], &vec![0xEB; len]].concat())
    };
    check("", &json!({"pa": "98", "operator": "12345678", "value": "EB".repeat(20), "action": null}), &relay(0x98, 20));
    for (level, len) in [(0x98, 19), (0x98, 21), (0x99, 20), (0x02, 20), (0x02, 12)] {
        let found = relay(level, len);
        check("", &json!({"command": "control", "pa": null, "value": null, "action": null}), &found);
        assert_eq!(found["link"]["len"], 8 + len);
    }
}

#[test]
fn a_demand_says_why_it_does_not_say_when_it_occurred() {
    let demand = |at: [u8; 5]| {
        let found = decoded(0x91, &[&[0, 0, 1, 1, 0x34, 0x12, 0][..], &at].concat());
        found["items"][0].clone()
    };
    check("", &json!({"occurred": "2024-03-02T18:30", "occurred_no_value": null}), &demand([0x30, 0x18, 2, 3, 0x24]));
    for (at, why) in [([0; 5], "no_such_time"), ([0xFF; 5], "absent"), ([0x3A, 0x18, 2, 3, 0x24], "not_bcd")] {
        check("", &json!({"value": "0.1234", "occurred": null, "occurred_no_value": why}), &demand(at));
    }
}

#[test]
fn a_sunday_counted_as_seven_costs_the_weekday_only() {
    let found = decoded(0x91, &[1, 1, 0, 4, 7, 0x10, 1, 0x16]);
    check("", &json!({"date": "2016-01-10", "weekday": null, "items": [{"value": "2016-01-10"}]}), &found);
    let whole = decoded(0x91, &[0x0C, 1, 0, 4, 0x32, 0x53, 0x18, 6, 0x29, 0x12, 0x18]);
    check("", &json!({"date": "2018-12-29", "weekday": 6, "time": "18:53:32"}), &whole);
}

#[test]
fn a_set_bit_without_a_name_is_shown_as_reserved() {
    let bits = |word: u8, low: u8, high: u8| {
        let found = decoded(0x91, &[word, 5, 0, 4, low, high]);
        let bits = found["items"][0]["bits"].as_array().unwrap().clone();
        let set = bits.into_iter().filter(|bit| bit["value"] != 0);
        set.map(|bit| format!("{} {}", bit["bit"], bit["name"].as_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(bits(1, 0x44, 0x80), ["2 clock_battery_low", "6 reserved", "15 clock_fault"]);
    assert_eq!(bits(7, 0x01, 0x03), ["0 voltage_sequence_reversed", "8 current_unbalance_severe", "9 reserved"]);
    assert!(bits(3, 0, 0).is_empty());
}

#[test]
fn what_is_no_address_is_not_shown_as_one() {
    check("", &json!({"address": "000000000001", "value": null}), &decoded(0x93, &[1, 0, 0, 0, 0, 0]));
    let found = decoded(0x93, &[0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF]);
    check("", &json!({"command": "read_address", "address": null, "value": "AABBCCDDEEFF"}), &found);
}

#[test]
fn an_answer_to_a_broadcast_is_no_answer_of_the_standard() {
    check("", &json!({"command": "unknown", "error": null}), &decoded(0x88, &[]));
    check("", &json!({"command": "unknown", "error": true, "err_bits": null}), &decoded(0xC8, &[1]));
}

#[test]
fn a_freeze_at_a_time_that_no_clock_shows_is_of_no_known_form() {
    check("", &json!({"command": "freeze", "freeze_at": "**-** **:00"}), &decoded(0x16, &[0, 0x99, 0x99, 0x99]));
    for at in [[0, 0x24, 1, 1], [0x60, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0x32, 1], [0, 0, 1, 0], [0, 0, 1, 0x13]] {
        check("", &json!({"command": "freeze", "freeze_at": null}), &decoded(0x16, &at));
    }
}

fn dialects() -> impl Strategy<Value = Option<Dialect>> {
    prop_oneof![Just(None), Just(Some(Dialect::V2007)), Just(Some(Dialect::V1997))]
}

/// Data that begins with an item the tables know, more often than chance would have it.
fn data() -> impl Strategy<Value = Vec<u8>> {
    let known = prop_oneof![
        Just(vec![0x00, 0xFF, 0x01, 0x00]),
        Just(vec![0x01, 0xFF, 0x06, 0x05]),
        Just(vec![0x01, 0x00, 0x00, 0x06]),
        Just(vec![0xFF, 0x05, 0x00, 0x04]),
        Just(vec![0x01, 0x00, 0x30, 0x03]),
        Just(vec![0x1F, 0x90]),
        Just(Vec::new()),
    ];
    let byte = prop_oneof![3 => any::<u8>(), 1 => Just(0xAA), 1 => Just(0x00)];
    (known, prop::collection::vec(byte, 0..200)).prop_map(|(mut item, rest)| {
        item.extend(rest);
        item.iter().map(|b| b.wrapping_add(0x33)).collect()
    })
}

proptest! {
    #[test]
    fn the_fields_of_any_frame_are_the_whole_of_it(
        wake_bytes in 0..8_usize,
        address: [u8; 6],
        control in prop_oneof![any::<u8>(), Just(0x91), Just(0x81), Just(0x1C), Just(0x14), Just(0xD1)],
        data in data(),
        dialect in dialects(),
    ) {
        let bytes = [vec![0xFE; wake_bytes], frame(address, control, &data)].concat();
        let options = Options { dialect, secrets: Secrets::Shown, fields: Fields::With };
        let found = serde_json::to_value(decode(&bytes, &options)).unwrap();
        schema::validate(&found);
        prop_assert_eq!(&found["ok"], true);
        let mut at = 0;
        for field in found["fields"].as_array().unwrap() {
            prop_assert_eq!(field["offset"].as_u64(), Some(at));
            let len = field["len"].as_u64().unwrap();
            prop_assert!(len > 0);
            let raw: String = bytes[usize::try_from(at).unwrap()..].iter().take(usize::try_from(len).unwrap()).map(|b| format!("{b:02X}")).collect();
            prop_assert_eq!(field["raw"].as_str(), Some(raw.as_str()));
            at += len;
        }
        prop_assert_eq!(at, u64::try_from(bytes.len()).unwrap());
    }

    #[test]
    fn any_bytes_and_any_text_are_explained_one_way_or_the_other(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        text in "\\PC*",
        dialect in dialects(),
    ) {
        let options = Options { dialect, ..Options::RECORD };
        schema::validate(&serde_json::to_value(decode(&bytes, &options)).unwrap());
        schema::validate(&serde_json::to_value(decode_line(&text, &options)).unwrap());
    }
}
