//! The README's first day, run exactly as it stands there: its commands, in its order, by a shell.
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failed test")]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use hes_tests::binaries;
use hes_tests::collected::open_slots;
use hes_tests::fleet::Fleet;
use hes_tests::process::{Finished, Running, finish, wait_for};
use serde_json::Value;

/// What is wrong with each of ten rows of `meters-with-mistakes.csv`: the column, what stands there, and what the import says
/// of it.
const MISTAKES: [(&str, &str, &str); 10] = [
    ("address", "12A4", "a DL/T 645 address has 1 to 12 decimal digits"),
    ("address", "999999999999", "is the broadcast address and names no meter"),
    ("address", "1234567890123", "a DL/T 645 address has 1 to 12 decimal digits"),
    ("protocol", "modbus", "accepted are dlt645-2007, dlt645-1997"),
    ("channel", "bus-99", "is not known: import the channels first"),
    ("meter_no", "", "a value is required"),
    ("ct", "0", "accepted is a whole number from 1 to"),
    ("installed_from", "2026-02-30", "accepted is a day as 2026-07-01"),
    ("model", "no-such-model", "no profile of that model; known are generic-1997, generic-2007"),
    ("service_point", "S 1", "white space and control characters are not allowed"),
];

/// What the technician's laptop is plugged into.
const BENCH: &str = r#"
seed = 4
[[channel]]
name = "serial"
area = "A1"
transport = { kind = "pty" }
meters = [{ count = 1, first_address = "000000000001" }]
[[channel]]
name = "tcp"
area = "A1"
transport = { kind = "tcp" }
meters = [{ count = 1, first_address = "000000000002" }]
"#;

struct Day {
    folder: tempfile::TempDir,
}

impl Day {
    fn begin() -> Self {
        let day = Self { folder: tempfile::tempdir().unwrap() };
        for file in ["street.toml", "meters-with-mistakes.csv"] {
            std::fs::copy(binaries::root().join("config/first-day").join(file), day.path(file)).unwrap();
        }
        // The README serves from the default address; a test may not fix a port.
        std::fs::write(day.path("hes.toml"), "[api]\nlisten = \"127.0.0.1:0\"\n").unwrap();
        day
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// A shell in the folder, with the programs on its path.
    fn shell(&self, script: &str) -> Command {
        let programs = binaries::hes().parent().unwrap().display().to_string();
        let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(self.folder.path());
        shell.env("HES_TEST_PYTHON", binaries::python());
        shell.env("PATH", path).env("HES_CONFIG", self.path("hes.toml")).env("LC_ALL", "C.UTF-8").env("HES_LANG", "en");
        shell
    }

    fn run(&self, command: &str) -> Finished {
        finish(&mut self.shell(command))
    }
}

#[test]
fn the_first_day_of_the_readme_works_as_written() {
    let day = Day::begin();
    let mut started = Vec::new();
    let start: [String; 2] = block("start");
    for line in start {
        let command = line.strip_suffix('&').expect("the first block starts programs");
        let running = Running::start(command, &mut day.shell(&format!("exec {command}")));
        running.line();
        started.push(running);
    }

    let [areas, channels, meters] = block("import");
    for line in [areas, channels] {
        let done = day.run(&line);
        assert_eq!(done.code, 0, "{line}: {}{}", done.output, done.errors);
    }
    let done = day.run(&meters);
    assert_eq!(done.code, 4, "{}{}", done.output, done.errors);
    for (number, (column, found, why)) in MISTAKES.iter().enumerate() {
        let line = (mistaken_line(number) + 1).to_string();
        let row = done.output.lines().find(|row| row.split_whitespace().next() == Some(&line));
        let row = row.unwrap_or_else(|| panic!("line {line} is not named: {}", done.output));
        for what in [column, found, why] {
            assert!(row.contains(what), "line {line} should say {what}: {row}");
        }
    }
    for line in shown_after("import").iter().filter(|line| line.trim() != "...") {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let is_said = done.output.lines().any(|said| words(said) == words(line));
        assert!(is_said, "the README shows another answer than\n{}", done.output);
    }
    let again = day.run(&meters);
    assert!(again.output.contains("990 unchanged"), "{}", again.output);
    let chinese = day.run(&meters.replace("hes ", "hes --lang zh "));
    assert!(chinese.output.contains("未变 990") && chinese.output.contains("必须填写"), "{}", chinese.output);

    let collect: [String; 2] = block("collect");
    for line in collect {
        let done = day.run(&line);
        assert_eq!(done.code, 0, "{line}: {}{}", done.output, done.errors);
    }
    wait_for("yesterday to be collected", || {
        let report = day.run("hes report success --day yesterday --json");
        let report: Value = serde_json::from_str(&report.output).ok()?;
        (open_slots(&report) == (990 * 5, 0)).then_some(())
    });
    let look: [String; 4] = block("look");
    for (line, expected) in look.iter().zip(["A10", "total", "Check sum", ""]) {
        let done = day.run(line);
        assert_eq!(done.code, 0, "{line}: {}{}", done.output, done.errors);
        assert!(done.output.contains(expected), "{line}: {}", done.output);
    }
    exports_are_whole_and_say_the_same(&day, &look[3]);
    scripts_are_answered(&day);

    let chinese = day.run("hes --lang zh report success --day yesterday --by area");
    assert!(chinese.output.contains("台区"), "{}", chinese.output);
    let chinese = day.run(&look[2].replace("hes ", "hes --lang zh "));
    assert!(chinese.output.contains("召测报文") && chinese.output.contains("有效"), "{}", chinese.output);
    assert!(started.iter_mut().rev().all(|running| running.terminate().success()));
}

/// `export` is the README's line, which wrote CSV; NDJSON of the same day has the same rows.
fn exports_are_whole_and_say_the_same(day: &Day, export: &str) {
    let csv = std::fs::read_to_string(day.path("daily.csv")).unwrap();
    let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let columns = rows.next().unwrap();
    let rows: Vec<Vec<&str>> = rows.collect();
    assert_eq!(rows.len(), 990 * 5, "{}", csv.lines().take(3).collect::<String>());

    let done = day.run(&export.replace("-o daily.csv", "--format ndjson -o daily.ndjson"));
    assert_eq!(done.code, 0, "{}{}", done.output, done.errors);
    let ndjson = std::fs::read_to_string(day.path("daily.ndjson")).unwrap();
    let objects: Vec<Value> = ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), rows.len());
    for (row, object) in rows.iter().zip(&objects) {
        for name in ["seq", "meter_no", "service_point", "area", "day", "register", "alias", "value", "unit", "quality"]
        {
            let at = columns.iter().position(|column| *column == name).unwrap();
            let said = object[name].as_str().map_or_else(|| object[name].to_string(), str::to_owned);
            assert_eq!(said, row[at], "{name} of {object}");
        }
    }
}

