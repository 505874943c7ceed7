//! Clocks: how far each meter's clock was off when it was last read on a day, and which broadcasts went out.

use std::collections::BTreeMap;

use hes_model::{AreaCode, ChannelName, MeterClock, MeterNo, UtcMicros};
use jiff::civil::Date;

use crate::group::group_key;
use crate::slot::NONE;
use crate::{Dimension, Label, Labelled, MeterOnDay, Percent, Rate};

/// How far a clock is off, in bands that call for different action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum DriftBand {
    /// At most 5 s: as good as can be told over a line.
    #[serde(rename = "within_5s")]
    Within5s,
    /// At most 60 s.
    #[serde(rename = "within_1min")]
    Within1min,
    /// At most 5 min: what one broadcast may correct (DL/T 645-2007 clause 7.5 limits it).
    #[serde(rename = "within_5min")]
    Within5min,
    /// At most a day.
    #[serde(rename = "within_1day")]
    Within1day,
    /// More: the date is wrong too.
    #[serde(rename = "beyond_1day")]
    Beyond1day,
}

impl DriftBand {
    /// The band of an offset.
    pub fn of(offset_ms: i64) -> Self {
        match offset_ms.unsigned_abs() {
            0..=5_000 => Self::Within5s,
            5_001..=60_000 => Self::Within1min,
            60_001..=300_000 => Self::Within5min,
            300_001..=86_400_000 => Self::Within1day,
            _ => Self::Beyond1day,
        }
    }
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Within5s => "within_5s",
            Self::Within1min => "within_1min",
            Self::Within5min => "within_5min",
            Self::Within1day => "within_1day",
            Self::Beyond1day => "beyond_1day",
        }
    }
}

impl Labelled for DriftBand {
    fn label(&self) -> Label {
        let (zh, en) = match self {
            Self::Within5s => ("5秒以内", "within 5 s"),
            Self::Within1min => ("1分钟以内", "within 1 min"),
            Self::Within5min => ("5分钟以内", "within 5 min"),
            Self::Within1day => ("1天以内", "within 1 day"),
            Self::Beyond1day => ("超过1天", "more than 1 day"),
        };
        Label { zh, en }
    }
}

/// One group of a clock report, or its total.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClockGroup {
    /// The code of the area, channel, reader…; grouped by cause, the drift band.
    pub key: String,
    /// What people call it, where it has a name.
    pub name: Option<String>,
    /// Meters whose clock was read.
    pub meters: u64,
    /// Of these: at most the tolerance off.
    pub within: u64,
    /// `within` / `meters`.
    pub within_percent: Percent,
    /// The offset furthest from 0, in milliseconds; above 0 the meter is ahead.
    pub worst_offset_ms: i64,
}

/// One meter's clock.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClockOfMeter {
    /// Which.
    pub meter_no: MeterNo,
    /// Its area on the day.
    pub area: Option<AreaCode>,
    /// Its channel on the day.
    pub channel: Option<ChannelName>,
    /// When it was read last on the day.
    pub at: UtcMicros,
    /// What it showed.
    pub meter_clock: MeterClock,
    /// Meter minus ours, in milliseconds; above 0 the meter is ahead.
    pub offset_ms: i64,
    /// How far the offset itself may be wrong, in milliseconds: half the time the answer was under way.
    pub uncertainty_ms: i64,
    /// The band of the offset.
    pub band: DriftBand,
}

/// A time broadcast that went out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Broadcast {
    /// To every meter of this channel.
    pub channel: ChannelName,
    /// When.
    pub at: UtcMicros,
}

/// The clocks read on one civil day.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClockReport {
    /// The day.
    pub day: Date,
    /// The zone the day is a day of.
    pub zone: String,
    /// By what it is grouped.
    pub by: Dimension,
    /// A clock at most this far off counts as right, in seconds.
    pub tolerance_seconds: u32,
    /// Everything.
    pub total: ClockGroup,
    /// The groups, fewest right clocks first, then by key.
    pub groups: Vec<ClockGroup>,
    /// The clocks furthest off, as many as asked for.
    pub meters: Vec<ClockOfMeter>,
    /// Meters counted above and not listed here.
    pub meters_not_listed: u64,
    /// Broadcasts of the day.
    pub broadcasts: Vec<Broadcast>,
}

/// Builds a clock report from each meter's last check.
#[derive(Debug)]
pub(crate) struct ClockFold {
    by: Dimension,
    tolerance_seconds: u32,
    total: Group,
    groups: BTreeMap<String, Group>,
    meters: Vec<ClockOfMeter>,
}

#[derive(Debug, Default)]
struct Group {
    name: Option<String>,
    meters: u64,
    within: u64,
    worst_offset_ms: i64,
}

