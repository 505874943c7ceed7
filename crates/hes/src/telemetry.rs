//! Our own log: to standard error, for people or as JSON.
//!
//! Levels follow the house rule: `error` someone should act, `warn` degraded but going on, `info` a line a job. What
//! passes on the lines is not governed by these levels but by the decode level of each channel.

use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::shown::OnOneLine;

/// `[log]` of the configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSettings {
    /// For people or for machines.
    pub(crate) format: LogFormat,
    /// What is logged: a level, or directives a module.
    pub(crate) filter: LogFilter,
    /// Decode level of every channel at start; changed while running by `hes log level`.
    pub(crate) decode: hes_model::DecodeLevel,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Pretty, filter: LogFilter("info".to_owned()), decode: hes_model::DecodeLevel::Off }
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// A line a person reads; coloured on a terminal.
    Pretty,
    /// A JSON object a line.
    Json,
}

/// Directives of the log: `info`, `warn,hes_collector=debug`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct LogFilter(String);

impl TryFrom<String> for LogFilter {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match EnvFilter::try_new(&text) {
            Ok(_) => Ok(Self(text)),
            Err(error) => Err(format!(
                "{error}; accepted are error, warn, info, debug, trace, also a module, as \"info,hes_collector=debug\""
            )),
        }
    }
}

impl LogFilter {
    /// The filter, with frames let through: how much of them is logged is said by the decode levels of the channels, which an
    /// operator switches while the program runs. A directive for `frames` itself stands.
    fn with_frames(&self) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
        let named = |directive: &str| directive.trim_start().starts_with("frames");
        let text = if self.0.split(',').any(named) { self.0.clone() } else { format!("{},frames=info", self.0) };
        EnvFilter::try_new(text)
    }
}

impl From<LogFilter> for String {
    fn from(filter: LogFilter) -> Self {
        filter.0
    }
}

/// The usual fields of a log line, with what devices and files named made harmless: a log is read on terminals too.
#[derive(Debug, Clone, Copy)]
struct HarmlessFields;

impl<'writer> FormatFields<'writer> for HarmlessFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> std::fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut text), fields)?;
        write!(writer, "{}", OnOneLine(text))
    }
}

/// Starts logging to standard error for the rest of the process.
pub(crate) fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let coloured = std::io::IsTerminal::is_terminal(&std::io::stderr());
    start_to(settings, BoxMakeWriter::new(std::io::stderr), coloured)
}

/// Starts logging to a file for the rest of the process, for a command that draws on the terminal.
pub(crate) fn start_in_file(settings: &LogSettings, file: &Path) -> anyhow::Result<()> {
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(file);
    let opened = opened.with_context(|| format!("opening the log {}", file.display()))?;
    start_to(settings, BoxMakeWriter::new(opened), false)
}

/// `HES_LOG` in the environment wins over the settings' filter.
fn start_to(settings: &LogSettings, writer: BoxMakeWriter, coloured: bool) -> anyhow::Result<()> {
    let filter = match std::env::var("HES_LOG") {
        Ok(text) if !text.is_empty() => {
            LogFilter::try_from(text).map_err(anyhow::Error::msg).context("reading HES_LOG")?
        }
        _ => settings.filter.clone(),
    };
    let filter = filter.with_frames().context("reading the log filter")?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(coloured);
    let started = match settings.format {
        LogFormat::Pretty => lines.fmt_fields(HarmlessFields).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("starting the log: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::shown::steers;

    #[test]
    fn what_a_device_names_cannot_steer_the_terminal_a_log_is_read_on() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let log = Arc::new(file.reopen().unwrap());
        let lines = tracing_subscriber::fmt().with_ansi(false).fmt_fields(HarmlessFields).with_writer(log);
        tracing::subscriber::with_default(lines.finish(), || {
            let announced = "IMEI\u{1b}[2J\u{9b}31m\nfake line";
            tracing::info_span!("link", peer = %announced).in_scope(|| {
                tracing::warn!(%announced, debug = ?announced, "{announced} is not known");
            });
        });
        let log = std::fs::read_to_string(file.path()).unwrap();
        assert!(log.matches("\\u{1b}[2J").count() >= 3, "{log}");
        assert!(!log.trim_end_matches('\n').contains(steers), "{log:?}");
    }

    #[test]
    fn frames_switched_on_while_running_are_logged_whatever_the_level() {
        for (filter, logged) in
            [("warn", true), ("off", true), ("hes_collector=debug", true), ("info,frames=off", false)]
        {
            let file = tempfile::NamedTempFile::new().unwrap();
            let log = Arc::new(file.reopen().unwrap());
            let filter = LogFilter::try_from(filter.to_owned()).unwrap();
            let lines = tracing_subscriber::fmt().with_env_filter(filter.with_frames().unwrap()).with_writer(log);
            tracing::subscriber::with_default(lines.finish(), || tracing::info!(target: "frames", "Read data"));
            let said = std::fs::read_to_string(file.path()).unwrap().contains("Read data");
            assert_eq!(said, logged, "{filter:?}");
        }
    }
}
