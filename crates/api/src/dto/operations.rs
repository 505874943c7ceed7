//! Events, health, backup.

pub use hes_store::{Severity, StoredEvent as EventRow};

use super::live::HostClock;

/// Whether the server can do its work.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Readiness {
    /// All checks passed.
    pub ready: bool,
    /// The database answers.
    pub database: CheckResult,
    /// The collector is alive.
    pub collector: CheckResult,
    /// For information: a clock that is not proven stops clock synchronisation, not the server.
    pub clock: HostClock,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CheckResult {
    /// Passed.
    pub ok: bool,
    /// What is wrong; `null` when nothing is.
    pub detail: Option<String>,
}

/// The process answers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Health {
    /// Always `ok`.
    pub status: String,
    /// The server's version.
    pub version: String,
}

/// Where to write a backup.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRequest {
    /// File on the server's machine; must not exist. Without one: `backup/` in the data directory, named by the time.
    #[serde(default)]
    pub path: Option<std::path::PathBuf>,
}

/// A finished backup.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BackupDone {
    /// The file.
    pub path: std::path::PathBuf,
    /// Its size.
    pub size_bytes: u64,
    /// How long it took.
    pub duration_ms: u64,
}
