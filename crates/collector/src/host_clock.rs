//! Whether the host's own clock is proven: without that no meter's clock is set by it. Reading goes on regardless.
//!
//! Proof is what the system's time service says (or the operator's word), and the absence of surprises: a wall clock
//! that jumps against the monotonic one, or that stands before something already stored, proves nothing.
//!
//! What is stored may itself have been stamped by a wrong clock. So its word gives way to a better one: to the time
//! service, once it has vouched for the clock without a break for the settling time, or to the operator, who states when
//! the clock was compared by hand.

mod system;

use std::time::{Duration, Instant};

use hes_model::UtcMicros;

pub use system::system_sync;

use crate::config::{ClockConfig, HostProof};

/// What the system's time service says of the host's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemSync {
    /// It is disciplined by a reference.
    Synchronised {
        /// Which service says so.
        by: String,
    },
    /// It is not, or nobody knows.
    NotSynchronised {
        /// What was found, one lowercase fragment.
        why: String,
    },
}

/// Whether the host's clock may set meters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It may.
    Proven {
        /// By what.
        by: String,
    },
    /// It may not.
    Unproven {
        /// Why, one lowercase fragment.
        why: String,
    },
}

impl Proof {
    /// Whether it may.
    pub fn is_proven(&self) -> bool {
        matches!(self, Proof::Proven { .. })
    }
}

/// Watches the host's clock. Time is an argument; it reads no clock itself.
#[derive(Debug, Clone)]
pub struct HostClock {
    config: ClockConfig,
    last: Option<(UtcMicros, Instant)>,
    watched_since: Option<Instant>,
    jumped: Option<(Instant, i64)>,
    /// Nothing we know of can be later than now.
    floor: UtcMicros,
    /// Since when the time service has vouched for the clock without a break.
    vouched_since: Option<Instant>,
}

/// This program did not exist before 2026: a clock that shows less was never set, whoever vouches for it.
const NOT_BEFORE: UtcMicros = UtcMicros(1_767_225_600_000_000);

/// Why what is stored under a later time than now no longer speaks against the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overruled {
    /// What was stored last, as it was stamped.
    pub stored: UtcMicros,
    /// By whom.
    pub by: String,
}

/// What an observation found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// Wall and monotonic clock went on together.
    Steady,
    /// The wall clock jumped by so many milliseconds.
    Jumped {
        /// Positive: forward.
        milliseconds: i64,
    },
}

/// What a quartz may drift against the kernel's slewing: 500 ppm each.
const DRIFT_PER_MILLION: i64 = 1000;

impl HostClock {
    /// A watch that knows nothing later than `floor` (the newest thing in the store) can have happened.
    pub fn new(config: ClockConfig, floor: UtcMicros) -> Self {
        let floor = floor.max(NOT_BEFORE);
        Self { config, last: None, watched_since: None, jumped: None, floor, vouched_since: None }
    }

    /// Takes in what the time service says. Returns, once, that it or the operator overrules what is stored.
    pub fn hear(&mut self, system: &SystemSync, wall: UtcMicros, monotonic: Instant) -> Option<Overruled> {
        let by = match (self.config.host_proof, system) {
            (HostProof::System, SystemSync::Synchronised { by }) if self.jumped_lately(monotonic).is_none() => {
                let since = *self.vouched_since.get_or_insert(monotonic);
                let long_enough = monotonic.saturating_duration_since(since) >= self.settle();
                long_enough.then(|| format!("{by}, which has vouched for it for {} s", self.config.settle_seconds))
            }
            _ => {
                self.vouched_since = None;
                None
            }
        };
        let operator = || "the operator (collector.clock.checked_at)".to_owned();
        let by = by.or_else(|| self.config.checked_at.is_some_and(|checked| checked <= wall).then(operator))?;
        if wall >= self.floor || wall < NOT_BEFORE {
            return None;
        }
        let stored = std::mem::replace(&mut self.floor, NOT_BEFORE);
        Some(Overruled { stored, by })
    }

    /// Compares the two clocks with the last observation.
    pub fn observe(&mut self, wall: UtcMicros, monotonic: Instant) -> Observed {
        let before = self.last.replace((wall, monotonic));
        self.watched_since.get_or_insert(monotonic);
        let Some((last_wall, last_monotonic)) = before else { return Observed::Steady };
        let elapsed = micros(monotonic.saturating_duration_since(last_monotonic));
        let apart = wall.since(last_wall).saturating_sub(elapsed);
        let allowed = i64::from(self.config.jump_milliseconds) * 1000 + elapsed / 1_000_000 * DRIFT_PER_MILLION;
        if apart.saturating_abs() <= allowed {
            return Observed::Steady;
        }
        self.jumped = Some((monotonic, apart / 1000));
        Observed::Jumped { milliseconds: apart / 1000 }
    }

