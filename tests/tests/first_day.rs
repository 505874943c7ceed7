//! The README's first day, run exactly as it stands there: its commands, in its order, by a shell.
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failed test")]

use std::path::Path;
use std::process::Command;

use hes_tests::binaries;
use hes_tests::collected::open_slots;
use hes_tests::process::{Finished, Running, finish, wait_for};

const STREET: &str = r#"
seed = 3
[[channel]]
name = "bus-{n}"
repeat = 10
area = "A{n}"
transport = { kind = "tcp" }
meters = [{ count = 100, first_address = "000000000001" }]
"#;

/// What is wrong with each of ten rows: the column that is broken, and what stands there instead.
const MISTAKES: [(&str, &str); 10] = [
    ("address", "12A4"),
    ("address", "999999999999"),
    ("address", "1234567890123"),
    ("protocol", "modbus"),
    ("channel", "bus-99"),
    ("meter_no", ""),
    ("ct", "0"),
    ("installed_from", "2026-02-30"),
    ("model", "no-such-model"),
    ("service_point", "S 1"),
];

struct Day {
    folder: tempfile::TempDir,
}

impl Day {
    fn begin() -> Self {
        let day = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(day.path("street.toml"), STREET).unwrap();
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
    for line in block("start") {
        let command = line.strip_suffix('&').expect("the first block starts programs");
        let running = Running::start(command, &mut day.shell(&format!("exec {command}")));
        running.line();
        started.push(running);
    }
    break_ten_rows(&day.path("street/meters.csv"), &day.path("meters-with-mistakes.csv"));

    let import = block("import");
    for line in &import[..2] {
        let done = day.run(line);
        assert_eq!(done.code, 0, "{line}: {}{}", done.output, done.errors);
    }
    let done = day.run(&import[2]);
    assert_eq!(done.code, 4, "{}{}", done.output, done.errors);
    assert!(done.output.contains("990 new"), "{}", done.output);
    for (number, (column, found)) in MISTAKES.iter().enumerate() {
        let line = (mistaken_line(number) + 1).to_string();
        let row = done.output.lines().find(|row| row.split_whitespace().next() == Some(&line));
        let row = row.unwrap_or_else(|| panic!("line {line} is not named: {}", done.output));
        assert!(row.contains(column) && row.contains(found), "line {line} should name {column} {found}: {row}");
    }
    let again = day.run(&import[2]);
    assert!(again.output.contains("990 unchanged"), "{}", again.output);

    for line in block("collect") {
        let done = day.run(&line);
        assert_eq!(done.code, 0, "{line}: {}{}", done.output, done.errors);
    }
    wait_for("yesterday to be collected", || {
        let report = day.run("hes report success --day yesterday --json");
        let report: serde_json::Value = serde_json::from_str(&report.output).ok()?;
        (open_slots(&report) == (990 * 5, 0)).then_some(())
    });
    let look = block("look");
    let expected = ["A10", "total", "Check sum", ""];
    for (line, expected) in look.iter().zip(expected) {
        let done = day.run(line);
        assert_eq!(done.code, 0, "{line}: {}{}", done.output, done.errors);
        assert!(done.output.contains(expected), "{line}: {}", done.output);
    }
    let daily = std::fs::read_to_string(day.path("daily.csv")).unwrap();
    assert_eq!(daily.lines().count(), 1 + 990 * 5, "{}", daily.lines().take(3).collect::<String>());

    let chinese = day.run("hes --lang zh report success --day yesterday --by area");
    assert!(chinese.output.contains("台区"), "{}", chinese.output);
    assert!(started.iter_mut().rev().all(|running| running.terminate().success()));
}

/// The commands of the README's block with this mark.
fn block(mark: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(binaries::root().join("README.md")).unwrap();
    let (_, after) = readme.split_once(&format!("<!-- first-day: {mark} -->\n```sh\n")).expect("the block is there");
    let (commands, _) = after.split_once("```").unwrap();
    commands.lines().map(|line| line.trim().to_owned()).collect()
}

/// Which row, from 1 as the first under the head line, has the mistake of this number.
fn mistaken_line(number: usize) -> usize {
    11 + number * 97
}

fn break_ten_rows(from: &Path, to: &Path) {
    let text = std::fs::read_to_string(from).unwrap();
    let mut rows: Vec<Vec<String>> = text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    assert_eq!(rows.len(), 1001);
    for (number, (column, found)) in MISTAKES.iter().enumerate() {
        let at = rows[0].iter().position(|name| name == column).unwrap();
        rows[mistaken_line(number)][at] = (*found).to_owned();
    }
    let lines: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
    std::fs::write(to, lines.join("\n") + "\n").unwrap();
}
