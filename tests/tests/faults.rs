//! Every fault of a line or a meter, once each with the real programs: what a fault costs, what the head-end says about
//! it, and that nothing is missing or wrong when it is over.
//!
//! One fleet and one server serve all: a channel a fault, so that no fault can hide behind another.
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failed test")]

use std::fmt::Write;

use hes_tests::fleet::Fleet;
use hes_tests::head_end::{Server, Site};
use hes_tests::process::wait_for;
use serde_json::{Value, json};

/// What strikes the first answers of the only meter of a channel, and the failure it must be known by; `None` where it
/// must cost nothing.
const FAULTS: [(&str, Option<&str>); 14] = [
    ("silent", Some("no_reply")),
    ("late", None),
    ("damaged_byte", Some("checksum incomplete")),
    ("damaged_sum", Some("checksum")),
    ("compensated", None),
    ("wrong_address", Some("wrong_address")),
    ("wrong_item", Some("wrong_item")),
    ("other_meter", Some("wrong_address")),
    ("to_next_question", Some("no_reply")),
    ("echo", None),
    ("doubled_68", None),
    ("split", None),
    ("merged", None),
    ("noise", None),
];

/// What waits for minutes in the field waits for a second.
const QUICK: &str = r#"
[collector]
look_again_seconds = 1
after_latch_seconds = 0
[collector.retry]
slot_seconds = [1]
second_chance_seconds = 1
jitter_percent = 0
[collector.clock]
host_proof = "operator"
"#;

/// A channel of two meters for each fault; the second is there for `other_meter`.
fn lines() -> String {
    let mut toml = "seed = 7\n".to_owned();
    for (n, (fault, _)) in FAULTS.iter().enumerate() {
        let first = address(n);
        let meters = format!("meters = [{{ count = 2, first_address = \"{first}\" }}]");
        writeln!(toml, "[[channel]]\nname = \"{fault}\"\narea = \"A1\"\ntransport = {{ kind = \"tcp\" }}\n{meters}")
            .unwrap();
    }
    toml
}

/// The first meter of the channel of the `n`-th fault.
fn address(n: usize) -> String {
    format!("{:012}", 1000 + 10 * n)
}

fn days() -> [jiff::civil::Date; 3] {
    let today = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap().to_datetime(jiff::Timestamp::now()).date();
    [today, today.yesterday().unwrap(), today.yesterday().unwrap().yesterday().unwrap()]
}

/// Current daily values of a meter: slot and register, value, quality, rules.
fn daily(server: &Server<'_>, meter: &str) -> Vec<Value> {
    server.get(&format!("/api/v1/readings?meter={meter}&series=daily")).as_array().unwrap().clone()
}

fn good(server: &Server<'_>, meter: &str) -> usize {
    daily(server, meter).iter().filter(|reading| reading["quality"] == "good").count()
}

/// Forces what a day's freeze says: everything in the first tariff.
fn force(fleet: &Fleet, meter: &str, day: jiff::civil::Date, hundredths: u32) {
    let digits = format!("{hundredths:08}");
    let low_first = [&digits[6..8], &digits[4..6], &digits[2..4], &digits[0..2]].concat();
    let value = format!("{low_first}{low_first}{}", "0".repeat(24));
    let day = format!("{day}T00:00:00");
    fleet.control(&json!({ "op": "set_freeze", "meter": meter, "item": "05060100", "day": day, "value": value }));
}

/// The kinds of failure on record today for a channel.
fn failures(site: &Site, channel: &str) -> Vec<String> {
    let report = site.json(&["report", "failures", "--day", "today", "--by", "channel"]);
    let group = report["groups"].as_array().unwrap().iter().find(|group| group["key"] == channel);
    group.map_or_else(Vec::new, |group| group["causes"].as_object().unwrap().keys().cloned().collect())
}

#[test]
fn after_any_fault_of_a_line_every_slot_holds_the_truth_and_the_cause_is_on_record() {
    let fleet = Fleet::start(&lines(), None);
    // Nothing is asked again at once, so that every failure comes on record.
    let site = Site::new(&QUICK.replace("[collector.retry]", "[collector.retry]\nat_once = 0"));
    let server = site.serve();
    site.import(&fleet);
    // Every meter has answered before: silence then gets its second chance, and needs no probe minutes later.
    for (n, _) in FAULTS.iter().enumerate() {
        assert_eq!(site.json(&["read", &address(n), "frequency"])["state"], "done");
    }
    for (n, (fault, _)) in FAULTS.iter().enumerate() {
        fleet.control(&json!({ "op": "fault", "meter": address(n), "faults": [fault] }));
    }
    site.json(&["plan", "add", "daily", "--all", "--from", "today-2"]);
    wait_for("every slot to be filled", || {
        (0..FAULTS.len()).all(|n| good(&server, &address(n)) == 3 * 5).then_some(())
    });
    for (n, (fault, cause)) in FAULTS.iter().enumerate() {
        let counts = fleet.control(&json!({ "op": "counts", "channel": fault }));
        assert_eq!(counts["counts"]["faults"][fault], 1, "{fault}: {counts}");
        let truth: Vec<i64> = (0..3).flat_map(|back| fleet.latched(&address(n), back)).collect();
        let mut stored: Vec<i64> = daily(&server, &address(n)).iter().map(hundredths).collect();
        let mut truth = truth;
        stored.sort_unstable();
        truth.sort_unstable();
        assert_eq!(stored, truth, "{fault}");
        let causes = failures(&site, fault);
        let expected = |found: &[String]| match cause {
            Some(kinds) => found.len() == 1 && kinds.split(' ').any(|kind| kind == found[0]),
            None => found.is_empty(),
        };
        assert!(expected(&causes), "{fault}: {causes:?}");
    }
}