/// What stands in for `curl`, which not every machine has.
const CURL: &str = r#"#!/bin/sh
exec "$HES_TEST_PYTHON" - "$@" <<'END'
import sys, urllib.request
*options, url = sys.argv[1:]
request = urllib.request.Request(url)
for header in options[1::2]:
    request.add_header(*header.split(": ", 1))
sys.stdout.write(urllib.request.urlopen(request, timeout=30).read().decode())
END
"#;

fn scripts_are_answered(day: &Day) {
    let curl = day.path("curl");
    std::fs::write(&curl, CURL).unwrap();
    std::fs::set_permissions(&curl, std::fs::Permissions::from_mode(0o700)).unwrap();
    let address = std::fs::read_to_string(day.path("hes-data/api-address")).unwrap();
    let [gaps, metrics] = block("scripts").map(|line| line.replace("127.0.0.1:8645", address.trim()));
    for (line, expected) in [(gaps, "\"2026-11-24\""), (metrics, "hes_")] {
        let done = finish(&mut day.shell(&format!("PATH=\"$PWD:$PATH\" {line}")));
        assert_eq!(done.code, 0, "{line}: {}{}", done.output, done.errors);
        assert!(done.output.contains(expected), "{line}: {}", done.output);
    }
}

#[test]
fn what_the_readme_shows_for_a_laptop_works_as_written() {
    let (day, bench) = (Day::begin(), Fleet::start(BENCH, None));
    let [serial, tcp, decode, decode_dlms] = block("laptop");
    let channels = bench.ready["channels"].as_array().unwrap();
    let serial = serial.replace("/dev/ttyUSB0", channels[0]["path"].as_str().unwrap());
    let tcp = tcp.replace("10.0.0.7:8899", channels[1]["at"].as_str().unwrap());
    for (line, expected) in
        [(serial, "voltage_a"), (tcp, "import_active_total"), (decode, "7502.64"), (decode_dlms, "DISC")]
    {
        let done = day.run(&line);
        assert_eq!(done.code, 0, "{line}: {}{}", done.output, done.errors);
        assert!(done.output.contains(expected), "{line}: {}", done.output);
    }
}

#[test]
fn no_block_of_commands_in_the_readme_goes_unrun() {
    let readme = readme();
    let marked = ["start", "import", "collect", "look", "scripts", "laptop"];
    for mark in marked {
        assert!(readme.contains(&format!("<!-- first-day: {mark} -->\n```sh\n")), "{mark}");
    }
    assert_eq!(readme.matches("```sh\n").count(), marked.len(), "a block of commands that nothing runs");
}

fn readme() -> String {
    std::fs::read_to_string(binaries::root().join("README.md")).unwrap()
}

/// The commands of the README's block with this mark, so many and no others.
fn block<const COMMANDS: usize>(mark: &str) -> [String; COMMANDS] {
    let readme = readme();
    let (_, after) = readme.split_once(&format!("<!-- first-day: {mark} -->\n```sh\n")).expect("the block is there");
    let (commands, _) = after.split_once("```").unwrap();
    let lines: Vec<String> = commands.lines().map(|line| line.trim().to_owned()).collect();
    lines.try_into().unwrap_or_else(|lines| panic!("{mark} should have {COMMANDS} commands: {lines:?}"))
}

/// What the README shows as the answer to the block with this mark.
fn shown_after(mark: &str) -> Vec<String> {
    let readme = readme();
    let (_, after) = readme.split_once(&format!("<!-- first-day: {mark} -->\n```sh\n")).expect("the block is there");
    let shown = after.split("```").nth(2).expect("an answer is shown");
    shown.trim().lines().map(str::to_owned).collect()
}

/// Which row, from 1 as the first under the head line, has the mistake of this number.
fn mistaken_line(number: usize) -> usize {
    11 + number * 97
}
