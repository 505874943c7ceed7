//! `hes event`: what happened that somebody may want to know.

use clap::{Args, Subcommand};
use hes_api::dto::operations::{EventRow, Severity};
use hes_model::MeterNo;
use serde_json::Value;

use crate::cli::Common;
use crate::commands::archive::{list, or_dash};
use crate::exit::Exit;
use crate::output::{Table, Tone, left, right};
use crate::text::{column, help, told};

#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    #[command(about = help::event_list())]
    List(List),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[arg(long, value_name = "KIND", help = help::event_kind())]
    kind: Option<String>,
    #[arg(long, value_name = "METER", help = help::event_meter())]
    meter: Option<MeterNo>,
}

impl EventCommand {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let EventCommand::List(wanted) = self;
        let zone = common.settings()?.zone;
        let mut query = Vec::new();
        query.extend(wanted.kind.map(|kind| ("kind", kind)));
        query.extend(wanted.meter.map(|meter| ("meter", meter.to_string())));
        let table = Table::new([
            right("#".to_owned()),
            left(column::time()),
            left(column::severity()),
            left(column::kind()),
            left(column::meter()),
            left(column::channel()),
            left(column::detail()),
        ]);
        list(common, &["events"], &query, table, |table, event: EventRow| {
            let tone = match event.severity {
                Severity::Alarm => Tone::Bad,
                Severity::Warning => Tone::Warn,
                Severity::Info => Tone::Plain,
            };
            let cells = [
                event.id.to_string(),
                zone.local(event.at),
                told(event.severity.code()),
                told(event.kind),
                or_dash(event.meter),
                or_dash(event.channel),
                detail(&event.detail),
            ];
            table.row(tone, cells);
        })
    }
}

/// `name: value` of each member, parted by commas; text as it is.
fn detail(detail: &Value) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), told);
    match detail {
        Value::Null => String::new(),
        // A mere sentence needs no name in front.
        Value::Object(members) if members.len() == 1 && members.contains_key("message") => plain(&detail["message"]),
        Value::Object(members) => {
            let words: Vec<String> = members.iter().map(|(name, value)| format!("{name}: {}", plain(value))).collect();
            words.join(", ")
        }
        other => plain(other),
    }
}
