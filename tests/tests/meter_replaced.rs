//! A meter is replaced in mid-month: what was, stays; what is expected follows the meter on the wall.

use hes_tests::collected::{open_slots, readings};
use hes_tests::fleet::Fleet;
use hes_tests::head_end::Site;
use hes_tests::process::wait_for;
use serde_json::Value;

const FLEET: &str = r#"
seed = 5
[[channel]]
name = "bus"
area = "A1"
transport = { kind = "tcp" }
meters = [{ count = 2, first_address = "000000000001" }]
"#;

const OLD: &str = "000000000001";
const NEW: &str = "000000000002";

/// The days of the plan, newest first.
const DAYS: [&str; 7] = ["today", "yesterday", "today-2", "today-3", "today-4", "today-5", "today-6"];

#[test]
fn a_meter_replaced_in_mid_month_leaves_the_past_as_it_was_and_is_expected_from_its_first_day() {
    let fleet = Fleet::start(FLEET, None);
    let site = Site::new("");
    let server = site.serve();
    for (noun, file) in [("area", "areas.csv"), ("channel", "channels.csv")] {
        site.json(&[noun, "import", &fleet.archive(file).display().to_string()]);
    }
    // Only the old meter is in the archive: the new one is in its box.
    let all = std::fs::read_to_string(fleet.archive("meters.csv")).expect("the archive is there");
    let old_only: Vec<&str> = all.lines().filter(|line| !line.starts_with(NEW)).collect();
    let file = site.folder().join("meters.csv");
    std::fs::write(&file, old_only.join("\n") + "\n").expect("a place for the archive");
    site.json(&["meter", "import", &file.display().to_string()]);
    site.json(&["plan", "add", "daily", "--all", "--from", "today-6"]);
    let success = |day: &str| site.json(&["report", "success", "--day", day, "--by", "area"]);
    let filled = |day: &str| wait_for("the day to be filled", || (open_slots(&success(day)) == (5, 0)).then_some(()));
    for day in DAYS {
        filled(day);
    }
    // The days before the replacement, as they stood.
    let past = &DAYS[4..];
    let before: Vec<Value> = past.iter().map(|day| success(day)).collect();
    let values_before = readings(&server, &[OLD.to_owned()], &["daily"]);

    site.json(&["meter", "replace", OLD, NEW, "--address", NEW, "--on", "today-3", "--ct", "30"]);
    for day in DAYS {
        filled(day);
    }
    // Those days' figures are of the meter that was on the wall then.
    for (day, before) in past.iter().zip(before) {
        let now = success(day);
        for part in ["day", "total", "groups"] {
            assert_eq!(now[part], before[part], "{day} is before the replacement and stands as it was");
        }
    }
    assert_eq!(readings(&server, &[OLD.to_owned()], &["daily"]), values_before, "what was read stands as it was");

    // From its first day on the new meter is asked, and no day before.
    let meters = [OLD.to_owned(), NEW.to_owned()];
    let stored = readings(&server, &meters, &["daily"]);
    let days_of =
        |meter: &str| stored.keys().filter(|(of, _, register, _)| of == meter && register == "1.0.1.8.0.255").count();
    assert_eq!(days_of(NEW), 4, "today and the three days before");
    assert_eq!(days_of(OLD), 7, "nothing that was read is lost");
    // Consumption goes over the exchange: each meter's part by its own transformer factor.
    let totals = |meter: &str| -> Vec<i64> {
        let total = stored.iter().filter(|((of, _, register, _), _)| of == meter && register == "1.0.1.8.0.255");
        total.map(|(_, versions)| hundredths(&versions[0].0)).collect()
    };
    let (old, new) = (totals(OLD), totals(NEW));
    let expected = (old[3] - old[0]) + 30 * (new[3] - new[0]);
    let (from, to) = (success("today-6"), success("today"));
    let period = format!("from={}&to={}", text(&from["day"]), text(&to["day"]));
    let consumed = server.get(&format!("/api/v1/consumption?service_point=SP{OLD}&{period}"));
    assert_eq!(hundredths(text(&consumed["total"]["value"])), expected, "{consumed}");
    assert_eq!(consumed["parts"].as_array().map(Vec::len), Some(2), "{consumed}");

    let shown = site.json(&["meter", "show", NEW]);
    assert_eq!(shown["installations"][0]["ct"], 30, "{shown}");
    assert_eq!(site.json(&["meter", "show", OLD])["meter"]["state"], "retired");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// An exact decimal with two places, as a whole number.
fn hundredths(decimal: &str) -> i64 {
    let (whole, places) = decimal.split_once('.').unwrap_or((decimal, "00"));
    assert_eq!(places.len(), 2, "{decimal}");
    format!("{whole}{places}").parse().unwrap_or_else(|e| panic!("{decimal}: {e}"))
}