fn hundredths(reading: &Value) -> i64 {
    reading["quantity"]["value"].as_str().unwrap().replace('.', "").parse().unwrap()
}

const METERS: &str = r#"
seed = 8
[[channel]]
name = "bus"
area = "A1"
transport = { kind = "tcp" }
meters = [{ count = 4, first_address = "000000002001" }]
[[channel]]
name = "gone"
area = "A1"
transport = { kind = "tcp" }
dead = true
meters = [{ count = 1, first_address = "000000003001" }]
[[meter]]
address = "000000002001"
dead = true
"#;

#[test]
fn dead_replaced_and_rolled_over_meters_are_told_apart_and_a_dead_channel_comes_back() {
    let [dead, replaced, rolled, healthy] = [1, 2, 3, 4].map(|n| format!("{:012}", 2000 + n));
    let alone = "000000003001";
    let fleet = Fleet::start(METERS, None);
    for (day, rolling, falling) in
        [(days()[2], 99_999_000, 500_000), (days()[1], 99_999_950, 501_000), (days()[0], 325, 1_200)]
    {
        force(&fleet, &rolled, day, rolling);
        force(&fleet, &replaced, day, falling);
    }
    let site = Site::new(QUICK);
    let server = site.serve();
    site.import(&fleet);
    let tomorrow = days()[0].tomorrow().unwrap().to_string();
    // What was before the exchange is known when the new meter's first freeze is read.
    site.json(&["plan", "add", "daily", "--all", "--from", "today-2", "--until", "today"]);
    wait_for("the days before", || (good(&server, &replaced) == 2 * 5).then_some(()));
    site.json(&["plan", "set", "daily", "--until", &tomorrow]);

    // Neither the dead meter nor the dead channel keeps the others from being read.
    wait_for("the meters that answer", || {
        (good(&server, &healthy) == 15 && good(&server, &rolled) == 15).then_some(())
    });
    wait_for("a word about the register that fell", || {
        let events = site.json(&["event", "list"]);
        let about = |e: &&Value| e["kind"] == "registers_backwards" && e["meter"] == replaced.as_str();
        events.as_array().unwrap().iter().any(|e| about(&e)).then_some(())
    });
    let falling = wait_for("the fallen register to be suspect", || {
        let found = daily(&server, &replaced);
        found.iter().any(|reading| reading["quality"] == "suspect").then_some(found)
    });
    let suspects: Vec<&Value> = falling.iter().filter(|reading| reading["quality"] == "suspect").collect();
    assert!(suspects.len() == 2 && suspects.iter().all(|r| r["rules"][0] == "V04"), "{suspects:?}");
    assert!(falling.iter().all(|r| r["quality"] == "suspect" || hundredths(r) != 1_200), "{falling:?}");
    let rolling: Vec<i64> = daily(&server, &rolled).iter().map(hundredths).filter(|value| *value != 0).collect();
    assert!(rolling.contains(&325) && rolling.contains(&99_999_950), "{rolling:?}");

    // A dead meter is asked seldom, however often the plan looks.
    let counts = fleet.control(&json!({ "op": "counts", "channel": "bus" }));
    assert!(counts["counts"]["unanswered"].as_u64().unwrap() <= 3, "{counts}");
    assert_eq!(good(&server, &dead) + good(&server, alone), 0);
    assert!(failures(&site, "gone").iter().all(|cause| cause == "no_reply"));

    // What was dead is read when it is back; a person's read does not wait for the next probe.
    fleet.control(&json!({ "op": "dead_channel", "channel": "gone", "dead": false }));
    fleet.control(&json!({ "op": "dead", "meter": dead, "dead": false }));
    for meter in [alone, &dead] {
        assert_eq!(site.json(&["read", meter, "frequency"])["state"], "done");
    }
    wait_for("what was dead", || (good(&server, &dead) == 15 && good(&server, alone) == 15).then_some(()));
}

/// An adapter that gives back what it is sent, on a line with a dead meter and damaged answers.
const ECHOES: &str = r#"
seed = 10
[[channel]]
name = "bus"
area = "A1"
transport = { kind = "tcp" }
line = { echo = true }
faults = { damaged_sum = 200 }
meters = [{ count = 3, first_address = "000000005001" }]
[[meter]]
address = "000000005002"
dead = true
"#;

