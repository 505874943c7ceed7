//! Which meters are silent, and when each is asked again.
//!
//! A silent meter costs its line one longest-answer wait, then it is probed on a growing schedule. This is memory of
//! one channel and only memory: after a restart every meter is asked once. It counts by the monotonic clock, so that a wall
//! clock set back leaves no meter alone for longer. Slots that failed while their meter answers
//! have a schedule of their own in the store. A person's read goes past this, and an answer to it wakes the meter.

use std::collections::{HashMap, HashSet};

use hes_model::MeterId;
use tokio::time::Instant;

use crate::config::RetryConfig;

/// Whether a meter may be asked now, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Ask what is missing.
    Answers,
    /// It was silent: ask one small thing, to see whether it is back.
    Probe,
    /// Not before then.
    Wait(Instant),
}

#[derive(Debug, Clone, Copy)]
struct Silent {
    /// In a row; 0 while it has its second chance.
    times: u32,
    next: Instant,
}

/// The silent meters of one channel.
#[derive(Debug)]
pub(crate) struct Silence {
    config: RetryConfig,
    silent: HashMap<MeterId, Silent>,
    /// Meters that answered when they were last asked.
    answered: HashSet<MeterId>,
}

impl Silence {
    pub(crate) fn new(config: RetryConfig) -> Self {
        Self { config, silent: HashMap::new(), answered: HashSet::new() }
    }

    /// Notes that the meter answered something.
    pub(crate) fn broken(&mut self, meter: MeterId) {
        self.silent.remove(&meter);
        self.answered.insert(meter);
    }

    /// Notes that the meter said nothing, whatever it was asked. Returns when it is asked next.
    pub(crate) fn observed(&mut self, meter: MeterId, now: Instant) -> Instant {
        let times = self.silent.get(&meter).map_or(0, |silent| silent.times);
        let (times, wait) = if self.answered.remove(&meter) {
            (0, self.config.second_chance())
        } else {
            (times + 1, self.config.probe_wait(times))
        };
        let next = now + wait;
        self.silent.insert(meter, Silent { times, next });
        next
    }

    /// Whether a meter may be asked.
    pub(crate) fn standing(&self, meter: MeterId, now: Instant) -> Standing {
        match self.silent.get(&meter) {
            None => Standing::Answers,
            Some(silent) if now < silent.next => Standing::Wait(silent.next),
            Some(Silent { times: 0, .. }) => Standing::Answers,
            Some(_) => Standing::Probe,
        }
    }

    /// Meters that count as dead now.
    pub(crate) fn dead(&self) -> usize {
        self.silent.values().filter(|silent| silent.times > 0).count()
    }

    /// Meters that are left alone now.
    pub(crate) fn left_alone(&self, now: Instant) -> impl Iterator<Item = MeterId> {
        self.silent.iter().filter(move |(_, silent)| now < silent.next).map(|(meter, _)| *meter)
    }

    /// When the next of them is to be asked again.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        self.silent.values().map(|silent| silent.next).filter(|next| *next > now).min()
    }

    /// Forgets meters that are no longer on the channel.
    pub(crate) fn retain(&mut self, keep: impl Fn(MeterId) -> bool) {
        self.silent.retain(|meter, _| keep(*meter));
        self.answered.retain(|meter| keep(*meter));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const METER: MeterId = MeterId(7);
    fn exact() -> Silence {
        Silence::new(RetryConfig { jitter_percent: 0, ..RetryConfig::default() })
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_meter_that_never_answered_costs_one_wait_and_is_then_probed_on_the_stated_schedule() {
        let mut silence = exact();
        let mut now = Instant::now();
        for minutes in [1, 2, 5, 15, 30, 60, 60, 60] {
            let next = silence.observed(METER, now);
            assert_eq!(next, now + seconds(60 * minutes));
            assert_eq!(silence.standing(METER, now), Standing::Wait(next));
            assert_eq!(silence.standing(METER, next), Standing::Probe);
            assert_eq!(silence.next(now), Some(next));
            now = next;
        }
        assert_eq!(silence.dead(), 1);
        silence.broken(METER);
        assert_eq!(silence.standing(METER, now), Standing::Answers);
        assert_eq!(silence.dead(), 0);
    }

    #[test]
    fn a_meter_that_answered_before_gets_one_second_chance() {
        let mut silence = exact();
        let start = Instant::now();
        silence.broken(METER);
        assert_eq!(silence.observed(METER, start), start + seconds(5));
        assert_eq!(silence.dead(), 0);
        assert_eq!(silence.standing(METER, start + seconds(5)), Standing::Answers);
        assert_eq!(silence.observed(METER, start), start + seconds(60));
        assert_eq!(silence.dead(), 1);
    }
}
