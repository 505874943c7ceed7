//! `hes demo`: a fleet and a head-end from nothing, in one command.
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failed test")]

use std::path::Path;
use std::process::Command;

use hes_tests::binaries;
use hes_tests::process::{Finished, Running, finish, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A serial bus, a serial server and a module that calls; one meter says nothing.
const FLEET: &str = r#"
seed = 11
[[area]]
code = "A01"
name = "Bus"
[[area]]
code = "A02"
name = "Server"
[[area]]
code = "A03"
name = "Module"
[[channel]]
name = "bus"
area = "A01"
transport = { kind = "pty" }
line = { baud = 9600 }
meters = [{ count = 3, first_address = "000000010001" }]
[[channel]]
name = "server"
area = "A02"
transport = { kind = "tcp" }
meters = [{ count = 3, first_address = "000000020001" }]
[[channel]]
name = "module"
area = "A03"
transport = { kind = "dial_in", target = "127.0.0.1:1", registration = { packet = "SIM-0001" } }
meters = [{ count = 3, first_address = "000000030001" }]
[[meter]]
address = "000000010002"
dead = true
"#;

fn demo(folder: &Path, arguments: &[&str]) -> Command {
    let fleet = folder.join("small.toml");
    std::fs::write(&fleet, FLEET).unwrap();
    let mut command = Command::new(binaries::hes());
    command.args(["--lang", "en", "demo", "--dir"]).arg(folder.join("demo"));
    command.arg("--fleet").arg(fleet).args(arguments);
    command
}

fn hes(folder: &Path, arguments: &[&str]) -> Finished {
    let mut command = Command::new(binaries::hes());
    finish(command.args(["--lang", "en", "--config"]).arg(folder.join("demo/hes.toml")).args(arguments))
}

#[test]
fn the_demo_reads_its_fleet_on_three_kinds_of_line_and_a_second_start_continues() {
    let folder = tempfile::tempdir().unwrap();
    let first = finish(&mut demo(folder.path(), &["--once", "--for", "50"]));
    assert_eq!(first.code, 0, "{}{}", first.output, first.errors);
    for part in ["9 simulated meters on 3 lines", "3 areas, 3 channels, 9 meters", "daily", "hes --config", "total"] {
        assert!(first.output.contains(part), "{part} is not in {}", first.output);
    }

    let checked = hes(folder.path(), &["db", "check", "--json"]);
    assert_eq!(checked.code, 0, "{}{}", checked.output, checked.errors);
    let readings = |output: &str| -> u64 {
        serde_json::from_str::<serde_json::Value>(output).unwrap()["readings"].as_u64().unwrap()
    };
    let after_first = readings(&checked.output);
    assert!(after_first >= 8 * 5, "eight meters that answer, five registers each: {after_first}");

    let second = finish(&mut demo(folder.path(), &["--once", "--for", "50"]));
    assert_eq!(second.code, 0, "{}{}", second.output, second.errors);
    let checked = hes(folder.path(), &["db", "check", "--json"]);
    assert_eq!(checked.code, 0, "{}{}", checked.output, checked.errors);
    assert!(readings(&checked.output) >= after_first);
}

#[test]
fn an_interrupt_ends_the_head_end_and_the_fleet() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start("hes demo", &mut demo(folder.path(), &[]));
    while !running.line().contains("values of today") {}
    running.signal(Signal::SIGINT);
    assert!(running.wait().success(), "{}", running.errors());
    // Nobody holds the database, nobody answers.
    assert_eq!(hes(folder.path(), &["db", "check"]).code, 0);
    assert_eq!(hes(folder.path(), &["status"]).code, 3);
    assert!(!has_port(folder.path()), "the fleet's ports are gone with it");
}

#[test]
fn a_demo_that_is_killed_takes_its_fleet_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start("hes demo", &mut demo(folder.path(), &[]));
    while !running.line().contains("9 simulated meters") {}
    assert!(has_port(folder.path()));
    running.kill();
    wait_for("the end of the fleet", || (!has_port(folder.path())).then_some(()));
}

#[test]
fn a_demo_whose_fleet_died_says_so_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start("hes demo", &mut demo(folder.path(), &[]));
    while !running.line().contains("9 simulated meters") {}
    let is_fleet =
        |id: &i32| std::fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim() == "hes-sim");
    let fleet = children(running.id()).into_iter().find(is_fleet).expect("the fleet is its child");
    kill(Pid::from_raw(fleet), Signal::SIGKILL).unwrap();
    assert!(!running.wait().success());
    let errors = running.errors();
    assert!(errors.contains("the simulated fleet has died") && errors.contains("hes-sim.log"), "{errors}");
    assert_eq!(hes(folder.path(), &["db", "check"]).code, 0, "the head-end was stopped in order");
}

/// The programs that a process has started, whichever of its threads did.
fn children(of: u32) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{of}/task")).unwrap();
    let lists = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap());
    lists.flat_map(|list| list.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<_>>()).collect()
}

/// Whether the fleet has its pseudo-terminal: it takes the link away when it ends.
fn has_port(folder: &Path) -> bool {
    std::fs::symlink_metadata(folder.join("demo/ports/bus")).is_ok()
}
