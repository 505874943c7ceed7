//! The fleet's clock: what time it really is in the simulated world.
//!
//! All meters share it; each then has its own opinion (see `meter::timepiece`). It runs with the wall, at a multiple of
//! it, or only when told to. Transmission times on a line are *not* scaled by it: a byte takes what a byte takes.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::civil::Civil;

/// The shared clock of a fleet.
#[derive(Debug)]
pub struct SimClock {
    anchor: Mutex<Anchor>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    wall: Instant,
    civil: Civil,
    rate: f64,
}

impl Anchor {
    fn now(&self) -> Civil {
        let elapsed_ms = self.wall.elapsed().as_secs_f64() * 1000.0 * self.rate;
        #[expect(clippy::cast_possible_truncation, reason = "a saturating cast is what an absurd rate deserves")]
        let elapsed_ms = elapsed_ms as i64;
        self.civil.plus(elapsed_ms)
    }
}

impl SimClock {
    /// A clock that shows `start` now and runs `rate` times as fast as the wall; 0 stands until [`advance`](Self::advance).
    pub fn new(start: Civil, rate: f64) -> Self {
        Self { anchor: Mutex::new(Anchor { wall: Instant::now(), civil: start, rate: rate.max(0.0) }) }
    }

    /// A clock that shows the wall's time in a zone `utc_offset_minutes` east of Greenwich.
    pub fn wall(utc_offset_minutes: i32) -> Self {
        let utc_ms = jiff::Timestamp::now().as_millisecond();
        Self::new(Civil(utc_ms).plus(i64::from(utc_offset_minutes) * crate::civil::MINUTE), 1.0)
    }

    /// The true time.
    pub fn now(&self) -> Civil {
        self.lock().now()
    }

    /// Moves the clock by `ms`; going back is possible and is up to who asks for it.
    pub fn advance(&self, ms: i64) -> Civil {
        let mut anchor = self.lock();
        anchor.civil = anchor.civil.plus(ms);
        anchor.now()
    }

    /// Sets the time.
    pub fn set(&self, to: Civil) {
        let mut anchor = self.lock();
        *anchor = Anchor { wall: Instant::now(), civil: to, rate: anchor.rate };
    }

    /// Changes the speed from now on.
    pub fn set_rate(&self, rate: f64) {
        let mut anchor = self.lock();
        *anchor = Anchor { wall: Instant::now(), civil: anchor.now(), rate: rate.max(0.0) };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Anchor> {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stepped_clock_moves_only_when_told() {
        let start: Civil = "2026-11-01T00:00:00".parse().unwrap();
        let clock = SimClock::new(start, 0.0);
        assert_eq!(clock.now(), start);
        assert_eq!(clock.advance(90_000).to_string(), "2026-11-01T00:01:30");
        assert_eq!(clock.now().to_string(), "2026-11-01T00:01:30");
    }

    #[test]
    fn a_fast_clock_runs_ahead_of_the_wall() {
        let start: Civil = "2026-11-01T00:00:00".parse().unwrap();
        let clock = SimClock::new(start, 1_000_000.0);
        let first = clock.now();
        let second = clock.now();
        assert!(second >= first && first >= start);
    }
}
