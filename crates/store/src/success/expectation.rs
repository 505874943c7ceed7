//! What the plans expect of a civil day, whoever it is expected of.

use std::collections::{BTreeSet, HashMap};

use hes_model::{ChannelName, Failure, FailureKind, Obis, Scope, Series, UtcMicros};

use super::SlotsOfDay;
use crate::archive::population;
use crate::failures::Outage;
use crate::plans::Version;
use crate::slots::{complete_at, distinct, times_on};
use crate::{Store, StoreError};

/// What the plans expect of a day, whoever it is expected of.
pub(super) struct Expectation<'a> {
    pub(super) versions: Vec<&'a Version>,
    /// By plan.
    pub(super) asked: Vec<Asked>,
    pub(super) groups: HashMap<i64, Vec<String>>,
    /// Whether two of them are of one series, so that both may expect the same slot.
    pub(super) overlaps: bool,
    /// When the day begins, in seconds: attempts at intervals are noted there.
    pub(super) day_start: i64,
    /// Channels that are down: since when, and why.
    pub(super) down: HashMap<ChannelName, (i64, Failure)>,
}

/// What one plan asks of each of its meters that day.
pub(super) struct Asked {
    /// With their rows.
    pub(super) registers: Vec<(Obis, i64)>,
    /// The day's slots that are complete.
    pub(super) times: Vec<UtcMicros>,
}

impl Store {
    pub(super) async fn expectation<'a>(
        &self,
        versions: &'a [Version],
        slots: &SlotsOfDay<'_>,
    ) -> Result<Expectation<'a>, StoreError> {
        let &SlotsOfDay { day, now, plan } = slots;
        let calendar = &self.inner.calendar;
        let wanted = |v: &&Version| v.on(day) && plan.is_none_or(|plan| v.plan.name == *plan);
        let mut versions: Vec<&Version> =
            versions.iter().filter(wanted).filter(|v| v.plan.task.series().is_some()).collect();
        versions.sort_by_key(|v| (v.plan.schedule.priority, v.id));
        let mut asked = Vec::new();
        for version in &versions {
            let Some(series) = version.plan.task.series() else { continue };
            let registers = distinct(version.plan.task.registers());
            let registers =
                registers.into_iter().map(|r| (r, self.inner.names.registers.id(&r).unwrap_or(0))).collect();
            let mut times = times_on(&version.plan.task, day, calendar);
            times.retain(|at| complete_at(series, *at) <= now && (series != Series::Instant || *at >= version.created));
            asked.push(Asked { registers, times });
        }
        let by_group = versions.iter().any(|v| matches!(v.plan.scope, Scope::Groups(_)));
        let groups = if by_group { population::groups_on(&self.inner.pool, day).await? } else { HashMap::new() };
        let day_start = calendar.day_start(day).0.div_euclid(1_000_000);
        let series: BTreeSet<_> = versions.iter().filter_map(|v| v.plan.task.series()).collect();
        let overlaps = series.len() < versions.len();
        let down = self.channels_down().await?;
        let cause = |Outage { from, cause, .. }| (from.0, Failure::new(FailureKind::ChannelDown, cause));
        let down = down.into_iter().map(|(channel, outage)| (channel, cause(outage))).collect();
        Ok(Expectation { versions, asked, groups, overlaps, day_start, down })
    }
}
