//! Settings of the store, the `[store]` table of the configuration.

use std::path::PathBuf;

/// Where the data is and how long it is kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Folder of the database and its lock. Made at first start. Not of this table: it holds more than the store's files,
    /// so the configuration as a whole has it.
    #[serde(skip)]
    pub data_dir: PathBuf,
    /// Days for which request and answer bytes are kept (evidence).
    pub evidence_days: u32,
    /// Days for which failures, events, clock offsets and on-demand reads are kept.
    pub history_days: u32,
    /// Readings that may wait for their commit; a full store stops bulk reading at this many.
    pub pending_readings: u32,
    /// Connections for queries, beside the one that writes.
    pub read_connections: u32,
    /// Largest size of the database file in MiB; at the limit it behaves as on a full disk. 0 is no limit.
    pub max_size_mib: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            evidence_days: 400,
            history_days: 400,
            pending_readings: 50_000,
            read_connections: 4,
            max_size_mib: 0,
        }
    }
}

/// A value of `[store]` out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("store.{key} = {found}: accepted are {min} to {max}")]
pub struct StoreConfigError {
    /// The option.
    pub key: &'static str,
    /// What was given.
    pub found: u32,
    /// The smallest value accepted.
    pub min: u32,
    /// The largest value accepted.
    pub max: u32,
}

impl StoreConfig {
    /// Checks what the types alone do not.
    pub fn validate(&self) -> Result<(), StoreConfigError> {
        let ranges = [
            ("evidence_days", self.evidence_days, 1, 36_500),
            ("history_days", self.history_days, 1, 36_500),
            // One answer may bring a day's block of some registers, and a bus more of them than one.
            ("pending_readings", self.pending_readings, 1_000, 10_000_000),
            ("read_connections", self.read_connections, 1, 64),
            ("max_size_mib", self.max_size_mib, 0, 16_777_216),
        ];
        match ranges.into_iter().find(|(_, found, min, max)| !(min..=max).contains(&found)) {
            Some((key, found, min, max)) => Err(StoreConfigError { key, found, min, max }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_accepted_and_a_value_out_of_range_is_named_with_its_range() {
        assert_eq!(StoreConfig::default().validate(), Ok(()));
        let none = StoreConfig { read_connections: 0, ..StoreConfig::default() };
        let error = none.validate().unwrap_err().to_string();
        assert_eq!(error, "store.read_connections = 0: accepted are 1 to 64");
    }
}