#[test]
fn an_adapter_that_echoes_every_question_is_no_answer_and_hides_none() {
    let fleet = Fleet::start(ECHOES, None);
    let site = Site::new(QUICK);
    let server = site.serve();
    site.import(&fleet);
    site.json(&["plan", "add", "daily", "--all", "--from", "today-2"]);
    let [first, dead, last] = [1, 2, 3].map(|n| format!("{:012}", 5000 + n));
    wait_for("the meters that answer", || (good(&server, &first) + good(&server, &last) == 30).then_some(()));
    let mut truth: Vec<i64> = (0..3).flat_map(|back| fleet.latched(&first, back)).collect();
    let mut stored: Vec<i64> = daily(&server, &first).iter().map(hundredths).collect();
    truth.sort_unstable();
    stored.sort_unstable();
    assert_eq!(stored, truth);
    // Its own question and then silence is no reply, whatever was heard.
    let causes = wait_for("the dead meter to be on record", || {
        let causes = failures(&site, "bus");
        causes.iter().any(|cause| cause == "no_reply").then_some(causes)
    });
    assert!(causes.iter().all(|cause| cause == "no_reply" || cause == "checksum"), "{causes:?}");
    assert_eq!(good(&server, &dead), 0);
}

/// A meter that was put up at noon two days ago, one that is as it should be, and one of an edition that knows no freezes; the clocks
/// of two are off.
const SHORT_OF_SOMETHING: &str = r#"
seed = 9
[[channel]]
name = "bus"
area = "A1"
transport = { kind = "tcp" }
meters = [
    { count = 2, first_address = "000000004001" },
    { count = 1, first_address = "000000004003", protocol = "1997" },
]
[[meter]]
address = "000000004001"
clock_offset_s = 95.0
installed = "DAY_BEFORET12:00:00"
[[meter]]
address = "000000004002"
clock_offset_s = -40.0
"#;

#[test]
fn a_slot_that_can_not_be_had_is_given_up_with_its_reason() {
    let [young, healthy, without_freezes] = [1, 2, 3].map(|n| format!("{:012}", 4000 + n));
    let [today, yesterday, day_before] = days();
    let fleet = Fleet::start(&SHORT_OF_SOMETHING.replace("DAY_BEFORE", &day_before.to_string()), None);
    let site = Site::new(QUICK);
    let server = site.serve();
    site.import(&fleet);
    site.json(&["plan", "add", "daily", "--all", "--from", "today-2"]);
    for day in [today, yesterday, day_before].map(|day| day.to_string()) {
        let report = wait_for("every slot to be filled or given up", || {
            let report = site.json(&["report", "success", "--day", &day]);
            (report["total"]["expected"] == 15 && report["total"]["open"] == 0).then_some(report)
        });
        let given_up = if day == day_before.to_string() { 10 } else { 5 };
        assert_eq!(report["total"]["given_up"], given_up, "{report}");
    }
    assert_eq!((good(&server, &healthy), good(&server, &young), good(&server, &without_freezes)), (15, 10, 0));
    let gaps = |day: jiff::civil::Date, meter: &str| -> Vec<(String, String)> {
        let report = site.json(&["report", "gaps", "--day", &day.to_string()]);
        let of_meter = report["gaps"].as_array().unwrap().iter().filter(|gap| gap["meter_no"] == meter);
        let given_up = of_meter.filter(|gap| gap["state"] == "given_up");
        let text = |gap: &Value, key: &str| gap[key].as_str().unwrap_or_default().to_owned();
        given_up.map(|gap| (text(gap, "cause"), text(gap, "detail"))).collect()
    };
    let not_held = ("not_held".to_owned(), format!("the meter holds no freeze of {day_before}"));
    assert_eq!(gaps(day_before, &young), vec![not_held; 5]);
    let not_supported = ("not_supported".to_owned(), "meters of this model keep no such values".to_owned());
    assert_eq!(gaps(today, &without_freezes), vec![not_supported; 5]);
}

#[test]
fn how_far_a_meters_clock_is_off_is_on_record() {
    let [ahead, behind, right] = [(1, 95_000_i64), (2, -40_000), (3, 0)];
    let fleet = Fleet::start(&SHORT_OF_SOMETHING.replace("DAY_BEFORE", &days()[2].to_string()), None);
    let site = Site::new(QUICK);
    let _server = site.serve();
    site.import(&fleet);
    site.json(&["plan", "add", "clock", "--all"]);
    let report = wait_for("every clock to be checked", || {
        let report = site.json(&["report", "clock", "--day", "today"]);
        (report["total"]["meters"] == 3).then_some(report)
    });
    for ((n, off), band) in [(ahead, "within_5min"), (behind, "within_1min"), (right, "within_5s")] {
        let no = format!("{:012}", 4000 + n);
        let clock = report["meters"].as_array().unwrap().iter().find(|clock| clock["meter_no"] == no.as_str()).unwrap();
        // What a meter shows is whole seconds, and its clock runs a little wrong besides.
        let wrong = (clock["offset_ms"].as_i64().unwrap() - off).abs();
        assert!(wrong <= clock["uncertainty_ms"].as_i64().unwrap() + 3_000, "{no} is off by {off} ms: {clock}");
        assert_eq!(clock["band"], band, "{clock}");
    }
}
