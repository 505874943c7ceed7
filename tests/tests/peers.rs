//! Implementations of DL/T 645 that are not ours: theirs is the meter and ours the head-end, and the other way round.
//!
//! Where they differ from the standard stands in `tests/peers/README.md`; what can be asked over a socket is asked here.
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failed test")]

use std::net::TcpStream;
use std::process::Command;

use hes_tests::binaries;
use hes_tests::clock::ShiftedClock;
use hes_tests::fleet::Fleet;
use hes_tests::frame::{Frame, hex};
use hes_tests::head_end::{Server, Site};
use hes_tests::process::{Running, finish, wait_for};
use serde_json::{Value, json};

/// What the independent meter holds: data items and what they mean.
const HELD: [(&str, &str, &str); 6] = [
    ("00010000", "import_active_total", "1234.56"),
    ("00010100", "import_active_t1", "1000.01"),
    ("00010200", "import_active_t2", "234.55"),
    ("02010100", "voltage_a", "231.4"),
    ("02020100", "current_a", "5.123"),
    ("02030000", "active_power_total", "1.1855"),
];

/// A meter made of the package `dlt645`, on `tcp` or on a `serial` port; it ends with the value.
struct PeerMeter {
    _running: Running,
    ready: Value,
}

impl PeerMeter {
    fn start(medium: &str, address: &str) -> Self {
        let of_class = |class: &str| -> Value {
            let held = HELD.iter().filter(|(item, ..)| item.starts_with(class));
            held.map(|(item, _, value)| ((*item).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>().into()
        };
        let given = json!({ "address": address, "energy": of_class("00"), "variable": of_class("02") });
        let mut command = Command::new(binaries::python());
        command.arg(binaries::root().join("tests/peers/meter.py")).args([medium, &given.to_string()]);
        let running = Running::start("peer meter", command.env("PYTHONPATH", binaries::peer("meter")));
        let ready: Value = serde_json::from_str(&running.line()).unwrap();
        Self { _running: running, ready: ready["ready"].clone() }
    }
    fn port(&self) -> u64 {
        self.ready["port"].as_u64().unwrap()
    }
    fn path(&self) -> &str {
        self.ready["path"].as_str().unwrap()
    }
}

#[test]
fn an_independent_meter_on_tcp_and_on_a_serial_port_is_found_and_read_directly() {
    let (tcp, serial) = (PeerMeter::start("tcp", "123456789012"), PeerMeter::start("serial", "000000000161"));
    let targets = [
        (format!("tcp:127.0.0.1:{}", tcp.port()), "123456789012"),
        (format!("serial:{}", serial.path()), "000000000161"),
    ];
    for (target, address) in targets {
        let aliases = HELD.map(|(_, alias, _)| alias);
        let mut command = Command::new(binaries::hes());
        let done = finish(command.args(["read", "--json", "--direct", &target]).args(aliases));
        assert_eq!(done.code, 0, "{target}: {}{}", done.output, done.errors);
        let answer: Value = serde_json::from_str(&done.output).unwrap();
        assert_eq!(answer["meter"]["address"], address);
        for (_, alias, value) in HELD {
            assert_eq!(value_of(&answer["values"], alias), Some(value), "{target} {alias}: {answer}");
        }
    }
}

#[test]
fn independent_meters_on_tcp_and_on_a_serial_port_are_read_by_plan_with_evidence() {
    let (tcp, serial) = (PeerMeter::start("tcp", "123456789012"), PeerMeter::start("serial", "000000000161"));
    let site = Site::new("[collector]\nlook_again_seconds = 1\nafter_latch_seconds = 0\n");
    let clock = ShiftedClock::new(site.folder());
    let server = site.serve_with(|command| clock.govern(command));
    let file = |name: &str, text: String| {
        let path = site.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let channels =
        format!("name,kind,host,port,path\nnet,dial,127.0.0.1,{},\nbus,serial,,,{}\n", tcp.port(), serial.path());
    let meters = "meter_no,protocol,address,channel,area,service_point\n\
                  M1,dlt645-2007,123456789012,net,A1,S1\nM2,dlt645-2007,000000000161,bus,A1,S2\n";
    site.json(&["area", "import", &file("areas.csv", "code,name\nA1,One\n".to_owned())]);
    site.json(&["channel", "import", &file("channels.csv", channels)]);
    site.json(&["meter", "import", &file("meters.csv", meters.to_owned())]);
    let registers = HELD.map(|(_, alias, _)| alias).join(",");
    site.json(&["plan", "add", "instant", "--all", "--minutes", "1", "--register", &registers]);
    // The next whole minute, for which values of now are asked, comes at once.
    clock.set(60);
    for meter in ["M1", "M2"] {
        let all = wait_for("the plan to fill a slot of every register", || whole_slot(&server, meter));
        for (_, alias, value) in HELD {
            assert_eq!(value_of(&all, alias), Some(value), "{meter} {alias}");
        }
        let address = if meter == "M1" { "123456789012" } else { "000000000161" };
        for reading in all.as_array().unwrap() {
            let proof = site.json(&["evidence", "--seq", &reading["seq"].to_string()]);
            let frame = |side: &str| Frame::of(&hex(proof["exchange"][side]["hex"].as_str().unwrap()));
            let (item, _, value) = HELD.iter().find(|(_, alias, _)| reading["alias"] == *alias).unwrap();
            assert_eq!(frame("request"), Frame::read(address, item), "{proof}");
            let answer = frame("answer");
            assert_eq!((answer.address.as_str(), answer.control), (address, 0x91), "{proof}");
            let (asked, said) = answer.data.split_at(4);
            assert_eq!(asked, Frame::read(address, item).data, "{proof}");
            assert_eq!(decimal(said, item), *value, "{proof}");
            assert_eq!(reading["quantity"]["value"], *value, "{proof}");
        }
    }
}

/// What packed digits, low byte first, mean for a data item of the tests.
fn decimal(said: &[u8], item: &str) -> String {
    let places = [("00", 2), ("0201", 1), ("0202", 3), ("0203", 4)];
    let (_, places) = places.into_iter().find(|(class, _)| item.starts_with(class)).unwrap();
    let digits: String = said.iter().rev().map(|byte| format!("{byte:02X}")).collect();
    let (whole, rest) = digits.split_at(digits.len() - places);
    format!("{}.{rest}", whole.parse::<u32>().unwrap())
}

#[test]
fn the_independent_meter_departs_from_the_standard_as_its_notes_say() {
    let (meter, own) = (PeerMeter::start("tcp", "123456789012"), "123456789012");
    let mut line = TcpStream::connect(("127.0.0.1", u16::try_from(meter.port()).unwrap())).unwrap();
    let mut ask = |question: Frame| {
        let answer = question.ask(&mut line);
        (answer.address, answer.control, answer.data)
    };
    let refusal = |address: &str, control: u8, error: u8| (address.to_owned(), control, vec![error]);
    // Another meter's address: a real meter says nothing. Its own in the wrong order is one too.
    for foreign in ["000000000777", "129078563412"] {
        assert_eq!(ask(Frame::read(foreign, "00010000")), refusal(foreign, 0xD1, 0x01));
    }
    for (question, control, error) in [
        (Frame::read(own, "0001FF00"), 0xD1, 0x02),
        (Frame::read(own, "0201FF00"), 0xD1, 0x02),
        (Frame::read(own, "05060101"), 0xD1, 0x01),
        (Frame::new(own, 0x12, &hex("00 00 01 00 01")), 0xD2, 0x01),
        // Without power over anything: the meter is a program of this test.
        (Frame::new(own, 0x1C, &hex("02 00 00 00 00 00 00 00 1A 00 00 00 12 24 11 26")), 0xDC, 0x01),
    ] {
        assert_eq!(ask(question.clone()), refusal(own, control, error), "{question:02X?}");
    }
    assert_eq!(ask(Frame::new(own, 0x16, &hex("99 99 99 99"))), (own.to_owned(), 0x96, Vec::new()));
    // An address for everybody is answered with data, but under that address: it tells nothing of who answers.
    let value = [Frame::read(own, "00010000").data, hex("56 34 12 00")].concat();
    for everybody in ["999999999999", "AAAAAAAAAAAA"] {
        assert_eq!(ask(Frame::read(everybody, "00010000")), (everybody.to_owned(), 0x91, value.clone()));
    }
    // It takes its address as it stands on the wire.
    assert_eq!(ask(Frame::new("AAAAAAAAAAAA", 0x13, &[])), (own.to_owned(), 0x93, hex("12 90 78 56 34 12")));
}

/// The readings of a meter once every register of the plan has a good one.
fn whole_slot(server: &Server<'_>, meter: &str) -> Option<Value> {
    let readings = server.get(&format!("/api/v1/readings?meter={meter}&series=instant"));
    let has = |alias: &str| {
        readings.as_array().unwrap().iter().any(|reading| reading["alias"] == alias && reading["quality"] == "good")
    };
    HELD.iter().all(|(_, alias, _)| has(alias)).then_some(readings)
}

#[test]
fn an_independent_client_reads_our_simulated_meter() {
    let fleet = Fleet::start(
        r#"
        seed = 7
        [clock]
        start = "2026-11-24T10:00:00"
        rate = 0.0
        [[area]]
        code = "A1"
        name = "One"
        [[channel]]
        name = "c1"
        area = "A1"
        transport = { kind = "tcp" }
        meters = [{ count = 1, first_address = "000000000161" }]
        "#,
        None,
    );
    let at = fleet.ready["channels"][0]["at"].as_str().unwrap().to_owned();
    let (host, port) = at.rsplit_once(':').unwrap();
    let items = ["00010000", "00000000", "02010100"];
    // E3H is sent as 16H, which ends every frame.
    let whole = Frame::new("000000000161", 0x91, &hex("00 00 01 00 E3 00 00 00")).bytes();
    let holding_16h: String = whole.iter().map(|byte| format!("{byte:02X}")).collect();
    let mut client = Command::new(binaries::python());
    client.arg(binaries::root().join("tests/peers/client.py")).args([host, port, "000000000161"]);
    client.arg(holding_16h).args(items);
    let done = finish(client.env("PYTHONPATH", binaries::peer("client")));
    assert_eq!(done.code, 0, "{}", done.errors);
    let understood: Value = serde_json::from_str(&done.output).unwrap();
    assert_eq!(understood["address"], "000000000161");
    assert_eq!(understood["departs"], json!({ "frame": "FrameChecksumError", "block": "ValueError" }));
    for item in items {
        let truth = fleet.control(&json!({ "op": "item", "meter": "000000000161", "item": item }));
        // The package hands data out highest byte first, the data item at its end.
        let told = understood["items"][item]["data"].as_str().unwrap();
        let (value, told_item) = told.split_at(told.len() - 8);
        assert_eq!(told_item, item);
        let truth = truth["value"].as_str().unwrap_or_else(|| panic!("{truth}")).to_ascii_lowercase();
        assert_eq!(reversed(value), truth, "{item}");
    }
    let energy = understood["items"]["00000000"]["data"].as_str().unwrap()[..8].parse::<f64>().unwrap() / 100.0;
    assert_eq!(understood["active_energy"].as_f64().unwrap(), energy);
}

/// Bytes in hexadecimal digits, last one first.
fn reversed(hex: &str) -> String {
    hex.as_bytes().chunks(2).rev().map(|byte| std::str::from_utf8(byte).unwrap()).collect()
}

fn value_of<'a>(values: &'a Value, alias: &str) -> Option<&'a str> {
    let found = values.as_array()?.iter().find(|value| value["alias"] == alias)?;
    found["quantity"]["value"].as_str()
}
