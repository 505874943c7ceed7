//! What one channel knows of its meters' drift, between the clock checks and the broadcast that follows them.

use std::collections::{BTreeMap, BTreeSet};

use hes_driver::Latching;
use hes_model::{ClockSync, MeterId};
use hes_store::ClockReading;
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};

use crate::clock_sync::{Decision, Need, Situation, decide, need};
use crate::config::ClockConfig;
use crate::host_clock::Proof;

/// What one check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Near enough, or a broadcast will do.
    Fine,
    /// Only a setting of its own would help.
    TooFarOff,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// Broadcast the time, for these meters.
    Broadcast(BTreeSet<MeterId>),
    /// Tell that it is needed and does not go out; said once a day and reason.
    Tell(String),
}

/// Drift on one channel.
#[derive(Debug)]
pub(crate) struct Drift {
    config: ClockConfig,
    sync: ClockSync,
    needs: BTreeMap<MeterId, Need>,
    under_way: BTreeSet<MeterId>,
    told: Option<(Date, String)>,
}

impl Drift {
    pub(crate) fn new(config: ClockConfig) -> Self {
        Self { config, sync: ClockSync::CheckOnly, needs: BTreeMap::new(), under_way: BTreeSet::new(), told: None }
    }

    /// What the clock plans of the channel want as they stand now.
    pub(crate) fn wanted(&mut self, sync: ClockSync) {
        self.sync = sync;
    }

    /// Takes a check in.
    pub(crate) fn seen(&mut self, meter: MeterId, clock: &ClockReading) -> Verdict {
        let offset = SignedDuration::from_millis(clock.offset_ms);
        let need = need(offset, SignedDuration::from_millis(clock.uncertainty_ms), &self.config);
        self.needs.insert(meter, need);
        if need == Need::Individual { Verdict::TooFarOff } else { Verdict::Fine }
    }

    /// Whether it is time to decide: the checks that are due have been made, so that one broadcast serves all.
    pub(crate) fn may_decide(&self, checks_left: Checks) -> bool {
        self.sync == ClockSync::Broadcast && checks_left == Checks::Made && self.under_way.is_empty()
    }

    pub(crate) fn decide(
        &mut self,
        host: Option<&Proof>,
        now: DateTime,
        latching: Option<Latching>,
        last: Option<Date>,
    ) -> Next {
        let unknown = Proof::Unproven { why: "it has not been looked at yet".into() };
        let wanting: BTreeSet<_> =
            self.needs.iter().filter(|(_, need)| **need == Need::Broadcast).map(|(meter, _)| *meter).collect();
        let situation = Situation { host: host.unwrap_or(&unknown), now, latching, last };
        match decide(wanting.len(), &situation, &self.config) {
            Decision::NotNeeded => Next::Nothing,
            Decision::Broadcast => {
                self.under_way.clone_from(&wanting);
                Next::Broadcast(wanting)
            }
            Decision::Withheld(why) => {
                let said = Some((now.date(), why.clone()));
                if self.told == said {
                    return Next::Nothing;
                }
                self.told = said;
                Next::Tell(why)
            }
        }
    }

    /// The broadcast did not go out: it is still needed, and decided anew.
    pub(crate) fn broadcast_failed(&mut self) {
        self.under_way.clear();
    }

    /// Forgets meters that are no longer on the channel.
    pub(crate) fn retain(&mut self, keep: impl Fn(MeterId) -> bool) {
        self.needs.retain(|meter, _| keep(*meter));
    }

    /// The broadcast is out; returns for whom it was. Their offsets are unknown until the next check.
    pub(crate) fn broadcast_done(&mut self) -> BTreeSet<MeterId> {
        let served = std::mem::take(&mut self.under_way);
        self.needs.retain(|meter, _| !served.contains(meter));
        served
    }
}

/// Whether clock checks are still due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    Made,
    Due,
}

