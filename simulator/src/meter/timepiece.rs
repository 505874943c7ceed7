//! The meter's own clock: what it shows, and when it truly latched what it latched.
//!
//! A meter freezes at *its* midnight. To give the same freeze however often it is asked, and whatever was done to the
//! clock since, the settings are kept: each says from which true instant on the clock ran how far off.

use crate::civil::{Civil, SECOND};

/// A meter's clock.
#[derive(Debug, Clone)]
pub(crate) struct Timepiece {
    first: Setting,
    later: Vec<Setting>,
}

#[derive(Debug, Clone, Copy)]
struct Setting {
    /// True time of the setting.
    at: Civil,
    /// Shown minus true, at that instant.
    offset_ms: i64,
    /// From then on, in parts in a billion; positive runs fast.
    drift_ppb: i64,
}

impl Timepiece {
    /// A clock that was `offset_ms` off at true time `at` and drifts.
    pub(crate) fn new(at: Civil, offset_ms: i64, drift_ppb: i64) -> Self {
        Self { first: Setting { at, offset_ms, drift_ppb }, later: Vec::new() }
    }

    /// What the clock shows at true time `truth`.
    pub(crate) fn shows(&self, truth: Civil) -> Civil {
        self.setting(truth).shows(truth)
    }

    /// The true time at which the clock showed `shown`, for the last time if it was set back over it; the moment of
    /// the setting if it was set forward over it.
    pub(crate) fn truth(&self, shown: Civil) -> Civil {
        for setting in self.later.iter().rev() {
            if setting.shows(setting.at) <= shown {
                return setting.truth(shown).max(setting.at);
            }
        }
        let within = self.first.truth(shown);
        // Skipped by a setting forward: what was due is latched when the clock jumps.
        self.later.first().map_or(within, |next| within.min(next.at))
    }

    /// Sets the clock at true time `truth` to show `shown`.
    pub(crate) fn set(&mut self, truth: Civil, shown: Civil) {
        let drift_ppb = self.setting(truth).drift_ppb;
        self.later.push(Setting { at: truth, offset_ms: shown.0 - truth.0, drift_ppb });
    }

    /// Changes how fast the clock runs, from true time `truth` on; what it shows does not jump.
    pub(crate) fn set_drift(&mut self, truth: Civil, drift_ppb: i64) {
        let offset_ms = self.shows(truth).0 - truth.0;
        self.later.push(Setting { at: truth, offset_ms, drift_ppb });
    }

    fn setting(&self, truth: Civil) -> &Setting {
        self.later.iter().rev().find(|s| s.at <= truth).unwrap_or(&self.first)
    }
}

impl Setting {
    fn shows(&self, truth: Civil) -> Civil {
        let drifted = (i128::from(truth.0 - self.at.0) * i128::from(self.drift_ppb)) / 1_000_000_000;
        truth.plus(self.offset_ms).plus(i64::try_from(drifted).unwrap_or(0))
    }

    fn truth(&self, shown: Civil) -> Civil {
        let rough = shown.plus(-self.offset_ms);
        let error = self.shows(rough).0 - shown.0;
        rough.plus(-error)
    }
}

/// Whether a broadcast time may be taken over: at most five minutes off, once a day, not close to midnight.
pub(crate) fn broadcast_is_acceptable(shown: Civil, told: Civil, last_day: Option<i64>) -> bool {
    const MOST_OFF: i64 = 5 * 60 * SECOND;
    // Near midnight a correction could skip or repeat a freeze.
    let far_from_midnight = |t: Civil| (MOST_OFF..crate::civil::DAY - MOST_OFF).contains(&t.of_day());
    (told.0 - shown.0).abs() <= MOST_OFF
        && last_day != Some(shown.day())
        && far_from_midnight(shown)
        && far_from_midnight(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Civil {
        text.parse().unwrap()
    }

    #[test]
    fn a_fast_clock_latches_before_the_true_midnight() {
        let clock = Timepiece::new(at("2026-11-01T00:00:00"), 2_000, 10_000);
        let midnight = at("2026-11-11T00:00:00");
        // Two seconds plus ten days at 10 ppm.
        assert_eq!(clock.shows(midnight).0 - midnight.0, 2_000 + 8_640);
        let latched = clock.truth(midnight);
        assert!(midnight.0 - latched.0 > 10_000);
        assert_eq!(clock.shows(latched).0 - midnight.0, 0);
    }

    #[test]
    fn setting_the_clock_does_not_move_earlier_latches() {
        let mut clock = Timepiece::new(at("2026-11-01T00:00:00"), 240_000, 0);
        let midnight = at("2026-11-05T00:00:00");
        let before = clock.truth(midnight);
        clock.set(at("2026-11-05T12:00:00"), at("2026-11-05T12:00:00"));
        assert_eq!(clock.truth(midnight), before);
        assert_eq!(clock.shows(at("2026-11-06T00:00:00")), at("2026-11-06T00:00:00"));
    }

    #[test]
    fn a_midnight_that_was_skipped_is_latched_when_the_clock_jumps() {
        let mut clock = Timepiece::new(at("2026-11-01T00:00:00"), 0, 0);
        clock.set(at("2026-11-04T23:50:00"), at("2026-11-05T00:10:00"));
        assert_eq!(clock.truth(at("2026-11-05T00:00:00")), at("2026-11-04T23:50:00"));
    }

    #[test]
    fn a_broadcast_is_taken_once_a_day_within_five_minutes_and_away_from_midnight() {
        let noon = at("2026-11-05T12:00:00");
        assert!(broadcast_is_acceptable(noon, noon.plus(299_000), None));
        assert!(!broadcast_is_acceptable(noon, noon.plus(301_000), None));
        assert!(!broadcast_is_acceptable(noon, noon.plus(1_000), Some(noon.day())));
        let late = at("2026-11-05T23:58:00");
        assert!(!broadcast_is_acceptable(late, late.plus(1_000), None));
    }
}
