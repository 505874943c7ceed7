//! One plan on every kind of transport: a serial bus, a serial server, modules that dial in.
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failed test")]

use std::io::{Read, Write};
use std::net::TcpStream;

use hes_tests::collected::{open_slots, readings};
use hes_tests::fleet::Fleet;
use hes_tests::head_end::{Server, Site};
use hes_tests::process::wait_for;
use serde_json::json;

const FLEET: &str = r#"
seed = 11
[[channel]]
name = "bus"
area = "A1"
transport = { kind = "pty" }
meters = [{ count = 3, first_address = "000000000001" }]
[[channel]]
name = "server"
area = "A1"
transport = { kind = "tcp" }
meters = [{ count = 3, first_address = "000000000011" }]
[[channel]]
name = "modem-packet"
area = "A2"
transport = { kind = "dial_in", target = "127.0.0.1:1", registration = { packet = "MODEM-77" }, redial_max_s = 1 }
meters = [{ count = 3, first_address = "000000000021" }]
[[channel]]
name = "modem-frame"
area = "A2"
transport = { kind = "dial_in", target = "127.0.0.1:1", registration = "first_frame", redial_max_s = 1 }
meters = [{ count = 1, first_address = "000000000031" }]
[[channel]]
name = "modem-silent"
area = "A2"
transport = { kind = "dial_in", target = "127.0.0.1:1", registration = "silent", redial_max_s = 1 }
meters = [{ count = 1, first_address = "000000000041" }]
"#;

const METERS: [u64; 11] = [1, 2, 3, 11, 12, 13, 21, 22, 23, 31, 41];

fn number(meter: u64) -> String {
    format!("{meter:012}")
}

#[test]
fn a_daily_plan_brings_the_truth_from_every_kind_of_transport() {
    let site = Site::new("");
    let server = site.serve();
    let fleet = Fleet::start(FLEET, Some(server.dial_in()));
    site.import(&fleet);
    site.json(&["plan", "add", "daily", "--all", "--from", "today-2"]);
    for day in ["today", "yesterday", "today-2"] {
        wait_for("every slot of the day to be filled", || {
            (open_slots(&site.json(&["report", "success", "--day", day])) == (55, 0)).then_some(())
        });
    }
    for meter in METERS {
        let stored = readings(&server, &[number(meter)], &["daily"]);
        let totals: Vec<&str> = stored
            .iter()
            .filter(|((_, _, register, _), _)| register == "1.0.1.8.0.255")
            .map(|(_, versions)| {
                assert_eq!(versions.len(), 1, "meter {meter}: {versions:?}");
                assert_eq!(versions[0].1, "good", "meter {meter}");
                versions[0].0.as_str()
            })
            .collect();
        // The newest freeze is number one.
        let truth: Vec<String> = [3, 2, 1].map(|index| frozen_total(&fleet, meter, index)).to_vec();
        assert_eq!(totals, truth, "meter {meter}");
    }

    // A module that hangs up is served again when it has called again.
    fleet.control(&json!({ "op": "hang_up", "channel": "modem-packet" }));
    wait_for("the module to be served again", || {
        (site.run(&["read", &number(21), "voltage_a", "--wait", "5"]).code == 0).then_some(())
    });
    assert!(server.get_text("/metrics").contains("hes_collector_"), "the collector is measured");
}

/// The total of a freeze as the meter holds it, in kWh with two decimals.
fn frozen_total(fleet: &Fleet, meter: u64, index: u8) -> String {
    let truth = fleet.control(&json!({ "op": "item", "meter": number(meter), "item": format!("050601{index:02X}") }));
    let bytes = truth["value"].as_str().unwrap();
    let digits: String = (0..4).rev().map(|at| &bytes[2 * at..2 * at + 2]).collect();
    let hundredths: u64 = digits.parse().unwrap();
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[test]
fn an_unknown_module_is_refused_counted_and_listed_and_a_twin_is_kept_apart_with_an_alarm() {
    let site = Site::new("");
    let server = site.serve();
    let fleet = Fleet::start(FLEET, Some(server.dial_in()));
    site.import(&fleet);
    wait_for("the true module to be there", || {
        (site.run(&["read", &number(21), "voltage_a", "--wait", "5"]).code == 0).then_some(())
    });

    call(&server, b"NOBODY-KNOWS-ME\r\n");
    wait_for("the stranger to be listed", || {
        server.get_text("/api/v1/unknown-devices").contains("NOBODY-KNOWS-ME").then_some(())
    });

    // The true module still answers on its link, so the newcomer with its name is the one that is turned away.
    call(&server, b"MODEM-77\r\n");
    wait_for("the alarm", || server.get_text("/api/v1/events?limit=1000").contains("duplicate").then_some(()));
    assert_eq!(site.run(&["read", &number(21), "voltage_a"]).code, 0, "the true module is served on");
}

/// Dials in, says `greeting`, and waits until it is hung up on.
fn call(server: &Server<'_>, greeting: &[u8]) {
    let mut line = TcpStream::connect(server.dial_in()).unwrap();
    line.write_all(greeting).unwrap();
    let mut heard = Vec::new();
    // A reset is a hang-up too.
    drop(line.read_to_end(&mut heard));
}