impl Group {
    fn add(&mut self, offset_ms: i64, tolerance_seconds: u32) {
        self.meters += 1;
        self.within += u64::from(offset_ms.unsigned_abs() <= u64::from(tolerance_seconds) * 1_000);
        if offset_ms.unsigned_abs() > self.worst_offset_ms.unsigned_abs() {
            self.worst_offset_ms = offset_ms;
        }
    }
    fn finish(self, key: String) -> ClockGroup {
        let Self { name, meters, within, worst_offset_ms } = self;
        ClockGroup { key, name, meters, within, within_percent: Rate::new(within, meters).percent(), worst_offset_ms }
    }
}

/// One check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) at: UtcMicros,
    pub(crate) meter_clock: MeterClock,
    pub(crate) offset_ms: i64,
    pub(crate) uncertainty_ms: i64,
}

impl ClockFold {
    pub(crate) fn new(by: Dimension, tolerance_seconds: u32) -> Self {
        Self { by, tolerance_seconds, total: Group::default(), groups: BTreeMap::new(), meters: Vec::new() }
    }
    /// Counts a meter's last check of the day; called once a meter.
    pub(crate) fn check(&mut self, meter: &MeterOnDay, check: Check) {
        let band = DriftBand::of(check.offset_ms);
        self.total.add(check.offset_ms, self.tolerance_seconds);
        let (key, name) = group_key(meter, self.by, band.code());
        let group = self.groups.entry(key.to_owned()).or_default();
        group.name = name.map(ToOwned::to_owned);
        group.add(check.offset_ms, self.tolerance_seconds);
        let Check { at, meter_clock, offset_ms, uncertainty_ms } = check;
        self.meters.push(ClockOfMeter {
            meter_no: meter.meter_no.clone(),
            area: meter.area.as_ref().map(|(code, _)| code.clone()),
            channel: meter.channel.clone(),
            at,
            meter_clock,
            offset_ms,
            uncertainty_ms,
            band,
        });
    }
    pub(crate) fn finish(mut self, day: Date, zone: String, broadcasts: Vec<Broadcast>, limit: usize) -> ClockReport {
        let mut groups: Vec<_> = self.groups.into_iter().map(|(key, group)| group.finish(key)).collect();
        groups.sort_by(|a, b| {
            let rate = |g: &ClockGroup| Rate::new(g.within, g.meters);
            let by_rate = rate(a).compare(rate(b)).unwrap_or(std::cmp::Ordering::Equal);
            by_rate.then_with(|| a.key.cmp(&b.key))
        });
        self.meters.sort_by(|a, b| {
            let by_offset = b.offset_ms.unsigned_abs().cmp(&a.offset_ms.unsigned_abs());
            by_offset.then_with(|| a.meter_no.cmp(&b.meter_no))
        });
        let not_listed = self.meters.len().saturating_sub(limit);
        self.meters.truncate(limit);
        ClockReport {
            day,
            zone,
            by: self.by,
            tolerance_seconds: self.tolerance_seconds,
            total: self.total.finish(NONE.to_owned()),
            groups,
            meters: self.meters,
            meters_not_listed: u64::try_from(not_listed).unwrap_or(u64::MAX),
            broadcasts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::tests::meter;

    #[test]
    fn a_band_is_written_as_its_code() {
        use DriftBand::{Beyond1day, Within1day, Within1min, Within5min, Within5s};
        for band in [Within5s, Within1min, Within5min, Within1day, Beyond1day] {
            assert_eq!(serde_json::to_value(band).unwrap(), band.code());
        }
    }

    #[test]
    fn a_slow_clock_is_as_far_off_as_a_fast_one() {
        let mut fold = ClockFold::new(Dimension::Cause, 60);
        for (no, offset_ms) in [("1", 4_999), ("2", -60_000), ("3", -60_001), ("4", i64::MIN)] {
            let clock = MeterClock("2026-07-01T08:00:00".parse().unwrap());
            let check = Check { at: UtcMicros(0), meter_clock: clock, offset_ms, uncertainty_ms: 0 };
            fold.check(&meter(no, "A", None), check);
        }
        let report = fold.finish("2026-07-01".parse().unwrap(), "UTC".to_owned(), Vec::new(), 2);
        assert_eq!((report.total.meters, report.total.within), (4, 2));
        assert_eq!(report.total.worst_offset_ms, i64::MIN);
        assert_eq!(report.meters.iter().map(|m| m.meter_no.as_str()).collect::<Vec<_>>(), ["4", "3"]);
        let groups: Vec<_> = report.groups.iter().map(|g| (g.key.as_str(), g.within, g.meters)).collect();
        assert_eq!(groups, [("beyond_1day", 0, 1), ("within_5min", 0, 1), ("within_1min", 1, 1), ("within_5s", 1, 1)]);
    }
}
