//! Settings of the collector, with the defaults it ships with.

use std::time::Duration;

use hes_model::UtcMicros;
use serde::{Deserialize, Serialize};

use crate::turnstile::{TurnstileConfig, TurnstileConfigError};

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Outside its range.
    #[error("collector.{key} = {found}: accepted are {accepted}")]
    Range {
        /// The key.
        key: &'static str,
        /// What was given.
        found: String,
        /// What would be accepted.
        accepted: &'static str,
    },
    /// A setting of the turnstile is outside its range.
    #[error(transparent)]
    Turnstile(#[from] TurnstileConfigError),
}

/// Settings of the collector: section `[collector]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectorConfig {
    /// Dialogues a channel runs side by side. One talks, the others stand ready, so that the line never waits for us.
    pub dialogues_per_channel: u8,
    /// Most slots one dialogue asks for. It does not hold the line, as turns are given by the exchange; but what it brings
    /// is stored when it is over, so this bounds what a power cut costs.
    pub slots_per_dialogue: u16,
    /// Seconds after which a channel looks for missing slots even if nothing called for it.
    pub look_again_seconds: u16,
    /// Seconds after the end of a slot before it is asked for: meters latch by their own clocks. Values of now do not wait.
    pub after_latch_seconds: u16,
    /// When what failed is asked again.
    pub retry: RetryConfig,
    /// How turns on a channel are given.
    pub turnstile: TurnstileConfig,
    /// Clock checks and synchronisation.
    pub clock: ClockConfig,
    /// Seconds that running dialogues get to finish at shutdown, before they are cut at their next exchange.
    pub shutdown_seconds: u16,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self {
            dialogues_per_channel: 4,
            slots_per_dialogue: 192,
            look_again_seconds: 60,
            after_latch_seconds: 15,
            retry: RetryConfig::default(),
            turnstile: TurnstileConfig::default(),
            clock: ClockConfig::default(),
            shutdown_seconds: 10,
        }
    }
}

/// Section `[collector.retry]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Times a dialogue asks at once again for what came damaged, or for a first value that nothing speaks for yet.
    pub at_once: u8,
    /// Seconds until a slot is asked again whose value was refused, damaged or suspect: after its first, second, …
    /// failed dialogue. The last one repeats until the slot leaves the meter's memory.
    pub slot_seconds: Vec<u32>,
    /// Minutes until a meter that said nothing is probed again: after its first, second, … silence. The last one repeats.
    pub probe_minutes: Vec<u32>,
    /// Seconds after which a meter that answered before gets one second chance, before it counts as dead.
    pub second_chance_seconds: u32,
    /// How far each wait is spread, in percent of it, so that what failed together is not asked together.
    pub jitter_percent: u8,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            at_once: 2,
            slot_seconds: vec![60, 300, 900, 3600, 14_400],
            probe_minutes: vec![1, 2, 5, 15, 30, 60],
            second_chance_seconds: 5,
            jitter_percent: 20,
        }
    }
}

impl RetryConfig {
    /// How long a slot waits after this many failed dialogues before the present one.
    pub(crate) fn slot_wait(&self, failed_before: u32) -> Duration {
        self.jittered(Duration::from_secs(step(&self.slot_seconds, failed_before).into()))
    }

    /// How long a meter is left alone that was silent this often before.
    pub(crate) fn probe_wait(&self, silent_before: u32) -> Duration {
        self.jittered(Duration::from_secs(60 * u64::from(step(&self.probe_minutes, silent_before))))
    }

    /// How long a meter waits for its second chance.
    pub(crate) fn second_chance(&self) -> Duration {
        self.jittered(Duration::from_secs(self.second_chance_seconds.into()))
    }

    fn jittered(&self, wait: Duration) -> Duration {
        let spread = f64::from(self.jitter_percent) / 100.0;
        wait.mul_f64(1.0 + rand::random_range(-spread..=spread))
    }
}

/// The `times`-th of a growing list of waits, the last of which repeats.
fn step(waits: &[u32], times: u32) -> u32 {
    let last = waits.len().saturating_sub(1);
    let at = usize::try_from(times).unwrap_or(last).min(last);
    waits.get(at).copied().unwrap_or(1).max(1)
}

/// How the host's clock is known to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostProof {
    /// By what the system's time service says.
    System,
    /// The operator vouches for it (a GPS clock, an isolated network). Jumps still revoke it.
    Operator,
    /// It is not: never set a meter's clock.
    Never,
}

/// Section `[collector.clock]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClockConfig {
    /// How the host's clock is known to be right; without proof clocks are checked, but not set.
    pub host_proof: HostProof,
    /// When the operator compared the host's clock by hand and found it right, an RFC 3339 time; empty: never. What was
    /// stored under a later time before that no longer speaks against the clock.
    #[serde(with = "moment")]
    pub checked_at: Option<UtcMicros>,
    /// A wall clock that moves this much against the monotonic one has jumped, in milliseconds.
    pub jump_milliseconds: u32,
    /// Seconds without a jump after which the host's clock may be proven again.
    pub settle_seconds: u32,
    /// Meters further off than this call for a broadcast, in seconds.
    pub sync_from_seconds: u16,
    /// Meters further off than this would not take it (DL/T 645: 5 min) and are reported for an individual setting.
    pub sync_to_seconds: u16,
    /// No broadcast this many minutes before and after midnight, where daily freezes are latched.
    pub midnight_quiet_minutes: u16,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self {
            host_proof: HostProof::System,
            checked_at: None,
            jump_milliseconds: 1000,
            settle_seconds: 600,
            sync_from_seconds: 30,
            sync_to_seconds: 300,
            midnight_quiet_minutes: 30,
        }
    }
}

