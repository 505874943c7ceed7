//! Failures: the attempts of a day that brought nothing, whatever became of their slots later.

use std::collections::BTreeMap;

use hes_model::{AreaCode, ChannelName, FailureKind, MeterNo, UtcMicros};
use jiff::civil::Date;

use crate::group::{Count, group_key};
use crate::slot::NONE;
use crate::{Causes, Dimension, MeterOnDay};

/// One group of a failure report, or its total.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailureGroup {
    /// The code of the area, channel, reader, cause…; `-` for what has none.
    pub key: String,
    /// What people call it, where it has a name.
    pub name: Option<String>,
    /// Meters with at least one failed attempt.
    pub meters: u64,
    /// Failed attempts.
    pub attempts: u64,
    /// Why.
    pub causes: Causes,
}

/// What failed with one meter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailedMeter {
    /// Which.
    pub meter_no: MeterNo,
    /// Its area on the day.
    pub area: Option<AreaCode>,
    /// Its channel on the day.
    pub channel: Option<ChannelName>,
    /// Failed attempts.
    pub attempts: u64,
    /// Why.
    pub causes: Causes,
    /// The last one.
    pub last_at: UtcMicros,
    /// What the last one was.
    pub last_cause: FailureKind,
    /// What was seen then.
    pub last_detail: String,
}

/// The failed attempts of one civil day.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailureReport {
    /// The day the attempts were made on.
    pub day: Date,
    /// The zone the day is a day of.
    pub zone: String,
    /// By what it is grouped.
    pub by: Dimension,
    /// Everything.
    pub total: FailureGroup,
    /// The groups, most attempts first, then by key.
    pub groups: Vec<FailureGroup>,
    /// The meters with most failed attempts, as many as asked for.
    pub meters: Vec<FailedMeter>,
    /// Meters counted above and not listed here.
    pub meters_not_listed: u64,
}

/// Attempts of one meter that failed for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) kind: FailureKind,
    pub(crate) attempts: u64,
    pub(crate) last_at: UtcMicros,
    pub(crate) last_detail: String,
}

/// Builds a failure report from rows in which those of one meter are neighbours.
#[derive(Debug)]
pub(crate) struct FailureFold {
    by: Dimension,
    total: Group,
    groups: BTreeMap<String, Group>,
    meters: Vec<FailedMeter>,
}

#[derive(Debug, Default)]
struct Group {
    name: Option<String>,
    meters: Count,
    causes: Causes,
}

impl Group {
    fn add(&mut self, meter: &MeterNo, failed: &Failed) {
        self.meters.see(meter);
        self.causes.add(Some(failed.kind), failed.attempts);
    }
    fn finish(self, key: String) -> FailureGroup {
        let Self { name, meters, causes } = self;
        FailureGroup { key, name, meters: meters.seen(), attempts: causes.total(), causes }
    }
}

impl FailureFold {
    pub(crate) fn new(by: Dimension) -> Self {
        Self { by, total: Group::default(), groups: BTreeMap::new(), meters: Vec::new() }
    }
    pub(crate) fn failed(&mut self, meter: &MeterOnDay, failed: Failed) {
        self.total.add(&meter.meter_no, &failed);
        let (key, name) = group_key(meter, self.by, failed.kind.code());
        let group = self.groups.entry(key.to_owned()).or_default();
        group.name = name.map(ToOwned::to_owned);
        group.add(&meter.meter_no, &failed);
        match self.meters.last_mut().filter(|last| last.meter_no == meter.meter_no) {
            Some(last) => last.take(failed),
            None => self.meters.push(FailedMeter::starting(meter, failed)),
        }
    }
    pub(crate) fn finish(mut self, day: Date, zone: String, limit: usize) -> FailureReport {
        let mut groups: Vec<_> = self.groups.into_iter().map(|(key, group)| group.finish(key)).collect();
        groups.sort_by(|a, b| b.attempts.cmp(&a.attempts).then_with(|| a.key.cmp(&b.key)));
        self.meters.sort_by(|a, b| b.attempts.cmp(&a.attempts).then_with(|| a.meter_no.cmp(&b.meter_no)));
        let not_listed = self.meters.len().saturating_sub(limit);
        self.meters.truncate(limit);
        FailureReport {
            day,
            zone,
            by: self.by,
            total: self.total.finish(NONE.to_owned()),
            groups,
            meters: self.meters,
            meters_not_listed: u64::try_from(not_listed).unwrap_or(u64::MAX),
        }
    }
}

impl FailedMeter {
    fn starting(meter: &MeterOnDay, failed: Failed) -> Self {
        let mut causes = Causes::default();
        causes.add(Some(failed.kind), failed.attempts);
        Self {
            meter_no: meter.meter_no.clone(),
            area: meter.area.as_ref().map(|(code, _)| code.clone()),
            channel: meter.channel.clone(),
            attempts: failed.attempts,
            causes,
            last_at: failed.last_at,
            last_cause: failed.kind,
            last_detail: failed.last_detail,
        }
    }
    fn take(&mut self, failed: Failed) {
        self.attempts += failed.attempts;
        self.causes.add(Some(failed.kind), failed.attempts);
        if failed.last_at >= self.last_at {
            (self.last_at, self.last_cause, self.last_detail) = (failed.last_at, failed.kind, failed.last_detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::tests::meter;

    fn failed(kind: FailureKind, attempts: u64, last_at: i64) -> Failed {
        Failed { kind, attempts, last_at: UtcMicros(last_at), last_detail: format!("at {last_at}") }
    }

    #[test]
    fn the_worst_meter_comes_first_with_its_last_failure() {
        let mut fold = FailureFold::new(Dimension::Cause);
        fold.failed(&meter("1", "A", None), failed(FailureKind::Checksum, 2, 5));
        fold.failed(&meter("2", "A", None), failed(FailureKind::Checksum, 3, 9));
        fold.failed(&meter("2", "A", None), failed(FailureKind::NoReply, 1, 7));
        let report = fold.finish("2026-07-01".parse().unwrap(), "UTC".to_owned(), 1);
        assert_eq!((report.meters.len(), report.meters_not_listed), (1, 1));
        let worst = &report.meters[0];
        assert_eq!((worst.meter_no.as_str(), worst.attempts, worst.last_cause), ("2", 4, FailureKind::Checksum));
        assert_eq!(worst.last_detail, "at 9");
        assert_eq!((report.total.attempts, report.total.meters), (6, 2));
        let groups: Vec<_> = report.groups.iter().map(|g| (g.key.as_str(), g.attempts, g.meters)).collect();
        assert_eq!(groups, [("checksum", 5, 2), ("no_reply", 1, 1)]);
    }
}
