//! A small fleet and a bounded past to collect from it: the same values in every run, however the run went.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::Date;

use crate::collected::{self, Place};
use crate::fleet::Fleet;
use crate::head_end::{Server, Site, ZONE};
use crate::process::wait_for;

/// Twelve meters behind two serial servers, their lines as fast as the machine.
pub const FAST: &str = r#"
seed = 20261124
[[area]]
code = "A1"
name = "Lihua Street"
[[channel]]
name = "bus-{n}"
repeat = 2
area = "A1"
transport = { kind = "tcp" }
line = { baud = 19200, timing = "instant" }
meters = [{ count = 6, first_address = "000000000001" }]
"#;

/// How many days of freezes are collected; the last one's profile too. All in the past, so that they stand still.
const DAYS: usize = 4;

/// Slots that are expected in all: five registers a freeze, 96 points a day of profile.
pub const SLOTS: usize = 12 * (DAYS * 5 + 96);

/// The day on which this test program looked first. Days are counted back from it to the program's end, so that runs on
/// either side of a midnight collect the same ones.
static TODAY: LazyLock<Date> = LazyLock::new(|| jiff::Timestamp::now().in_tz(ZONE).unwrap().date());

/// A day of the past, so many before today, as the command line takes it.
pub fn day(ago: i64) -> String {
    TODAY.checked_sub(jiff::Span::new().days(ago)).unwrap().to_string()
}

/// The days of freezes that are collected, newest first.
pub fn days() -> impl Iterator<Item = String> {
    (1..).map(day).take(DAYS)
}

/// Every version of every value, by its place.
pub type Stored = BTreeMap<Place, Vec<(String, String)>>;

/// The same fleet with lines that take their time, so that there is work at every moment.
pub fn slow() -> String {
    FAST.replace("instant", "exact")
}

/// A site with archive and plans, its server stopped again; the channels lead nowhere yet.
pub fn planned_site(fleet: &Fleet) -> Site {
    let site = Site::new("");
    let mut server = site.serve();
    plan(&site, fleet);
    assert!(server.running.terminate().success(), "{}", server.running.errors());
    drop(server);
    site
}

/// Gives a running server archive and plans; the channels lead nowhere yet.
pub fn plan(site: &Site, fleet: &Fleet) {
    plan_from(site, fleet, &days().last().unwrap());
}

/// The same, with yesterday's freeze and profile only.
pub fn plan_yesterday(site: &Site, fleet: &Fleet) {
    plan_from(site, fleet, &day(1));
}

fn plan_from(site: &Site, fleet: &Fleet, first_freeze: &str) {
    let nowhere = site.folder().join("channels.csv");
    std::fs::write(&nowhere, leading_nowhere(&std::fs::read_to_string(fleet.archive("channels.csv")).unwrap()))
        .unwrap();
    let files = [("area", &fleet.archive("areas.csv")), ("channel", &nowhere), ("meter", &fleet.archive("meters.csv"))];
    for (noun, file) in files {
        site.json(&[noun, "import", file.to_str().unwrap()]);
    }
    site.json(&["plan", "add", "daily", "--all", "--from", first_freeze, "--until", &day(0)]);
    site.json(&["plan", "add", "interval", "--all", "--from", &day(1), "--until", &day(0)]);
}

/// Gives the channels their true ends: collecting begins. The server may be killed meanwhile, so nothing is asserted.
pub fn connect(site: &Site, fleet: &Fleet) {
    drop(site.run(&["channel", "import", fleet.archive("channels.csv").to_str().unwrap()]));
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

/// Slots of the planned days that are neither filled nor given up.
pub fn missing(server: &Server<'_>) -> u64 {
    let open = |day: &str| collected::open_slots(&server.site.json(&["report", "success", "--day", day])).1;
    days().map(|day| open(&day)).sum()
}

/// Waits until nothing is missing and answers everything the planned series hold.
pub fn complete(server: &Server<'_>) -> Stored {
    wait_for("every slot to be filled", || (missing(server) == 0).then_some(()));
    stored(server)
}

/// Everything the planned series hold.
pub fn stored(server: &Server<'_>) -> Stored {
    let meters: Vec<String> = (1..=12).map(|n| format!("{n:012}")).collect();
    collected::readings(server, &meters, &["daily", "interval_15"])
}

/// Stops the server and has its database checked.
pub fn sound(mut server: Server<'_>) {
    let site = server.site;
    assert!(server.running.terminate().success(), "{}", server.running.errors());
    let check = site.run(&["db", "check"]);
    assert_eq!(check.code, 0, "{}{}", check.output, check.errors);
}
