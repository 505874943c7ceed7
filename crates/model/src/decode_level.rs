//! How much of a channel's traffic is logged, changeable while running.
//!
//! The table is shared by whoever carries bytes (asks before it formats anything), whoever logs them, and the API
//! that changes it. It knows nothing about logging itself.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::ChannelName;

/// How much of a channel's frames goes to the log. Each level contains the ones before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecodeLevel {
    /// Nothing.
    #[default]
    Off,
    /// One line a frame: direction, address, control code, length.
    Header,
    /// And the data items with their values.
    Objects,
    /// And the bytes. Frames that carry a password are never logged as bytes.
    Bytes,
}

impl DecodeLevel {
    /// Every level, least first.
    pub const ALL: [DecodeLevel; 4] = [DecodeLevel::Off, DecodeLevel::Header, DecodeLevel::Objects, DecodeLevel::Bytes];
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            DecodeLevel::Off => "off",
            DecodeLevel::Header => "header",
            DecodeLevel::Objects => "objects",
            DecodeLevel::Bytes => "bytes",
        }
    }
    /// The level named `code`.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.code() == code)
    }
}

impl std::fmt::Display for DecodeLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.code())
    }
}

/// The decode level of every channel: one for all, and the exceptions. Clones share one table.
#[derive(Debug, Clone, Default)]
pub struct DecodeLevels(Arc<RwLock<Table>>);

#[derive(Debug, Default)]
struct Table {
    others: DecodeLevel,
    channels: BTreeMap<ChannelName, DecodeLevel>,
}

impl DecodeLevels {
    /// A table in which every channel has this level.
    pub fn new(level: DecodeLevel) -> Self {
        Self(Arc::new(RwLock::new(Table { others: level, channels: BTreeMap::new() })))
    }
    /// The level of a channel now.
    pub fn of(&self, channel: &ChannelName) -> DecodeLevel {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.channels.get(channel).copied().unwrap_or(table.others)
    }
    /// Sets one channel's level.
    pub fn set(&self, channel: ChannelName, level: DecodeLevel) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).channels.insert(channel, level);
    }
    /// Sets every channel's level and forgets the exceptions.
    pub fn set_all(&self, level: DecodeLevel) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.others = level;
        table.channels.clear();
    }
    /// The level of the channels that are not listed, and the exceptions by name.
    pub fn snapshot(&self) -> (DecodeLevel, BTreeMap<ChannelName, DecodeLevel>) {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (table.others, table.channels.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_holds_until_all_are_set() {
        let levels = DecodeLevels::new(DecodeLevel::Off);
        let (bus, other) = (ChannelName::new("bus-1").unwrap(), ChannelName::new("bus-2").unwrap());
        let seen_by_the_link = levels.clone();
        levels.set(bus.clone(), DecodeLevel::Bytes);
        assert_eq!(seen_by_the_link.of(&bus), DecodeLevel::Bytes);
        assert_eq!(seen_by_the_link.of(&other), DecodeLevel::Off);
        levels.set_all(DecodeLevel::Header);
        assert_eq!(seen_by_the_link.of(&bus), DecodeLevel::Header);
        assert_eq!(levels.snapshot().1.len(), 0);
    }
}
