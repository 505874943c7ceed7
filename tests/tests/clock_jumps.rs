//! The host's clock jumps while meters are read, by hours and by more days than a meter remembers: nothing is lost, given
//! up or doubled, and no meter's clock is set by it.
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failed test")]

use std::collections::BTreeSet;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use hes_tests::clock::ShiftedClock;
use hes_tests::collected::{Place, readings};
use hes_tests::fleet::Fleet;
use hes_tests::head_end::{Server, Site, ZONE};
use hes_tests::past::{self, Stored, complete, connect, planned_site, sound, stored};
use hes_tests::process::wait_for;
use serde_json::{Value, json};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// More days than any meter remembers: 62 of freezes, 40 of profile.
const BEYOND_MEMORY: i64 = 100;

/// What is missing is looked for each second.
const QUICK: &str = "[collector]\nlook_again_seconds = 1\nafter_latch_seconds = 0\n";

/// The store of a run under a clock that is right.
fn undisturbed(fleet: &Fleet) -> Stored {
    let site = planned_site(fleet);
    let server = site.serve();
    connect(&site, fleet);
    complete(&server)
}

/// Puts the clock so far off, and waits until the server has seen it jump.
fn jump(server: &Server<'_>, clock: &ShiftedClock, seconds: i64) {
    let before = events(server, "host_clock_jumped").len();
    clock.set(seconds);
    wait_for("the jump to be in the event log", || (events(server, "host_clock_jumped").len() > before).then_some(()));
}

