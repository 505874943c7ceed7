//! The configuration file: what each crate defines, composed, checked once and then taken as given.
//!
//! Every option has a default, so that `hes serve` starts without a file. Unknown keys are errors. An error names the
//! file, the key and what is accepted.

use std::path::{Path, PathBuf};

use anyhow::Context;
use hes_api::ApiConfig;
use hes_collector::CollectorConfig;
use hes_store::StoreConfig;
use hes_transport::TransportConfig;
use serde::{Deserialize, Serialize};

use crate::telemetry::LogSettings;
use crate::text::{say, told};

/// The annotated defaults that ship with the program. A test compares them with [`Settings::default`].
pub(crate) const ANNOTATED_DEFAULTS: &str = include_str!("../../../config/hes.toml");

/// Largest configuration file read; a longer one is something else.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// All settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The utility's time zone: days, months and meters' clocks are in it.
    pub(crate) zone: Zone,
    /// Folder of the database, the token and the master key.
    pub(crate) data_dir: DataDir,
    /// File of the master key; empty: `master-key` in the data folder.
    pub(crate) master_key_file: PathBuf,
    /// Limits of the plausibility rules; empty: those that ship with the program.
    pub(crate) validation_file: PathBuf,
    /// What is kept, and for how long.
    pub(crate) store: StoreConfig,
    /// Planning, turns and retries.
    pub(crate) collector: CollectorConfig,
    /// How links are opened, kept and given up.
    pub(crate) transport: TransportConfig,
    /// The local HTTP API.
    pub(crate) api: ApiConfig,
    /// Our own log.
    pub(crate) log: LogSettings,
}

impl Settings {
    /// Reads and checks a file.
    pub(crate) fn load(file: &Path) -> anyhow::Result<Self> {
        let named = || say::config_unusable(file.display());
        let size = std::fs::metadata(file).with_context(named)?.len();
        anyhow::ensure!(size <= FILE_MAX_BYTES, "{}: {}", named(), say::config_too_long(FILE_MAX_BYTES));
        let text = std::fs::read_to_string(file).with_context(named)?;
        Self::parse(&text).with_context(named)
    }

    /// Reads and checks the text of a file.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let line = |error: &toml::de::Error| {
            error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1)
        };
        let source = toml::Deserializer::parse(text)
            .map_err(|error| anyhow::anyhow!(say::config_line(line(&error), told(error.message()))))?;
        let settings: Self = serde_path_to_error::deserialize(source).map_err(|error| {
            let key = error.path().to_string();
            let cause = error.into_inner();
            anyhow::anyhow!(say::config_key(line(&cause), key, told(cause.message())))
        })?;
        settings.validate()?;
        Ok(settings)
    }

    /// Checks what the types alone do not.
    pub(crate) fn validate(&self) -> anyhow::Result<()> {
        self.transport.validate()?;
        self.store.validate()?;
        self.collector.validate()?;
        self.api.validate()?;
        Ok(())
    }

    /// The file that holds the master key.
    pub(crate) fn master_key_file(&self) -> PathBuf {
        if self.master_key_file.as_os_str().is_empty() {
            self.data_dir.0.join("master-key")
        } else {
            self.master_key_file.clone()
        }
    }

    /// The file that holds the API's access token.
    pub(crate) fn token_file(&self) -> PathBuf {
        if self.api.token_file.as_os_str().is_empty() {
            self.data_dir.0.join("api-token")
        } else {
            self.api.token_file.clone()
        }
    }
}

/// A time zone known by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Zone(jiff::tz::TimeZone, String);

impl Zone {
    /// The zone itself.
    pub(crate) fn time_zone(&self) -> &jiff::tz::TimeZone {
        &self.0
    }
    /// An instant as people of this zone read it.
    pub(crate) fn local(&self, instant: hes_model::UtcMicros) -> String {
        self.0.to_datetime(instant.timestamp()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::try_from("Asia/Shanghai".to_owned()).expect("the zone is in the bundled database")
    }
}

impl TryFrom<String> for Zone {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        match jiff::tz::TimeZone::get(&name) {
            Ok(zone) => Ok(Self(zone, name)),
            Err(_) => Err(format!(
                "{name:?} is no time zone; accepted are the names of the IANA database, as \"Asia/Shanghai\""
            )),
        }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.1
    }
}

/// The folder where everything durable lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct DataDir(pub(crate) PathBuf);

impl Default for DataDir {
    fn default() -> Self {
        Self(PathBuf::from("hes-data"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_annotated_file_states_the_defaults_and_leaves_none_out() {
        assert_eq!(Settings::parse(ANNOTATED_DEFAULTS).unwrap(), Settings::default());

        let stated: toml::Table = toml::from_str(ANNOTATED_DEFAULTS).unwrap();
        let all = toml::Table::try_from(Settings::default()).unwrap();
        assert_eq!(keys(&stated), keys(&all));
    }

    fn keys(table: &toml::Table) -> Vec<String> {
        let mut found = Vec::new();
        for (key, value) in table {
            match value {
                toml::Value::Table(inner) => {
                    found.extend(keys(inner).into_iter().map(|inner| format!("{key}.{inner}")))
                }
                _ => found.push(key.clone()),
            }
        }
        found.sort();
        found
    }
}
