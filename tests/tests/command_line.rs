//! The commands that need a server, against a real one with a real fleet behind it.

use std::time::Instant;

use hes_tests::fleet::Fleet;
use hes_tests::head_end::Site;
use hes_tests::process::{PATIENCE, pause};
use nix::sys::signal::Signal;
use serde_json::Value;

const FLEET: &str = r#"
seed = 5
[[area]]
code = "A01"
name = "Lihua Street"
reader = "R1"
reader_name = "Chen Wei"
[[channel]]
name = "bus"
area = "A01"
transport = { kind = "tcp" }
meters = [{ count = 4, first_address = "000000010001" }]
[[meter]]
address = "000000010004"
dead = true
"#;

/// Asks again until `done` likes the answer.
fn until(site: &Site, arguments: &[&str], done: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let answer = site.json(arguments);
        if done(&answer) {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "hes {arguments:?} still says {answer}");
        pause();
    }
}

#[test]
fn a_day_in_the_life_of_an_operator() {
    let fleet = Fleet::start(FLEET, None);
    let site = Site::new("");
    let server = site.serve();
    site.import(&fleet);

    // Bad rows are named with line and reason, good rows are not lost, and importing again changes nothing.
    let bad = site.folder().join("bad.csv");
    let header = "meter_no,protocol,address,channel,area,service_point\n";
    std::fs::write(&bad, format!("{header}M-9,dlt645-2007,9,bus,A01,SP-9\nM-8,modbus,8,bus,A01,SP-8\n")).unwrap();
    let imported = site.run(&["meter", "import", bad.to_str().unwrap()]);
    assert_eq!(imported.code, 4, "{}{}", imported.output, imported.errors);
    assert!(imported.output.contains("modbus") && imported.output.contains("1 refused"), "{}", imported.output);
    let meters = site.json(&["meter", "list"]);
    assert_eq!(meters.as_array().unwrap().len(), 5);
    let meter = meters[0]["meter_no"].as_str().unwrap();
    let dead = meters[3]["meter_no"].as_str().unwrap();

    for noun in ["channel", "area"] {
        assert_eq!(site.json(&[noun, "list"]).as_array().unwrap().len(), 1, "{noun}");
        assert!(site.run(&[noun, "list"]).output.contains(if noun == "channel" { "bus" } else { "Chen Wei" }));
    }
    assert_eq!(site.json(&["channel", "unknown"]).as_array().unwrap().len(), 0);

    // On demand: values with their quality; a meter that says nothing ends with one.
    let read = site.json(&["read", meter, "import_active_total", "voltage_a"]);
    assert_eq!(read["state"], "done", "{read}");
    assert_eq!(read["values"].as_array().unwrap().len(), 2);
    assert_eq!(site.run(&["read", dead, "voltage_a", "--wait", "60"]).code, 1);
    assert_eq!(site.run(&["read", "no-such-meter"]).code, 1);

    // By plan; the same plan twice is refused.
    site.json(&["plan", "add", "daily", "--all", "--from", "today-2"]);
    assert_eq!(site.run(&["plan", "add", "daily", "--all"]).code, 1);
    site.json(&["plan", "set", "daily", "--priority", "0"]);
    assert_eq!(site.json(&["plan", "list"])[0]["schedule"]["priority"], 0);
    let success = until(&site, &["report", "success", "--day", "today", "--by", "reader"], |report| {
        let total = &report["total"];
        total["on_time"].as_u64().unwrap() + total["late"].as_u64().unwrap() >= 3 * 5
    });
    assert_eq!(success["groups"][0]["key"], "R1", "{success}");
    let gaps = site.json(&["report", "gaps", "--day", "today", "--by", "cause"]);
    assert!(gaps["total"]["slots"].as_u64().unwrap() > 0, "{gaps}");
    for report in ["failures", "clock"] {
        site.json(&["report", report, "--day", "today"]);
        assert_eq!(site.run(&["report", report, "--day", "today", "--lang", "zh"]).code, 0);
    }

    // What proves one of them.
    let evidence = site.json(&["evidence", meter, "import_active_total", "--day", "today"]);
    assert_eq!(evidence["reading"]["quality"], "good", "{evidence}");
    assert!(site.run(&["evidence", meter, "import_active_total", "--day", "today"]).output.contains("Check sum"));
    assert!(evidence["exchange"]["answer"]["fields"].as_array().unwrap().len() > 5, "{evidence}");

    // For billing: whole or not at all.
    let file = site.folder().join("daily.csv");
    let exported = site.json(&["export", "daily", "--day", "today", "-o", file.to_str().unwrap()]);
    let csv = std::fs::read_to_string(&file).unwrap();
    assert_eq!(exported["bytes"].as_u64().unwrap(), csv.len() as u64);
    assert!(csv.lines().count() > 3 * 5, "{csv}");
    let nowhere = site.folder().join("no/such/folder/daily.csv");
    assert_eq!(site.run(&["export", "daily", "--day", "today", "-o", nowhere.to_str().unwrap()]).code, 1);

    // Levels switch while running; frames show in the log with what they say, passwords do not.
    assert_eq!(site.json(&["log", "level", "objects", "--channel", "bus"])["channels"]["bus"], "objects");
    site.json(&["read", meter, "voltage_a"]);
    assert!(server.running.errors().contains("voltage"), "{}", server.running.errors());

    // One server a database, and a backup under way.
    let second = site.run(&["serve"]);
    assert_eq!(second.code, 1);
    assert!(second.errors.contains("hes.lock") && second.errors.contains("data_dir"), "{}", second.errors);
    let backup = site.folder().join("backup.db");
    site.json(&["db", "backup", backup.to_str().unwrap()]);
    assert_eq!(site.run(&["db", "check"]).code, 1, "the server has the database");
    site.json(&["status"]);
    assert!(site.run(&["status", "--channels"]).output.contains("bus"));
    assert_eq!(site.run(&["event", "list"]).code, 0);

    let mut server = server;
    server.running.signal(Signal::SIGTERM);
    assert!(server.running.wait().success());
    assert_eq!(site.run(&["status"]).code, 3);
    let check = site.json(&["db", "check"]);
    site.json(&["db", "restore", backup.to_str().unwrap()]);
    let restored = site.json(&["db", "check"]);
    assert!(restored["readings"].as_u64().unwrap() <= check["readings"].as_u64().unwrap());
    assert!(restored["readings"].as_u64().unwrap() >= 3 * 5);
}

#[test]
fn a_meter_that_takes_another_ones_place_is_read_there() {
    let fleet = Fleet::start(FLEET, None);
    let site = Site::new("");
    let _server = site.serve();
    site.import(&fleet);
    let meters = site.json(&["meter", "list"]);
    let old = meters[1]["meter_no"].as_str().unwrap();
    fleet.control(&serde_json::json!({ "op": "replace", "meter": "000000010002", "address": "000000099002" }));
    let detail = site.json(&["meter", "replace", old, "M-NEW", "--address", "99002"]);
    assert_eq!(detail["meter"]["service_point"], meters[1]["service_point"], "{detail}");
    let read = site.json(&["read", "M-NEW", "import_active_total"]);
    assert_eq!(read["state"], "done", "{read}");
    assert_eq!(site.json(&["meter", "show", old])["meter"]["state"], "retired");
}
