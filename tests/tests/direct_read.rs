//! `hes read --direct` and `hes raw`: no server, one line, real bytes on a pseudo-terminal and on a socket.
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failed test")]

use std::process::Command;

use hes_tests::binaries;
use hes_tests::fleet::Fleet;
use hes_tests::process::{Finished, finish};
use serde_json::{Value, json};

const FLEET: &str = r#"
seed = 7
[[area]]
code = "A01"
name = "Bench"
[[channel]]
name = "bench-serial"
area = "A01"
transport = { kind = "pty" }
line = { baud = 9600 }
meters = [{ count = 1, first_address = "000000010001" }]
[[channel]]
name = "bench-tcp"
area = "A01"
transport = { kind = "tcp" }
meters = [{ count = 1, first_address = "000000020001" }]
[[channel]]
name = "bench-1997"
area = "A01"
transport = { kind = "tcp" }
meters = [{ count = 1, first_address = "000000030001", protocol = "1997" }]
"#;

struct Bench(Fleet);

impl Bench {
    fn new() -> Self {
        Self(Fleet::start(FLEET, None))
    }
    fn channel(&self, name: &str) -> &Value {
        self.0.ready["channels"].as_array().unwrap().iter().find(|channel| channel["name"] == name).unwrap()
    }
    fn serial(&self) -> String {
        format!("serial:{}?baud=9600", self.channel("bench-serial")["path"].as_str().unwrap())
    }
    fn tcp(&self, name: &str) -> String {
        format!("tcp:{}", self.channel(name)["at"].as_str().unwrap())
    }
}

fn hes(arguments: &[&str]) -> Finished {
    finish(Command::new(binaries::hes()).args(["--lang", "en"]).args(arguments))
}

fn json_of(arguments: &[&str]) -> Value {
    let done = hes(&[arguments, &["--json"]].concat());
    assert_eq!(done.code, 0, "{arguments:?}: {}{}", done.output, done.errors);
    serde_json::from_str(&done.output).unwrap()
}

/// The value of a register in a read's answer.
fn value<'a>(answer: &'a Value, alias: &str) -> &'a Value {
    let values = answer["values"].as_array().unwrap();
    &values.iter().find(|value| value["alias"] == alias).unwrap_or_else(|| panic!("no {alias} in {answer}"))["quantity"]
}

#[test]
fn whoever_is_alone_on_a_serial_line_or_a_socket_is_found_and_read() {
    let bench = Bench::new();
    for (target, address) in [
        (bench.serial(), "000000010001"),
        (bench.tcp("bench-tcp"), "000000020001"),
        (bench.tcp("bench-1997"), "000000030001"),
    ] {
        let answer = json_of(&["read", "--direct", &target, "import_active_total"]);
        assert_eq!(answer["meter"]["address"], address);
        let energy = value(&answer, "import_active_total");
        assert_eq!(energy["unit"], "kWh", "{answer}");
        assert!(energy["value"].as_str().unwrap().contains('.'), "{answer}");
    }
}

#[test]
fn a_meter_is_read_by_address_register_code_and_data_item() {
    let bench = Bench::new();
    let target = bench.serial();
    let answer = json_of(&["read", "--direct", &target, "000000010001", "voltage_a", "1.0.1.8.0.255", "04000503"]);
    assert_eq!(value(&answer, "voltage_a")["unit"], "V");
    assert_eq!(value(&answer, "import_active_total")["unit"], "kWh");
    assert_eq!(answer["items"][0]["di"], "04000503");
    assert!(answer["items"][0]["items"][0]["bits"].is_array(), "{answer}");
    assert_eq!(answer["exchanges"].as_array().unwrap().len(), 3);
}