/// A moment that may be left open, as TOML has no word for nothing: empty, or an RFC 3339 time.
mod moment {
    use hes_model::UtcMicros;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(moment: &Option<UtcMicros>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&moment.map_or_else(String::new, |moment| moment.to_string()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<UtcMicros>, D::Error> {
        let text = String::deserialize(from)?;
        if text.is_empty() {
            return Ok(None);
        }
        let moment: jiff::Timestamp =
            text.parse().map_err(|_| D::Error::custom("not a time such as 2026-11-24T10:00:00+08:00, nor empty"))?;
        Ok(Some(moment.into()))
    }
}

impl CollectorConfig {
    /// Checks what the types alone do not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let wrong = |key, found: &dyn std::fmt::Display, accepted| {
            Err(ConfigError::Range { key, found: found.to_string(), accepted })
        };
        if !(1..=64).contains(&self.dialogues_per_channel) {
            return wrong("dialogues_per_channel", &self.dialogues_per_channel, "1 to 64");
        }
        if !(1..=10_000).contains(&self.slots_per_dialogue) {
            return wrong("slots_per_dialogue", &self.slots_per_dialogue, "1 to 10000");
        }
        if !(1..=3600).contains(&self.look_again_seconds) {
            return wrong("look_again_seconds", &self.look_again_seconds, "1 to 3600");
        }
        if self.after_latch_seconds > 3600 {
            return wrong("after_latch_seconds", &self.after_latch_seconds, "0 to 3600");
        }
        if self.retry.slot_seconds.is_empty() || self.retry.slot_seconds.contains(&0) {
            return wrong("retry.slot_seconds", &"[…]", "waits of at least 1 second, at least one");
        }
        if self.retry.probe_minutes.is_empty() || self.retry.probe_minutes.contains(&0) {
            return wrong("retry.probe_minutes", &"[…]", "waits of at least 1 minute, at least one");
        }
        if self.retry.jitter_percent > 50 {
            return wrong("retry.jitter_percent", &self.retry.jitter_percent, "0 to 50");
        }
        if self.retry.at_once > 5 {
            return wrong("retry.at_once", &self.retry.at_once, "0 to 5");
        }
        let clock = &self.clock;
        if clock.sync_to_seconds > 300 || clock.sync_from_seconds >= clock.sync_to_seconds {
            return wrong("clock.sync_to_seconds", &clock.sync_to_seconds, "numbers above sync_from_seconds, to 300");
        }
        if !(1..=86_400).contains(&clock.settle_seconds) {
            return wrong("clock.settle_seconds", &clock.settle_seconds, "1 to 86400");
        }
        if clock.midnight_quiet_minutes > 360 {
            return wrong("clock.midnight_quiet_minutes", &clock.midnight_quiet_minutes, "0 to 360");
        }
        Ok(self.turnstile.validate()?)
    }

    pub(crate) fn look_again(&self) -> Duration {
        Duration::from_secs(self.look_again_seconds.into())
    }

    pub(crate) fn shutdown(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_errors_name_key_and_range() {
        assert_eq!(CollectorConfig::default().validate(), Ok(()));
        let mut config = CollectorConfig::default();
        config.clock.sync_to_seconds = 301;
        let error = config.validate().unwrap_err().to_string();
        assert_eq!(
            error,
            "collector.clock.sync_to_seconds = 301: accepted are numbers above sync_from_seconds, to 300"
        );
    }

    #[test]
    fn the_moment_at_which_a_person_checked_the_clock_is_a_time_or_empty() {
        let parsed = |text: &str| {
            let config = serde_json::json!({ "checked_at": text });
            serde_json::from_value::<ClockConfig>(config).map(|config| config.checked_at).map_err(|e| e.to_string())
        };
        assert_eq!(parsed(""), Ok(None));
        let checked = Some(UtcMicros(1_795_485_600_000_000));
        assert_eq!(parsed("2026-11-24T10:00:00+08:00"), Ok(checked));
        let written = serde_json::to_value(ClockConfig { checked_at: checked, ..ClockConfig::default() }).unwrap();
        assert_eq!(serde_json::from_value::<ClockConfig>(written).unwrap().checked_at, checked);
        assert!(parsed("yesterday").unwrap_err().contains("2026-11-24T10:00:00+08:00"));
    }

    #[test]
    fn waits_grow_as_stated_and_are_spread_within_the_stated_percentage() {
        let exact = RetryConfig { jitter_percent: 0, ..RetryConfig::default() };
        let waits: Vec<_> = (0..7).map(|times| exact.slot_wait(times).as_secs()).collect();
        assert_eq!(waits, [60, 300, 900, 3600, 14_400, 14_400, 14_400]);
        let spread = RetryConfig::default();
        for _ in 0..200 {
            assert!((48.0..=72.0).contains(&spread.probe_wait(0).as_secs_f64()));
        }
    }
}
