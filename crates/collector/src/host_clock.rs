//! Whether the host's own clock is proven: without that no meter's clock is set by it. Reading goes on regardless.
//!
//! Proof is what the system's time service says (or the operator's word), and the absence of surprises: a wall clock
//! that jumps against the monotonic one, or that stands before something already stored, proves nothing.

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
#[derive(Debug)]
pub struct HostClock {
    config: ClockConfig,
    last: Option<(UtcMicros, Instant)>,
    watched_since: Option<Instant>,
    jumped: Option<(Instant, i64)>,
    /// Nothing we know of can be later than now.
    floor: UtcMicros,
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
        Self { config, last: None, watched_since: None, jumped: None, floor }
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

    fn settle(&self) -> Duration {
        Duration::from_secs(60 * u64::from(self.config.settle_minutes))
    }

    /// Whether the clock is proven now, given what the system says.
    pub fn proof(&self, system: &SystemSync, wall: UtcMicros, monotonic: Instant) -> Proof {
        let unproven = |why: String| Proof::Unproven { why };
        if wall < self.floor {
            return unproven(format!(
                "the host's clock shows {wall}, before something already stored ({})",
                self.floor
            ));
        }
        if let Some(milliseconds) = self.jumped_lately(monotonic) {
            return unproven(format!(
                "the host's clock jumped by {milliseconds} ms less than {} minutes ago",
                self.config.settle_minutes
            ));
        }
        match (self.config.host_proof, system) {
            (HostProof::Never, _) => unproven("the configuration says never (collector.clock.host_proof)".into()),
            (HostProof::Operator, _) => Proof::Proven { by: "the operator (collector.clock.host_proof)".into() },
            (HostProof::System, SystemSync::Synchronised { by }) => Proof::Proven { by: by.clone() },
            (HostProof::System, SystemSync::NotSynchronised { why }) => unproven(why.clone()),
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

    #[test]
    fn a_clock_before_what_is_stored_is_not_proven() {
        let clock = HostClock::new(ClockConfig::default(), NOW);
        assert!(!clock.proof(&ntp(), UtcMicros(NOW.0 - 1), Instant::now()).is_proven());
    }
}