#[test]
fn a_data_item_that_takes_several_frames_is_shown_whole() {
    let bench = Bench::new();
    let registers: Vec<String> = (0..64).map(|tariff| format!("{tariff:02}000000")).collect();
    bench.0.control(&json!({
        "op": "set_item", "meter": "000000020001", "item": "0001FF00", "value": registers.concat(),
    }));
    let answer = json_of(&["read", "--direct", &bench.tcp("bench-tcp"), "0001FF00"]);
    let items = answer["items"][0]["items"].as_array().unwrap();
    let values: Vec<_> = items.iter().map(|item| item["value"].as_str().unwrap().to_owned()).collect();
    let true_values: Vec<_> = (0..64).map(|tariff| format!("0.{tariff:02}")).collect();
    assert_eq!(values, true_values, "{answer}");
}

#[test]
fn frozen_values_and_the_clock_are_read_without_a_server() {
    let bench = Bench::new();
    let target = bench.tcp("bench-tcp");
    let answer = json_of(&["read", "--direct", &target, "--daily", "today,yesterday", "import_active_total"]);
    assert_eq!(answer["values"].as_array().unwrap().len(), 2);
    let answer = json_of(&["read", "--direct", &target, "--clock"]);
    let offset = answer["clock"]["offset_ms"].as_i64().unwrap();
    assert!(offset.abs() < 5_000, "{answer}");
}

#[test]
fn the_exchange_is_shown_byte_by_byte_when_asked() {
    let bench = Bench::new();
    let done = hes(&["read", "--direct", &bench.tcp("bench-tcp"), "voltage_a", "-v"]);
    assert_eq!(done.code, 0, "{}", done.errors);
    for part in ["voltage_a", "asked", "answered", "Control code", "Check sum"] {
        assert!(done.output.contains(part), "{part} is not in {}", done.output);
    }
}

#[test]
fn nobody_there_ends_with_one_and_says_what_to_check() {
    let bench = Bench::new();
    let wrong_speed = bench.serial().replace("9600", "1200");
    let done = hes(&["read", "--direct", &wrong_speed, "--address", "10001", "voltage_a"]);
    assert_eq!(done.code, 1, "{}", done.output);
    let no_port = hes(&["read", "--direct", "serial:/no/such/port"]);
    assert_eq!(no_port.code, 1);
    assert!(no_port.errors.contains("/no/such/port"), "{}", no_port.errors);
}

#[test]
fn a_value_the_meter_does_not_have_is_named_and_costs_only_itself() {
    let bench = Bench::new();
    let done = hes(&["read", "--direct", &bench.tcp("bench-1997"), "import_active_total", "temperature", "--json"]);
    assert_eq!(done.code, 4, "{}{}", done.output, done.errors);
    let answer: Value = serde_json::from_str(&done.output).unwrap();
    assert_eq!(answer["failures"].as_array().unwrap().len(), 1, "{answer}");
}

#[test]
fn a_raw_read_frame_is_sent_as_it_is_and_its_answer_shown() {
    let bench = Bench::new();
    let target = bench.tcp("bench-tcp");
    let answer = json_of(&["raw", "--direct", &target, "68AAAAAAAAAAAA681300DF16"]);
    assert_eq!(answer["request"], "68AAAAAAAAAAAA681300DF16");
    assert!(answer["answer"].as_str().unwrap().contains("9306343335333333"), "{answer}");
}

#[test]
fn a_frame_that_would_move_the_relay_never_reaches_the_meter() {
    let bench = Bench::new();
    let target = bench.tcp("bench-tcp");
    let trip = "68010002000000681C10356A3935343333334D333333336345CCF816";
    let asked = || bench.0.control(&json!({ "op": "asked", "meter": "000000020001" }));
    let before = asked();
    let done = hes(&["raw", "--direct", &target, trip]);
    assert_eq!(done.code, 1);
    assert!(done.errors.contains("not sent"), "{}", done.errors);
    assert_eq!(asked(), before);
    json_of(&["raw", "--direct", &target, "68AAAAAAAAAAAA681300DF16"]);
    assert_ne!(asked(), before, "what is sent is counted");
}