/// What the event log says of a kind.
fn events(server: &Server<'_>, kind: &str) -> Vec<String> {
    server.events(kind).iter().map(|event| event["detail"]["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_clock_that_jumps_by_hours_and_days_under_work_costs_no_reading_and_doubles_none() {
    let fleet = Fleet::start(&past::slow(), None);
    let undisturbed = undisturbed(&fleet);
    let site = planned_site(&fleet);
    site.configure(QUICK);
    let clock = ShiftedClock::new(site.folder());
    let server = site.serve_with(|command| clock.govern(command));
    connect(&site, &fleet);
    // Every meter asked for the first time while the clock is furthest off: some were to be read by the clock that was right.
    let asked = |n: &u64| questions(&fleet, &format!("{n:012}")) > 0;
    wait_for("the first question", || (1..=12).any(|n| asked(&n)).then_some(()));
    clock.set(BEYOND_MEMORY * DAY);
    wait_for("every meter to be asked", || (1..=12).all(|n| asked(&n)).then_some(()));
    for shift in [-2 * HOUR, 3 * HOUR, -5 * DAY, BEYOND_MEMORY * DAY, -HOUR, 5 * DAY, 0] {
        clock.set(shift);
        let read = site.run(&["read", "000000000003", "voltage_a"]);
        assert_eq!(read.code, 0, "shifted by {shift} s: {}", server.running.errors());
    }
    assert_eq!(complete(&server), undisturbed);
    sound(server);
}

#[test]
fn a_value_answered_while_the_clock_stands_before_its_slot_is_not_held_against_the_meter() {
    let fleet = Fleet::start(&format!("truth_log = 100000\n{}", past::slow()), None);
    let undisturbed = undisturbed(&fleet);
    let site = planned_site(&fleet);
    site.configure(QUICK);
    let clock = ShiftedClock::new(site.folder());
    let server = site.serve_with(|command| clock.govern(command));
    let profile_asked = || items_asked(&fleet, &["06"]);
    let before = profile_asked();
    connect(&site, &fleet);
    // Dialogues under way go on whatever the clock shows: four a channel, sixteen questions each.
    wait_for("a profile to be asked for", || (profile_asked() > before).then_some(()));
    clock.set(-5 * DAY);
    let before = profile_asked();
    wait_for("answers days before their slots", || (profile_asked() > before + 16).then_some(()));
    clock.set(0);
    assert_eq!(complete(&server), undisturbed);
    sound(server);
}

#[test]
fn nothing_is_given_up_asked_or_asked_again_on_the_word_of_a_clock_that_jumped_by_days() {
    let fleet = Fleet::start(&format!("truth_log = 100000\n{}", past::FAST), None);
    let undisturbed = undisturbed(&fleet);
    let site = planned_site(&fleet);
    site.configure(QUICK);
    let clock = ShiftedClock::new(site.folder());
    // The plan of values of now is made by a clock that is behind all others to come, so that one is missing whatever the
    // clock shows: that it comes proves that the planner has looked by that clock.
    clock.set(-3 * DAY);
    let mut server = site.serve_with(|command| clock.govern(command));
    site.json(&[
        "plan",
        "add",
        "instant",
        "--all",
        "--minutes",
        "60",
        "--register",
        "voltage_a",
        "--from",
        &past::day(4),
    ]);
    // Yesterday's freezes are wanted by this plan too, whose deadline is far off.
    let no_hurry = ["plan", "add", "daily", "--name", "no-hurry", "--all", "--deadline", "64800"];
    site.json(&[&no_hurry[..], &["--from", &past::day(1), "--until", &past::day(0)]].concat());

    // Forward, and a start under a clock that is wrong already: every slot seems to have left its meter's memory.
    let asked_before = latched_items_asked(&fleet);
    jump(&server, &clock, BEYOND_MEMORY * DAY);
    connect(&site, &fleet);
    looked(&server, &BTreeSet::new());
    let untouched = [past::SLOTS, past::SLOTS, 0];
    assert_eq!(fates(&site), untouched);
    let before = of_now(&server);
    assert!(server.running.terminate().success(), "{}", server.running.errors());
    clock.set((BEYOND_MEMORY + 1) * DAY);
    let server = site.serve_with(|command| clock.govern(command));
    looked(&server, &before);
    assert_eq!(fates(&site), untouched, "after a start");
    assert_eq!(latched_items_asked(&fleet), asked_before, "what seems too old is not asked");

    // The clock is right again: what was missing is read, in time where its deadline is still to come.
    jump(&server, &clock, 0);
    wait_for("every slot to be filled", || (fates(&site) == [past::SLOTS, 0, 0]).then_some(()));
    assert_eq!(stored(&server), undisturbed);
    let total =
        |plan: &str, day: &str| site.json(&["report", "success", "--plan", plan, "--day", day])["total"].clone();
    let (in_time, late) = (total("no-hurry", &past::day(1)), total("daily", &past::day(2)));
    assert_eq!(in_time["on_time"], 12 * 5, "45 days to its deadline: {in_time}");
    assert_eq!(late["late"], 12 * 5, "its deadline was at 08:00 of that day: {late}");

    // Back, and forward, and right once more: what is filled stays filled.
    let asked_before = latched_items_asked(&fleet);
    for days in [-2, BEYOND_MEMORY + 2] {
        let before = of_now(&server);
        jump(&server, &clock, days * DAY);
        looked(&server, &before);
    }
    jump(&server, &clock, 0);
    assert_eq!(latched_items_asked(&fleet), asked_before, "what is stored is not asked again");
    assert_eq!(stored(&server), undisturbed);
    sound(server);
}

/// Where values of now are stored.
fn of_now(server: &Server<'_>) -> BTreeSet<Place> {
    let meters: Vec<String> = (1..=12).map(|n| format!("{n:012}")).collect();
    readings(server, &meters, &["instant"]).into_keys().collect()
}

/// Waits until the planner has looked at every meter by a clock that is new: each has a value of now that was not there.
fn looked(server: &Server<'_>, before: &BTreeSet<Place>) {
    let read = || of_now(server).difference(before).map(|(meter, ..)| meter.clone()).collect::<BTreeSet<_>>().len();
    wait_for("a value of now from every meter", || (read() == 12).then_some(()));
}

/// Expected and open slots of the past, and those given up.
fn fates(site: &Site) -> [usize; 3] {
    let report =
        |day: &str, plan: &str| site.json(&["report", "success", "--day", day, "--plan", plan])["total"].clone();
    let of_day = |day: &str| ["daily", "interval-15"].map(|plan| report(day, plan));
    let totals: Vec<Value> = past::days().flat_map(|day| of_day(&day)).collect();
    let sum = |key: &str| totals.iter().map(|total| total[key].as_u64().unwrap()).sum::<u64>();
    ["expected", "open", "given_up"].map(|key| usize::try_from(sum(key)).unwrap())
}

/// How many questions about freezes (class 05) and load profiles (class 06) the meters have answered.
fn latched_items_asked(fleet: &Fleet) -> usize {
    items_asked(fleet, &["05", "06"])
}

/// How many questions about data items of these classes the meters have answered.
fn items_asked(fleet: &Fleet, classes: &[&str]) -> usize {
    let channels = fleet.ready["channels"].as_array().unwrap();
    let of_channel = |channel: &Value| {
        let sent = fleet.control(&json!({ "op": "sent", "channel": channel["name"] }));
        let sent = sent["sent"].as_array().unwrap().clone();
        // The data item comes lowest byte first: its class is the fourth byte.
        let class = |sent: &Value| sent["asked"].as_str().and_then(|data| data.get(6..8).map(str::to_owned));
        sent.iter().filter_map(class).filter(|class| classes.contains(&class.as_str())).count()
    };
    channels.iter().map(of_channel).sum()
}

#[test]
fn a_persons_read_under_way_outlives_a_jump_of_the_clock() {
    let fleet = Fleet::start(&past::slow(), None);
    let site = planned_site(&fleet);
    site.configure(QUICK);
    let clock = ShiftedClock::new(site.folder());
    let server = site.serve_with(|command| clock.govern(command));
    // Values that were long past by either clock.
    let (meter, from) = ("000000000003", format!("{}T00:00", past::day(3)));
    site.json(&["plan", "remove", "daily"]);
    site.json(&["plan", "remove", "interval-15"]);
    connect(&site, &fleet);
    for shift in [DAY, -DAY] {
        let before = questions(&fleet, meter);
        let (ended, end) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| ended.send(site.run(&["read", meter, "--interval", "15", "--from", &from])));
            wait_for("the read to be under way", || (questions(&fleet, meter) > before).then_some(()));
            assert!(matches!(end.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout)), "it takes its time");
            jump(&server, &clock, shift);
            let read = end.recv().unwrap();
            assert_eq!(read.code, 0, "{shift}: {}{}", read.output, read.errors);
        });
        jump(&server, &clock, 0);
    }
}

