//! P1: how much of what an RS-485 bus can carry the collector makes of it.
//!
//! The limit is what no master could beat: from the simulated bus's own log the time of every byte and every turnaround,
//! and for each dead meter one wait for its longest answer time. The time compared with it goes from the first question
//! on the bus to the commit of the last value, so it holds planning, matching, judging and storing too.
#![expect(clippy::print_stdout, reason = "benches print their results")]

#[path = "../../crates/collector/tests/town/mod.rs"]
#[expect(dead_code, reason = "the tests' town can do more than is needed here")]
mod town;

use std::fmt;
use std::time::{Duration, Instant};

use hes_benches::{SHORT, print_machine, print_verdict};
use hes_collector::CollectorStatus;
use hes_model::{Task, Window};

use town::{Town, block, quick};

const METERS: u32 = 64;
const FIRST: u64 = 645_000_000_001;
const TURNAROUND_MS: u64 = 20;
/// What the standard gives a meter until its answer begins (Td).
const LONGEST_ANSWER: Duration = Duration::from_millis(500);
/// Nights a line is read, each with damage of its own.
const ROUNDS: u64 = if SHORT { 1 } else { 3 };
/// Longest time a night may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// One kind of bus.
#[derive(Clone, Copy)]
struct Line {
    baud: u32,
    /// Meters that answer nothing.
    dead: u32,
    /// Answers in a thousand with a damaged byte.
    damaged_per_mille: u16,
    /// Part of the limit that must be reached, in percent.
    target: f64,
}

#[tokio::main]
async fn main() {
    print_machine();
    println!(
        "data: {METERS} meters on one bus behind TCP, daily freeze of 5 registers, 11 bits a character, {TURNAROUND_MS} ms turnaround"
    );
    let healthy = |baud| Line { baud, dead: 0, damaged_per_mille: 0, target: 97.0 };
    let rough = |baud| Line { baud, dead: METERS / 10, damaged_per_mille: 10, target: 90.0 };
    let lines = [healthy(9600), rough(9600), healthy(2400), rough(2400)];
    // All at once: a run is waiting for its bus and nothing else.
    let mut nights: Vec<Vec<_>> =
        lines.iter().map(|line| (0..ROUNDS).map(|seed| tokio::spawn(line.collect(seed))).collect()).collect();
    for (line, nights) in lines.iter().zip(&mut nights) {
        let mut use_percent = Vec::new();
        for night in nights {
            let night = night.await.expect("a night ends");
            println!("    {night}");
            use_percent.push(night.use_percent());
        }
        use_percent.sort_by(f64::total_cmp);
        let what = format!("{} baud, {} dead meters, {} ‰ damaged", line.baud, line.dead, line.damaged_per_mille);
        print_verdict(&what, use_percent[use_percent.len() / 2], " %", line.target);
        let (least, most) = (use_percent[0], use_percent[use_percent.len() - 1]);
        println!("  the middle of {ROUNDS} nights, from {least:.1} to {most:.1} %");
    }
}

/// What one night on one bus took.
struct Night {
    exchanges: usize,
    on_line: Duration,
    limit: Duration,
    took: Duration,
}

impl Night {
    fn use_percent(&self) -> f64 {
        100.0 * self.limit.as_secs_f64() / self.took.as_secs_f64()
    }
}

impl fmt::Display for Night {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (on_line, limit, took) = (self.on_line.as_secs_f64(), self.limit.as_secs_f64(), self.took.as_secs_f64());
        write!(f, "{} exchanges, {on_line:.2} s on the line; limit {limit:.2} s, took {took:.2} s", self.exchanges)
    }
}

impl Line {
    fn fleet(self, seed: u64) -> String {
        format!(
            "seed = {seed}\n[[channel]]\nname = 'bus'\narea = 'A1'\ntransport = {{ kind = 'tcp' }}\nmeters = [{{ count = {METERS} }}]\n\
             line = {{ baud = {}, timing = 'exact', turnaround_ms = {TURNAROUND_MS}, wire_log = true }}\n\
             faults = {{ damaged_byte = {} }}\n",
            self.baud, self.damaged_per_mille
        )
    }

    /// Collects one night.
    async fn collect(self, seed: u64) -> Night {
        let town = Town::found(&self.fleet(seed), 0).await;
        let bus = town.fleet.fleet().bus("bus").expect("the bus");
        for n in 0..self.dead {
            // Spread over the bus, as death is.
            assert!(bus.set_silent(FIRST + u64::from(n * METERS / self.dead), true));
        }
        town.plan("daily", Task::Daily { registers: block() }, Window::ALWAYS).await;
        let running = town.collect(quick()).await;
        while bus.counts().questions == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The first question was heard when its bytes had been handed over: the line was not yet through with them.
        let begun = Instant::now();
        let expected = u64::from(METERS - self.dead) * block().len() as u64;
        let dead = usize::try_from(self.dead).expect("some");
        let dead_known = |s: &CollectorStatus| s.channels.values().any(|c| c.dead_meters >= dead);
        let done = |s: &CollectorStatus| s.readings() >= expected && dead_known(s);
        let mut changes = running.board.changes();
        let waited = tokio::time::timeout(PATIENCE, changes.wait_for(done)).await.is_ok();
        assert!(waited, "not done after {PATIENCE:?}: {:#?}", running.board.snapshot());
        let took = begun.elapsed();
        let wire = bus.wire();
        let on_line = wire.iter().map(|e| e.request_us + e.turnaround_us + e.answer_us).sum();
        let on_line = Duration::from_micros(on_line);
        running.stop().await;
        Night { exchanges: wire.len(), on_line, limit: on_line + LONGEST_ANSWER * self.dead, took }
    }
}
