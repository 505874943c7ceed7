//! Nothing committed is lost, nothing is stored twice, and what is missing is asked again, wherever the server is killed.
//!
//! Each run ends with a store that must equal that of a run nobody disturbed: the same values, one version each.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::LazyLock;

use hes_tests::collected::{self, Place};
use hes_tests::fleet::Fleet;
use hes_tests::head_end::{Server, Site};
use hes_tests::process::wait_for;
use nix::libc::SIGABRT;

/// Twelve meters behind two serial servers. Their past is the same for every run.
const FLEET: &str = r#"
seed = 20261124
[[area]]
code = "A1"
name = "Lihua Street"
[[channel]]
name = "bus-{n}"
repeat = 2
area = "A1"
transport = { kind = "tcp" }
meters = [{ count = 6, first_address = "000000000001" }]
"#;

/// Days of freezes, and the one day of profile, that are collected; all in the past, so that they stand still.
const DAYS: [&str; 4] = ["yesterday", "today-2", "today-3", "today-4"];

type Stored = BTreeMap<Place, Vec<(String, String)>>;

#[test]
fn a_server_killed_at_any_fail_point_ends_with_the_store_of_an_undisturbed_run() {
    let fleet = Fleet::start(FLEET, None);
    let undisturbed = {
        let site = planned_site(&fleet);
        let server = site.serve();
        connect(&site, &fleet);
        read_one_now(&site);
        complete(&server)
    };
    assert_eq!(undisturbed.len(), 12 * (DAYS.len() * 5 + 96));

    // The first passing, and a later one when the work is under way. A point that is not passed fails the test.
    let points = hes_failpoint::KNOWN.iter().flat_map(|point| [(*point, 1), (*point, later_passing(point))]);
    for (point, nth) in points.collect::<std::collections::BTreeSet<_>>() {
        let site = planned_site(&fleet);
        let mut server = site.serve_with(|command| {
            command.env("HES_FAIL_POINT", format!("{point}:{nth}"));
        });
        connect(&site, &fleet);
        while server.running.ended().is_none() {
            // Some points are passed by reads a person asked for only.
            drop(site.run(&["read", "000000000003", "voltage_a", "--wait", "2"]));
        }
        assert_eq!(server.running.wait().signal(), Some(SIGABRT), "{point}:{nth}: {}", server.running.errors());
        drop(server);
        let server = site.serve();
        assert_eq!(complete(&server), undisturbed, "{point}:{nth}");
        sound(server);
    }
}

/// On-demand reads are few; batches and dialogues are many.
fn later_passing(point: &str) -> u64 {
    if point.ends_with("read_taken") || point.ends_with("finish_read") { 2 } else { 4 }
}

#[test]
fn a_server_killed_at_fifty_random_moments_ends_with_the_store_of_an_undisturbed_run() {
    // Lines as slow as real ones, so that there is work at every moment.
    let slow = FLEET.replace("{ kind = \"tcp\" }", "{ kind = \"tcp\" }\nline = { baud = 19200, timing = \"exact\" }");
    let fleet = Fleet::start(&slow, None);
    let undisturbed = {
        let site = planned_site(&fleet);
        let server = site.serve();
        connect(&site, &fleet);
        complete(&server)
    };
    let site = planned_site(&fleet);
    let mut moment = Moments(0x5eed_2026);
    let mut under_work = 0;
    for _ in 0..50 {
        let mut server = site.serve();
        connect(&site, &fleet);
        std::thread::park_timeout(std::time::Duration::from_millis(moment.next(250)));
        if missing(&server) > 0 {
            under_work += 1;
        }
        server.running.kill();
    }
    let server = site.serve();
    assert_eq!(complete(&server), undisturbed);
    sound(server);
    assert!(under_work >= 25, "only {under_work} of 50 kills came while something was missing");
}

/// Archive and plans as every run has them, the server stopped again; the channels lead nowhere yet.
fn planned_site(fleet: &Fleet) -> Site {
    let site = Site::new("");
    let mut server = site.serve();
    let nowhere = site.folder().join("channels.csv");
    std::fs::write(&nowhere, leading_nowhere(&std::fs::read_to_string(fleet.archive("channels.csv")).unwrap()))
        .unwrap();
    for (noun, file) in
        [("area", &fleet.archive("areas.csv")), ("channel", &nowhere), ("meter", &fleet.archive("meters.csv"))]
    {
        site.json(&[noun, "import", file.to_str().unwrap()]);
    }
    site.json(&["plan", "add", "daily", "--all", "--from", "today-4", "--until", "today"]);
    site.json(&["plan", "add", "interval", "--all", "--from", "yesterday", "--until", "today"]);
    assert!(server.running.terminate().success(), "{}", server.running.errors());
    drop(server);
    site
}

/// The same channels with ports nobody listens on.
fn leading_nowhere(channels: &str) -> String {
    let port = channels.lines().next().unwrap().split(',').position(|column| column == "port").unwrap();
    let row = |(number, line): (usize, &str)| {
        let number = number.to_string();
        let mut fields: Vec<&str> = line.split(',').collect();
        if fields[0] != "name" {
            fields[port] = &number;
        }
        fields.join(",") + "\n"
    };
    channels.lines().enumerate().map(row).collect()
}

/// Gives the channels their true ends: collecting begins. The server may die of it.
fn connect(site: &Site, fleet: &Fleet) {
    drop(site.run(&["channel", "import", fleet.archive("channels.csv").to_str().unwrap()]));
}

fn read_one_now(site: &Site) {
    site.json(&["read", "000000000003", "voltage_a"]);
}

/// Slots of the planned days that are neither filled nor given up.
fn missing(server: &Server<'_>) -> u64 {
    let open = |day: &str| collected::open_slots(&server.site.json(&["report", "success", "--day", day])).1;
    DAYS.iter().map(|day| open(day)).sum()
}

/// Waits until nothing is missing and answers everything the planned series hold.
fn complete(server: &Server<'_>) -> Stored {
    wait_for("every slot to be filled", || (missing(server) == 0).then_some(()));
    collected::readings(server, &METERS, &["daily", "interval_15"])
}

static METERS: LazyLock<Vec<String>> = LazyLock::new(|| (1..=12).map(|n| format!("{n:012}")).collect());

/// Stops the server and has its database checked.
fn sound(mut server: Server<'_>) {
    let site = server.site;
    assert!(server.running.terminate().success(), "{}", server.running.errors());
    let check = site.run(&["db", "check"]);
    assert_eq!(check.code, 0, "{}{}", check.output, check.errors);
}

/// Moments that are random and the same in every run: a linear congruential generator.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}
