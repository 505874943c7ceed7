//! The words all reports share: what became of a slot, why a meter is not expected, where a meter was on that day.

use std::collections::BTreeMap;

use hes_model::{AreaCode, ChannelName, FailureKind, MeterNo, ModelName, Protocol, ReaderCode};

use crate::Dimension;

/// What became of an expected slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotState {
    /// Filled by its deadline.
    OnTime,
    /// Filled after its deadline.
    Late,
    /// Only values that broke a rule; still asked for.
    Suspect,
    /// Given up, with a reason.
    GivenUp,
    /// Not filled, still asked for.
    Open,
}

impl SlotState {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            SlotState::OnTime => "on_time",
            SlotState::Late => "late",
            SlotState::Suspect => "suspect",
            SlotState::GivenUp => "given_up",
            SlotState::Open => "open",
        }
    }
}

/// Where a meter was on the day reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MeterOnDay {
    /// Its number.
    pub meter_no: MeterNo,
    /// The area of its service point.
    pub area: Option<(AreaCode, String)>,
    /// Who was responsible for the area.
    pub reader: Option<(ReaderCode, String)>,
    /// Its channel.
    pub channel: Option<ChannelName>,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its model.
    pub model: ModelName,
}

/// The key of a group whose members lack what is grouped by.
pub(crate) const NONE: &str = "-";

impl MeterOnDay {
    /// The group the meter falls into: its code, and the name people use where it has one. `None` for
    /// [`Dimension::Cause`], which is no property of a meter.
    pub(crate) fn group(&self, by: Dimension) -> Option<(&str, Option<&str>)> {
        Some(match by {
            Dimension::Area => self.area.as_ref().map_or((NONE, None), |(c, n)| (c.as_str(), Some(n.as_str()))),
            Dimension::Reader => self.reader.as_ref().map_or((NONE, None), |(c, n)| (c.as_str(), Some(n.as_str()))),
            Dimension::Channel => (self.channel.as_ref().map_or(NONE, ChannelName::as_str), None),
            Dimension::Protocol => (self.protocol.code(), None),
            Dimension::Model => (self.model.as_str(), None),
            Dimension::Cause => return None,
        })
    }
}

/// How many slots (or attempts) each cause stands for, by the code of the cause.
///
/// Beside the codes of [`FailureKind`] there is `not_asked`: a slot nobody has tried to fill yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Causes(BTreeMap<String, u64>);

impl Causes {
    /// The code of a slot nobody has tried to fill yet.
    pub const NOT_ASKED: &str = "not_asked";
    /// Adds `n` to a cause; `None` is [`Causes::NOT_ASKED`].
    pub fn add(&mut self, kind: Option<FailureKind>, n: u64) {
        if n > 0 {
            *self.0.entry(kind.map_or(Self::NOT_ASKED, FailureKind::code).to_owned()).or_default() += n;
        }
    }
    /// Every cause and its count, in the order of the codes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(code, n)| (code.as_str(), *n))
    }
    /// The most frequent first; equal counts in the order of the codes.
    pub fn by_count(&self) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = self.iter().collect();
        all.sort_by_key(|&(code, n)| (std::cmp::Reverse(n), code));
        all
    }
    /// Everything counted.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn meter(no: &str, area: &str, channel: Option<&str>) -> MeterOnDay {
        MeterOnDay {
            meter_no: MeterNo::new(no).unwrap(),
            area: Some((AreaCode::new(area).unwrap(), format!("{area}台区"))),
            reader: Some((ReaderCode::new("R1").unwrap(), "张三".to_owned())),
            channel: channel.map(|c| ChannelName::new(c).unwrap()),
            protocol: Protocol::Dlt645v2007,
            model: ModelName::new("generic-2007").unwrap(),
        }
    }
}
