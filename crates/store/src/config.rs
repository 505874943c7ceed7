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