    /// Whether it has been watched for the settling time, and did not jump in it. A clock that was wrong when we started is
    /// mostly put right in that time; that is no proof, but enough to go by where nothing is set.
    pub fn has_settled(&self, monotonic: Instant) -> bool {
        let watched = self.watched_since.map(|since| monotonic.saturating_duration_since(since));
        watched.is_some_and(|watched| watched >= self.settle()) && self.jumped_lately(monotonic).is_none()
    }

    /// The jump of less than the settling time ago, in milliseconds.
    pub fn jumped_lately(&self, monotonic: Instant) -> Option<i64> {
        let (at, milliseconds) = self.jumped?;
        (monotonic.saturating_duration_since(at) < self.settle()).then_some(milliseconds)
    }

    /// Why the clock proves nothing, if it jumped less than the settling time ago.
    pub fn doubt(&self, monotonic: Instant) -> Option<String> {
        let (milliseconds, seconds) = (self.jumped_lately(monotonic)?, self.config.settle_seconds);
        Some(format!("the host's clock jumped by {milliseconds} ms less than {seconds} s ago"))
    }

    fn settle(&self) -> Duration {
        Duration::from_secs(self.config.settle_seconds.into())
    }

    /// Whether the clock is proven now, given what the system says.
    pub fn proof(&self, system: &SystemSync, wall: UtcMicros, monotonic: Instant) -> Proof {
        let unproven = |why: String| Proof::Unproven { why };
        if wall < self.floor {
            // Without the time it shows: what is said anew each second would be a new reason each second.
            let (stored, way_out) = (self.floor, self.way_out());
            return unproven(format!("the host's clock stands before {stored}, what is stored is later; {way_out}"));
        }
        if let Some(why) = self.doubt(monotonic) {
            return unproven(why);
        }
        match (self.config.host_proof, system) {
            (HostProof::Never, _) => unproven("the configuration says never (collector.clock.host_proof)".into()),
            (HostProof::Operator, _) => Proof::Proven { by: "the operator (collector.clock.host_proof)".into() },
            (HostProof::System, SystemSync::Synchronised { by }) => Proof::Proven { by: by.clone() },
            (HostProof::System, SystemSync::NotSynchronised { why }) => unproven(why.clone()),
        }
    }
}

