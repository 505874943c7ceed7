//! What the benches share: time measured as a ratio, and a line about the machine it was measured on.
//!
//! Absolute times on a shared machine are noise. Each bench measures us and a limit or a peer in one run, in turns, and
//! prints the ratio of the best of each, with the spread.
#![expect(clippy::print_stdout, reason = "benches print their results")]

use std::time::{Duration, Instant};

/// A development build only shows that a bench runs, so it does a part of the work.
pub const SHORT: bool = cfg!(debug_assertions);

/// Several measurements of one thing.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Takes one more.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }
    /// The shortest: what the machine can do when nothing else disturbs.
    pub fn best(&self) -> Duration {
        self.0.iter().copied().min().unwrap_or_default()
    }
    /// From the shortest to the longest, in percent of the shortest.
    pub fn spread_percent(&self) -> f64 {
        let longest = self.0.iter().copied().max().unwrap_or_default();
        (longest.as_secs_f64() / self.best().as_secs_f64() - 1.0) * 100.0
    }
}

/// Measures two things in turns, so that both see the same disturbances.
pub fn in_turns(rounds: usize, mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (Times, Times) {
    let mut times = (Times(Vec::new()), Times(Vec::new()));
    for _ in 0..rounds {
        times.0.0.push(timed(&mut ours));
        times.1.0.push(timed(&mut theirs));
    }
    times
}

fn timed(work: &mut impl FnMut()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// One line about the machine and the build.
pub fn print_machine() {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |m| m.trim_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?").to_owned();
    let build = if SHORT { "debug, a part of the work: its figures mean nothing" } else { "release, thin LTO" };
    println!("machine: {model}, {cores} cores, load {load}; build: {build}");
}

/// A result against its target.
pub fn print_verdict(what: &str, figure: f64, unit: &str, target: f64) {
    let verdict = if figure >= target { "met" } else { "NOT met" };
    println!("{what}: {figure:.1}{unit} (target {target}{unit}: {verdict})");
}
