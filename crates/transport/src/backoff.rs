//! How long to wait before a link is opened again.

use std::time::Duration;

use crate::BackoffConfig;

/// A growing delay: doubles with each failure up to a ceiling, half of it by chance, so that links which went down
/// together do not come back together.
///
/// The n-th delay lies in `[d/2, d)` with `d = min(first * 2^(n-1), max)`. It starts anew only after a link that *stayed*
/// up: a peer that accepts and hangs up at once is a failing peer.
#[derive(Debug, Clone)]
pub struct Backoff {
    config: BackoffConfig,
    failures: u32,
}

impl Backoff {
    /// Starts with no failure behind it.
    pub fn new(config: BackoffConfig) -> Self {
        Self { config, failures: 0 }
    }

    /// Counts a failure; the delay before the next attempt. `chance` is a random number in `[0, 1)`.
    pub fn failed(&mut self, chance: f64) -> Duration {
        let doubled = 1u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let full = self.config.first().saturating_mul(doubled).min(self.config.max());
        full / 2 + (full / 2).mul_f64(chance.clamp(0.0, 1.0))
    }

    /// Tells how long a link lived that is down now. Long enough, and the failures before it are forgotten.
    pub fn lived(&mut self, up: Duration) {
        if up >= self.config.stable() {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff::new(BackoffConfig { first_ms: 1000, max_seconds: 60, stable_seconds: 30 })
    }

    #[test]
    fn the_delay_doubles_up_to_its_ceiling_and_half_of_it_is_chance() {
        let mut b = backoff();
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            let mut twin = b.clone();
            assert_eq!(b.failed(0.0), Duration::from_millis(expected * 500));
            assert_eq!(twin.failed(1.0), Duration::from_secs(expected));
        }
        for _ in 0..100 {
            assert!(b.failed(0.99) <= Duration::from_secs(60));
        }
    }

    #[test]
    fn a_link_that_drops_at_once_does_not_start_the_delay_anew() {
        let mut b = backoff();
        b.failed(0.0);
        b.failed(0.0);
        b.lived(Duration::from_secs(2));
        assert_eq!(b.failed(0.0), Duration::from_secs(2));
        b.lived(Duration::from_secs(30));
        assert_eq!(b.failed(0.0), Duration::from_millis(500));
    }
}
