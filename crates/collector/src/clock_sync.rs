//! Whether the time may be broadcast on a channel now.
//!
//! A broadcast reaches every meter of the line and none answers, so it goes out only when it helps and cannot harm:
//! the host's clock is proven, some meter drifts by more than the configured limit, no meter of the line latches its daily
//! values or its settlement about now, and none went out that day. A meter takes it only within five minutes (DL/T 645-2007); one that is further
//! off needs a setting of its own and is reported.

use hes_driver::Latching;
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

use crate::config::ClockConfig;
use crate::host_clock::Proof;

/// What is known when the question comes up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) host: &'a Proof,
    /// Civil time now.
    pub(crate) now: DateTime,
    /// What some meter of the channel latches about now.
    pub(crate) latching: Option<Latching>,
    /// Day of the channel's last broadcast.
    pub(crate) last: Option<Date>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Send it.
    Broadcast,
    /// Nobody needs it.
    NotNeeded,
    /// It would be needed, but must not go out now. One lowercase fragment.
    Withheld(String),
}

/// What a meter's offset calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Near enough.
    None,
    /// A broadcast would set it.
    Broadcast,
    /// Too far off for a broadcast.
    Individual,
}

/// What an offset, uncertain by so much, calls for.
pub(crate) fn need(offset: SignedDuration, uncertainty: SignedDuration, config: &ClockConfig) -> Need {
    let off = offset.abs();
    let from = SignedDuration::from_secs(config.sync_from_seconds.into());
    let to = SignedDuration::from_secs(config.sync_to_seconds.into());
    if off + uncertainty > to {
        Need::Individual
    } else if off - uncertainty > from {
        Need::Broadcast
    } else {
        Need::None
    }
}

/// Whether to broadcast, if `wanted` meters of the channel need it.
pub(crate) fn decide(wanted: usize, situation: &Situation<'_>, config: &ClockConfig) -> Decision {
    if wanted == 0 {
        return Decision::NotNeeded;
    }
    if let Proof::Unproven { why } = situation.host {
        return Decision::Withheld(format!("the host's clock is not proven: {why}"));
    }
    if situation.last == Some(situation.now.date()) {
        return Decision::Withheld("meters take one broadcast a day, and today's has gone out".into());
    }
    if is_near_midnight(situation.now.time(), config.midnight_quiet_minutes) {
        return Decision::Withheld(format!(
            "it is within {} minutes of midnight, when daily values are latched",
            config.midnight_quiet_minutes
        ));
    }
    if let Some(latching) = situation.latching {
        return Decision::Withheld(latching.to_string());
    }
    Decision::Broadcast
}

fn is_near_midnight(now: Time, quiet_minutes: u16) -> bool {
    let since = now.duration_since(Time::midnight());
    let quiet = SignedDuration::from_mins(quiet_minutes.into());
    since < quiet || SignedDuration::from_hours(24) - since <= quiet
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn seconds(n: i64) -> SignedDuration {
        SignedDuration::from_secs(n)
    }

    fn proven() -> Proof {
        Proof::Proven { by: "chronyd".into() }
    }

    fn ask(host: &Proof, now: DateTime, last: Option<Date>) -> Decision {
        decide(1, &Situation { host, now, latching: None, last }, &ClockConfig::default())
    }

    #[test]
    fn only_a_drift_between_the_limits_calls_for_a_broadcast() {
        let config = ClockConfig::default();
        for (offset, wanted) in [
            (0, Need::None),
            (30, Need::None),
            (32, Need::Broadcast),
            (-32, Need::Broadcast),
            (299, Need::Broadcast),
            (300, Need::Individual),
            (-86_400, Need::Individual),
        ] {
            assert_eq!(need(seconds(offset), seconds(1), &config), wanted, "{offset}");
        }
    }

    #[test]
    fn it_goes_out_once_a_day_by_a_proven_clock_and_away_from_midnight() {
        let noon = date(2026, 3, 2).at(12, 0, 0, 0);
        assert_eq!(ask(&proven(), noon, Some(date(2026, 3, 1))), Decision::Broadcast);
        assert_eq!(
            decide(0, &Situation { host: &proven(), now: noon, latching: None, last: None }, &ClockConfig::default()),
            Decision::NotNeeded
        );
        for withheld in [
            ask(&Proof::Unproven { why: "no reference".into() }, noon, None),
            ask(&proven(), noon, Some(date(2026, 3, 2))),
            ask(&proven(), date(2026, 3, 2).at(23, 30, 0, 0), None),
            ask(&proven(), date(2026, 3, 2).at(0, 29, 59, 0), None),
        ] {
            assert!(matches!(withheld, Decision::Withheld(_)), "{withheld:?}");
        }
        assert_eq!(ask(&proven(), date(2026, 3, 2).at(0, 30, 0, 0), None), Decision::Broadcast);
        let latching = Some(Latching::Settlement { hour: 12 });
        let settling = Situation { host: &proven(), now: noon, latching, last: None };
        assert!(matches!(decide(1, &settling, &ClockConfig::default()), Decision::Withheld(_)));
    }
}