#[cfg(test)]
mod tests {
    use hes_model::{MeterClock, UtcMicros};
    use jiff::civil::date;

    use super::*;

    fn reading(offset_seconds: i64) -> ClockReading {
        ClockReading {
            meter_clock: MeterClock(date(2026, 3, 2).at(12, 0, 0, 0)),
            at: UtcMicros(0),
            offset_ms: offset_seconds * 1000,
            uncertainty_ms: 500,
            proof: 0,
        }
    }

    fn proven() -> Proof {
        Proof::Proven { by: "chronyd".into() }
    }

    #[test]
    fn one_broadcast_serves_all_that_drift_once_every_check_is_made() {
        let noon = date(2026, 3, 2).at(12, 0, 0, 0);
        let mut drift = Drift::new(ClockConfig::default());
        drift.wanted(ClockSync::Broadcast);
        assert_eq!(drift.seen(MeterId(1), &reading(100)), Verdict::Fine);
        assert_eq!(drift.seen(MeterId(2), &reading(-60)), Verdict::Fine);
        assert_eq!(drift.seen(MeterId(3), &reading(2)), Verdict::Fine);
        assert_eq!(drift.seen(MeterId(4), &reading(4000)), Verdict::TooFarOff);
        assert!(!drift.may_decide(Checks::Due));
        assert!(drift.may_decide(Checks::Made));
        let both = BTreeSet::from([MeterId(1), MeterId(2)]);
        assert_eq!(drift.decide(Some(&proven()), noon, None, None), Next::Broadcast(both.clone()));
        assert!(!drift.may_decide(Checks::Made), "it is under way");
        assert_eq!(drift.broadcast_done(), both);
        assert_eq!(drift.decide(Some(&proven()), noon, None, None), Next::Nothing);
    }

    #[test]
    fn a_broadcast_that_did_not_go_out_is_decided_anew() {
        let noon = date(2026, 3, 2).at(12, 0, 0, 0);
        let mut drift = Drift::new(ClockConfig::default());
        drift.wanted(ClockSync::Broadcast);
        drift.seen(MeterId(1), &reading(100));
        let needed = Next::Broadcast(BTreeSet::from([MeterId(1)]));
        assert_eq!(drift.decide(Some(&proven()), noon, None, None), needed);
        drift.broadcast_failed();
        assert!(drift.may_decide(Checks::Made));
        assert_eq!(drift.decide(Some(&proven()), noon, None, None), needed);
    }

    #[test]
    fn a_meter_that_left_the_channel_calls_for_no_broadcast() {
        let noon = date(2026, 3, 2).at(12, 0, 0, 0);
        let mut drift = Drift::new(ClockConfig::default());
        drift.wanted(ClockSync::Broadcast);
        drift.seen(MeterId(1), &reading(100));
        drift.retain(|meter| meter != MeterId(1));
        assert_eq!(drift.decide(Some(&proven()), noon, None, None), Next::Nothing);
    }

    #[test]
    fn a_plan_that_only_checks_never_broadcasts() {
        let mut drift = Drift::new(ClockConfig::default());
        drift.seen(MeterId(1), &reading(100));
        assert!(!drift.may_decide(Checks::Made));
    }

    #[test]
    fn an_unproven_host_clock_is_told_once_a_day() {
        let mut drift = Drift::new(ClockConfig::default());
        drift.wanted(ClockSync::Broadcast);
        drift.seen(MeterId(1), &reading(100));
        let unproven = Proof::Unproven { why: "no reference".into() };
        let noon = |day| date(2026, 3, day).at(12, 0, 0, 0);
        assert!(matches!(drift.decide(Some(&unproven), noon(2), None, None), Next::Tell(_)));
        assert_eq!(drift.decide(Some(&unproven), noon(2), None, None), Next::Nothing);
        assert!(matches!(drift.decide(Some(&unproven), noon(3), None, None), Next::Tell(_)));
    }
}
