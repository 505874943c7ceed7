//! P3: a reader's round, read over 40 buses at once: a daily freeze and a day's profile of every meter.
//!
//! `hes` and the fleet are processes of their own. The limit is the busiest bus's own log: the time of its bytes and
//! turnarounds. What `hes` costs is its processor time as the system counts it, the simulator's left out. The lines are
//! faster than real ones so that a run takes minutes; the work for `hes` is the same, in less time.
#![expect(clippy::print_stdout, reason = "benches print their results")]

use std::time::{Duration, Instant};

use hes_benches::{SHORT, print_machine, print_verdict};
use hes_tests::fleet::Fleet;
use hes_tests::head_end::{Server, Site};
use hes_tests::past;
use hes_tests::process::pause;
use serde_json::{Value, json};

const BUSES: u64 = 40;
/// Meters on each bus; growth doubles them twice, up to a reader's 4,000.
const METERS_A_BUS: [u64; 3] = if SHORT { [1, 2, 4] } else { [25, 50, 100] };
const BAUD: u32 = 57_600;
/// Five registers of the freeze, 96 points of the profile.
const SLOTS_A_METER: u64 = 5 + 96;
/// Longest time a size may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// Ticks of processor time a second in `/proc`, on every Linux there is.
const TICKS: f64 = 100.0;

fn main() {
    print_machine();
    println!(
        "data: {BUSES} buses behind TCP at {BAUD} baud, 11 bits a character, 20 ms turnaround; yesterday's daily freeze \
         of 5 registers and its profile of 96 points"
    );
    let mut costs = Vec::new();
    for meters_a_bus in METERS_A_BUS {
        let meters = BUSES * meters_a_bus;
        let run = collect(meters_a_bus);
        println!("{meters} meters: limit {:.1} s, took {:.1} s", run.limit.as_secs_f64(), run.took.as_secs_f64());
        let use_percent = 100.0 * run.limit.as_secs_f64() / run.took.as_secs_f64();
        print_verdict("  of the lines' limit", use_percent, " %", 95.0);
        println!("  processor time of hes: {:.2} s (target below 3 s for 4,000 meters)", run.processor_s);
        costs.push(1e3 * run.processor_s / meters as f64);
    }
    let (least, most) = costs.iter().fold((f64::MAX, 0.0_f64), |(l, m), c| (l.min(*c), m.max(*c)));
    let verdict = if most <= least * 1.15 { "met" } else { "NOT met" };
    println!("processor time a meter at 1x, 2x, 4x: {costs:.2?} ms (target: flat within 15 %: {verdict})");
}

/// One size, collected.
struct Run {
    limit: Duration,
    took: Duration,
    processor_s: f64,
}

fn collect(meters_a_bus: u64) -> Run {
    let fleet = Fleet::start(&fleet_file(meters_a_bus), None);
    let site = Site::new("");
    let mut server = site.serve();
    past::plan_yesterday(&site, &fleet);
    let before = processor_s(server.running.id());
    let begun = Instant::now();
    past::connect(&site, &fleet);
    let expected = BUSES * meters_a_bus * SLOTS_A_METER;
    while stored(&server) < expected {
        assert!(begun.elapsed() < PATIENCE, "{} of {expected} values after {PATIENCE:?}", stored(&server));
        pause();
    }
    let took = begun.elapsed();
    let processor_s = processor_s(server.running.id()) - before;
    let limit = (1..=BUSES).map(|n| on_line(&fleet, n)).max().unwrap_or_default();
    assert!(server.running.terminate().success(), "{}", server.running.errors());
    Run { limit, took, processor_s }
}

fn fleet_file(meters_a_bus: u64) -> String {
    format!(
        "seed = 645\n[[channel]]\nname = 'bus-{{n}}'\nrepeat = {BUSES}\narea = 'A{{n}}'\ntransport = {{ kind = 'tcp' }}\n\
         line = {{ baud = {BAUD}, timing = 'exact', turnaround_ms = 20, wire_log = true }}\n\
         meters = [{{ count = {meters_a_bus}, first_address = '000000000001' }}]\n"
    )
}

/// Good values in the store, as the server counts them.
fn stored(server: &Server<'_>) -> u64 {
    let metrics = server.get_text("/metrics");
    let line = metrics.lines().find(|line| line.starts_with("hes_store_readings_total") && line.contains("\"good\""));
    line.and_then(|line| line.split_whitespace().last()?.parse().ok()).unwrap_or(0)
}

/// What a bus's bytes and turnarounds took.
fn on_line(fleet: &Fleet, bus: u64) -> Duration {
    let log = fleet.control(&json!({ "op": "wire", "channel": format!("bus-{bus}") }));
    let micros = |entry: &Value| -> u64 {
        ["request_us", "turnaround_us", "answer_us"].iter().filter_map(|key| entry[key].as_u64()).sum()
    };
    Duration::from_micros(log["wire"].as_array().expect("the wire log").iter().map(micros).sum())
}

/// Processor seconds of a process so far, its own and the kernel's for it.
fn processor_s(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("a process of ours");
    // The name, in brackets, may hold anything; the fields after it are the third and on.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().map(|&at: &usize| fields[at].parse::<f64>().expect("a number")).sum();
    ticks / TICKS
}