impl HostClock {
    /// What would end the doubt of a clock that is right.
    fn way_out(&self) -> String {
        let by_hand = "if it is right, set collector.clock.checked_at to the time at which you compared it";
        match self.config.host_proof {
            HostProof::System => {
                format!(
                    "what is stored is overruled once the time service has vouched for the clock for {} s; {by_hand}",
                    self.config.settle_seconds
                )
            }
            HostProof::Operator | HostProof::Never => by_hand.to_owned(),
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMicros = UtcMicros(1_800_000_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn ntp() -> SystemSync {
        SystemSync::Synchronised { by: "chronyd".into() }
    }

    fn watch(host_proof: HostProof) -> HostClock {
        HostClock::new(ClockConfig { host_proof, ..ClockConfig::default() }, UtcMicros(NOW.0 - 1))
    }

    #[test]
    fn a_steady_clock_is_as_proven_as_its_source_says() {
        let mut clock = watch(HostProof::System);
        let start = Instant::now();
        assert_eq!(clock.observe(NOW, start), Observed::Steady);
        assert_eq!(clock.observe(NOW.plus(60 * SECOND), start + 60 * SECOND), Observed::Steady);
        assert_eq!(clock.proof(&ntp(), NOW, start), Proof::Proven { by: "chronyd".into() });
        let lost = SystemSync::NotSynchronised { why: "no reference".into() };
        assert_eq!(clock.proof(&lost, NOW, start), Proof::Unproven { why: "no reference".into() });
        assert!(watch(HostProof::Operator).proof(&lost, NOW, start).is_proven());
        assert!(!watch(HostProof::Never).proof(&ntp(), NOW, start).is_proven());
    }

    #[test]
    fn a_jump_revokes_every_proof_until_the_clock_has_settled() {
        for (host_proof, jump) in [(HostProof::System, 3600_i64), (HostProof::Operator, -5)] {
            let mut clock = watch(host_proof);
            let start = Instant::now();
            clock.observe(UtcMicros(NOW.0 + 100 * 1_000_000), start);
            let wall = UtcMicros(NOW.0 + (100 + 10 + jump) * 1_000_000);
            let later = start + 10 * SECOND;
            assert_eq!(clock.observe(wall, later), Observed::Jumped { milliseconds: jump * 1000 });
            assert!(!clock.proof(&ntp(), wall, later + 599 * SECOND).is_proven());
            assert!(clock.proof(&ntp(), wall, later + 600 * SECOND).is_proven());
        }
    }

    #[test]
    fn a_clock_has_settled_after_a_time_without_a_jump() {
        let mut clock = watch(HostProof::System);
        let start = Instant::now();
        assert!(!clock.has_settled(start), "not watched yet");
        clock.observe(NOW, start);
        assert!(!clock.has_settled(start + 599 * SECOND));
        assert!(clock.has_settled(start + 600 * SECOND));
        clock.observe(NOW.plus(86_400 * SECOND), start + 600 * SECOND);
        assert_eq!(clock.jumped_lately(start + 601 * SECOND), Some((86_400 - 600) * 1000));
        assert!(!clock.has_settled(start + 1199 * SECOND));
        assert!(clock.has_settled(start + 1200 * SECOND));
    }

    #[test]
    fn slewing_is_no_jump() {
        let mut clock = watch(HostProof::System);
        let start = Instant::now();
        clock.observe(NOW, start);
        let day = 86_400 * SECOND;
        assert_eq!(clock.observe(NOW.plus(day + 40 * SECOND), start + day), Observed::Steady);
    }

    /// Watches a clock that stands years before what is stored.
    fn behind(config: ClockConfig) -> HostClock {
        HostClock::new(config, NOW.plus(10 * 365 * 86_400 * SECOND))
    }

    #[test]
    fn a_clock_before_what_is_stored_is_not_proven_and_says_what_would_help() {
        let clock = HostClock::new(ClockConfig::default(), NOW);
        let found = clock.proof(&ntp(), UtcMicros(NOW.0 - 2), Instant::now());
        assert_eq!(found, clock.proof(&ntp(), UtcMicros(NOW.0 - 1), Instant::now()), "told once, not each second");
        let Proof::Unproven { why } = found else { panic!("proven") };
        assert!(why.contains("checked_at"), "{why}");
    }

    #[test]
    fn a_time_service_that_vouches_for_the_settling_time_overrules_what_is_stored_once() {
        let mut clock = behind(ClockConfig::default());
        let start = Instant::now();
        let minute = |n: u32| (NOW.plus(60 * n * SECOND), start + 60 * n * SECOND);
        for n in 0..10 {
            let (wall, at) = minute(n);
            clock.observe(wall, at);
            assert_eq!(clock.hear(&ntp(), wall, at), None, "minute {n}");
            assert!(!clock.proof(&ntp(), wall, at).is_proven());
        }
        let (wall, at) = minute(10);
        assert!(clock.hear(&ntp(), wall, at).is_some_and(|overruled| overruled.by.contains("chronyd")));
        assert!(clock.proof(&ntp(), wall, at).is_proven());
        assert_eq!(clock.hear(&ntp(), wall, at), None, "told once");
    }

    #[test]
    fn a_break_in_the_time_services_word_or_a_jump_begins_its_time_anew() {
        let lost = SystemSync::NotSynchronised { why: "no reference".into() };
        for jump in [0, 3600] {
            let mut clock = behind(ClockConfig::default());
            let start = Instant::now();
            let minute = |n: u32| (NOW.plus(60 * n * SECOND), start + 60 * n * SECOND);
            clock.observe(NOW, start);
            assert_eq!(clock.hear(&ntp(), NOW, start), None);
            let (wall, at) = minute(9);
            if jump == 0 {
                clock.hear(&lost, wall, at);
            } else {
                clock.observe(wall.plus(jump * SECOND), at);
            }
            for n in [10, 18] {
                let (wall, at) = minute(n);
                assert_eq!(clock.hear(&ntp(), wall, at), None, "minute {n}");
            }
        }
    }

    #[test]
    fn the_operator_overrules_what_is_stored_by_saying_when_the_clock_was_compared() {
        let told = |checked_at| ClockConfig { host_proof: HostProof::Operator, checked_at, ..ClockConfig::default() };
        let at = Instant::now();
        let mut silent = behind(told(None));
        assert_eq!(silent.hear(&ntp(), NOW, at), None, "the general word of the operator is older than the doubt");
        assert!(!silent.proof(&ntp(), NOW, at).is_proven());
        let mut checked = behind(told(Some(UtcMicros(NOW.0 - 1))));
        assert!(checked.hear(&ntp(), NOW, at).is_some());
        assert!(checked.proof(&ntp(), NOW, at).is_proven());
        let mut gone_back = behind(told(Some(UtcMicros(NOW.0 + 1))));
        assert_eq!(gone_back.hear(&ntp(), NOW, at), None, "it is before the time at which it was compared");
    }

    #[test]
    fn nobody_proves_a_clock_that_was_never_set() {
        let mut clock =
            HostClock::new(ClockConfig { checked_at: Some(UtcMicros(0)), ..ClockConfig::default() }, UtcMicros(0));
        let at = Instant::now();
        assert_eq!(clock.hear(&ntp(), UtcMicros(1), at), None);
        assert!(!clock.proof(&ntp(), UtcMicros(1), at).is_proven());
    }
}
