//! Plans of every kind on every kind of transport: a serial bus, a serial server, modules that dial in.
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failed test")]

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use hes_tests::clock::ShiftedClock;
use hes_tests::collected::{open_slots, readings};
use hes_tests::fleet::{Fleet, packed};
use hes_tests::head_end::{Server, Site};
use hes_tests::process::{PATIENCE, wait_for};
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

/// What waits for minutes in the field is looked for each second.
const QUICK: &str = "[collector]\nlook_again_seconds = 1\nafter_latch_seconds = 0\n";

#[test]
fn plans_of_every_kind_bring_the_truth_from_every_kind_of_transport() {
    let site = Site::new(QUICK);
    let clock = ShiftedClock::new(site.folder());
    let server = site.serve_with(|command| clock.govern(command));
    let fleet = Fleet::start(FLEET, Some(server.dial_in()));
    site.import(&fleet);
    // Values of now move on; these stand still, each meter's own.
    for meter in METERS {
        let low_first = format!("{:02}22", meter);
        for (item, value) in [("02010100", low_first.clone()), ("02020100", format!("{low_first}00"))] {
            fleet.control(&json!({ "op": "set_item", "meter": number(meter), "item": item, "value": value }));
        }
    }
    site.json(&["plan", "add", "daily", "--all", "--from", "today-2"]);
    site.json(&["plan", "add", "interval", "--all", "--from", "yesterday", "--until", "today"]);
    site.json(&["plan", "add", "clock", "--all"]);
    site.json(&["plan", "add", "instant", "--all", "--minutes", "1", "--register", "voltage_a,current_a"]);
    let total = |plan: &str, day: &str| site.json(&["report", "success", "--plan", plan, "--day", day]);
    for day in ["today", "yesterday", "today-2"] {
        wait_for("every freeze of the day", || (open_slots(&total("daily", day)) == (55, 0)).then_some(()));
    }
    wait_for("every point of the profile", || {
        (open_slots(&total("interval-15", "yesterday")) == (11 * 96, 0)).then_some(())
    });
    let clocks = wait_for("every clock to be checked", || {
        let report = site.json(&["report", "clock", "--day", "today", "--tolerance", "10"]);
        (report["total"]["meters"] == 11).then_some(report)
    });
    assert_eq!(clocks["total"]["within"], 11, "the meters' clocks are right: {clocks}");
    // The next whole minute, for which values of now are asked, comes at once.
    clock.set(60);
    for meter in METERS {
        let stored = |series: &str| readings(&server, &[number(meter)], &[series]);
        let of_now = wait_for("the values of now", || Some(stored("instant")).filter(|found| found.len() >= 2));
        for ((_, _, register, _), versions) in of_now {
            let expected = match register.as_str() {
                "1.0.32.7.0.255" => format!("22{}.{}", meter / 10, meter % 10),
                _ => format!("2.2{meter:02}"),
            };
            assert_eq!(versions[0].0, expected, "meter {meter} {register}: {versions:?}");
        }
        let truth: Vec<i64> = (0..3).rev().flat_map(|back| fleet.latched(&number(meter), back)).collect();
        let daily = stored("daily");
        let by_slot: BTreeMap<_, _> =
            daily.iter().map(|((_, _, register, slot), versions)| ((slot, register), only(versions))).collect();
        assert_eq!(by_slot.into_values().collect::<Vec<_>>(), truth, "meter {meter}");
        for ((_, _, _, slot), versions) in stored("interval_15") {
            let at = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap().to_datetime(slot.parse().unwrap());
            let question = json!({ "op": "item", "meter": number(meter), "item": "00010000", "at": at.to_string() });
            let truth = packed(fleet.control(&question)["value"].as_str().unwrap());
            // It was recorded by the meter's own clock, which is a second off: that may be the last digit.
            assert!((only(&versions) - truth).abs() <= 1, "meter {meter} at {at}: {versions:?}, in truth {truth}");
        }
    }
}

/// The only version of a value, which must be good, in hundredths.
fn only(versions: &[(String, String)]) -> i64 {
    let [(value, quality)] = versions else { panic!("{versions:?}") };
    assert_eq!(quality, "good");
    value.replace('.', "").parse().unwrap()
}

#[test]
fn a_module_that_hangs_up_is_served_again_when_it_has_called_again() {
    let site = Site::new("");
    let server = site.serve();
    let fleet = Fleet::start(FLEET, Some(server.dial_in()));
    site.import(&fleet);
    let read = || (site.run(&["read", &number(21), "voltage_a", "--wait", "5"]).code == 0).then_some(());
    wait_for("the module to be served", read);
    let calls = || metric(&server, "hes_transport_opens_total{medium=\"dial_in\"}");
    wait_for("every module to have called", || (calls() == 3).then_some(()));
    fleet.control(&json!({ "op": "hang_up", "channel": "modem-packet" }));
    wait_for("the module to call again", || (calls() == 4).then_some(()));
    wait_for("the module to be served again", read);
}

/// The value of a counter or gauge; 0 where there is none yet.
fn metric(server: &Server<'_>, name: &str) -> u64 {
    let text = server.get_text("/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
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

    let refused =
        |reason: &str| metric(&server, &format!("hes_transport_refused_modules_total{{reason=\"{reason}\"}}"));
    // Before the archive was there, the fleet's own modules were unknown too.
    let before = refused("unknown");
    assert_eq!(refused("duplicate"), 0);
    call(&server, b"NOBODY-KNOWS-ME\r\n");
    wait_for("the stranger to be listed", || {
        server.get_text("/api/v1/unknown-devices").contains("NOBODY-KNOWS-ME").then_some(())
    });
    assert_eq!((refused("unknown"), refused("duplicate")), (before + 1, 0));

    // The true module still answers on its link, so the newcomer with its name is the one that is turned away.
    call(&server, b"MODEM-77\r\n");
    let alarm = wait_for("the alarm", || server.events("duplicate_identity").pop());
    assert_eq!((&alarm["severity"], &alarm["channel"]), (&json!("alarm"), &json!("modem-packet")), "{alarm}");
    let said = alarm["detail"]["message"].as_str().unwrap();
    assert!(said.contains("packet:MODEM-77") && said.contains("both answer"), "{alarm}");
    assert_eq!((refused("unknown"), refused("duplicate")), (before + 1, 1));
    assert_eq!(site.run(&["read", &number(21), "voltage_a"]).code, 0, "the true module is served on");
}

/// Dials in, says `greeting`, and waits until it is hung up on.
fn call(server: &Server<'_>, greeting: &[u8]) {
    let mut line = TcpStream::connect(server.dial_in()).unwrap();
    line.write_all(greeting).unwrap();
    line.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut heard = Vec::new();
    // A reset is a hang-up too.
    let end = line.read_to_end(&mut heard).map_or_else(|error| error.kind(), |_| ErrorKind::ConnectionReset);
    assert_eq!(end, ErrorKind::ConnectionReset, "nobody hung up");
}