/// Two meters whose clocks are off, on a day that begins at noon: near midnight meters are not set.
const DRIFTING: &str = r#"
seed = 6
[clock]
start = "NOON"
[[channel]]
name = "bus"
area = "A1"
transport = { kind = "tcp" }
meters = [{ count = 2, first_address = "000000000001" }]
[[meter]]
address = "000000000001"
clock_offset_s = OFFSET
[[meter]]
address = "000000000002"
clock_offset_s = OFFSET
"#;
const VOUCHED_FOR: &str = r#"
[collector]
look_again_seconds = 1
[collector.clock]
host_proof = "operator"
settle_seconds = 15
"#;

/// Meters whose clocks are off by so many seconds, and how far a host's clock must be shifted to agree with the fleet's.
fn drifting(seconds: i64) -> (Fleet, i64) {
    let now = jiff::tz::TimeZone::get(ZONE).unwrap().to_datetime(jiff::Timestamp::now());
    let noon = now.date().at(12, 0, 0, 0);
    let toml = DRIFTING.replace("NOON", &noon.to_string()).replace("OFFSET", &format!("{seconds}.0"));
    (Fleet::start(&toml, None), noon.duration_since(now).as_secs())
}

/// How often a meter was asked for data.
fn questions(fleet: &Fleet, meter: &str) -> u64 {
    fleet.control(&json!({ "op": "asked", "meter": meter }))["asked"]["11"].as_u64().unwrap_or(0)
}

/// How often the time was broadcast to the meters, as they heard it.
fn broadcasts(fleet: &Fleet) -> u64 {
    let heard = fleet.control(&json!({ "op": "asked", "meter": "000000000001" }));
    heard["asked"]["08"].as_u64().unwrap_or(0)
}

fn proven(server: &Server<'_>) -> bool {
    server.get("/api/v1/status")["clock"]["proven"] == json!(true)
}

/// A server whose clock agrees with the fleet's and is proven by the operator's word.
fn vouched_for<'a>(site: &'a Site, clock: &ShiftedClock, fleet: &Fleet, shift: i64) -> Server<'a> {
    clock.set(shift);
    let server = site.serve_with(|command| clock.govern(command));
    site.import(fleet);
    wait_for("the operator's word to count", || proven(&server).then_some(()));
    server
}

#[test]
fn the_time_is_not_broadcast_after_a_jump_until_the_clock_has_settled() {
    let (fleet, noon) = drifting(100);
    let site = Site::new(VOUCHED_FOR);
    let clock = ShiftedClock::new(site.folder());
    let server = vouched_for(&site, &clock, &fleet, noon);
    // There and back again: the clock is right, but who would know.
    jump(&server, &clock, noon + 3 * DAY);
    jump(&server, &clock, noon);
    assert!(!proven(&server), "a clock that jumped is not proven");
    site.json(&["plan", "add", "clock", "--all", "--sync"]);
    let said = wait_for("a word about the time that is not broadcast", || {
        events(&server, "clock_sync_withheld").first().cloned()
    });
    // By whichever jump the watch had come to: both are of three days.
    assert!(said.contains("not proven") && said.contains("clock jumped by"), "{said}");
    assert_eq!(broadcasts(&fleet), 0);

    wait_for("the broadcast once the clock has settled", || (broadcasts(&fleet) == 1).then_some(()));
    assert!(proven(&server), "it went out by a proven clock");
    wait_for("the broadcast to be in the event log", || events(&server, "clock_broadcast").pop());
}

#[test]
fn a_jump_that_nobody_has_seen_yet_sets_no_meters_clock() {
    let (fleet, noon) = drifting(0);
    let site = Site::new(VOUCHED_FOR);
    let clock = ShiftedClock::new(site.folder());
    let server = vouched_for(&site, &clock, &fleet, noon);
    assert_eq!(site.json(&["read", "000000000001", "voltage_a"])["state"], "done");
    // The meters are right and the host is not; to it, they look like meters that a broadcast would set.
    clock.set(noon + 100);
    site.json(&["plan", "add", "clock", "--all", "--sync"]);
    wait_for("the decision", || {
        let (withheld, sent) = (events(&server, "clock_sync_withheld"), events(&server, "clock_broadcast"));
        assert!(sent.is_empty() && broadcasts(&fleet) == 0, "a wrong time was broadcast: {sent:?}");
        withheld.into_iter().find(|why| why.contains("jumped by"))
    });
}
