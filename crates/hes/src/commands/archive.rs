//! What the archive commands share: importing a CSV file, and following the pages of a list.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use hes_api::dto::archive::{Encoding, Fault, ImportReport, Page};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::{Common, on_one_thread};
use crate::client::Client;
use crate::exit::Exit;
use crate::output::{Table, Tone, left, right};
use crate::text::{column, help, say, told};

/// Largest file sent; the server has its own, configurable limit below this.
const IMPORT_MAX_BYTES: u64 = 1 << 30;
/// Rows asked for at once.
const PAGE_ROWS: usize = 1000;

/// A CSV file for the archive.
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[arg(value_name = "FILE", help = help::import_file())]
    file: PathBuf,
    #[arg(long, value_enum, default_value_t = ImportEncoding::Auto, value_name = "ENCODING", help = help::import_encoding())]
    encoding: ImportEncoding,
}

/// What the text of a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ImportEncoding {
    /// UTF-8, or GBK where it is not that and reads like Chinese.
    Auto,
    #[value(name = "utf-8")]
    Utf8,
    #[value(name = "gbk", alias = "gb18030", alias = "gb2312")]
    Gbk,
}

impl ImportEncoding {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Auto => "text/csv",
            Self::Utf8 => "text/csv; charset=utf-8",
            Self::Gbk => "text/csv; charset=gb18030",
        }
    }
}

impl Import {
    /// Sends the file to `POST /api/v1/{what}` and tells what became of each row.
    pub(crate) fn run(self, common: &Common, what: &str) -> anyhow::Result<Exit> {
        let csv = self.read()?;
        let client = common.client()?;
        let bar = common.progress().waiting(say::importing(self.file.display()));
        let report: ImportReport = on_one_thread(client.post_csv(&[what], self.encoding.media_type(), csv))?;
        bar.finish_and_clear();
        tell(common, &report)?;
        Ok(if report.refused.is_empty() { Exit::Done } else { Exit::Partly })
    }

    fn read(&self) -> anyhow::Result<Vec<u8>> {
        use std::io::Read;
        let named = || say::file_unreadable(self.file.display());
        let mut csv = Vec::new();
        let limit = IMPORT_MAX_BYTES + 1;
        let read = if self.file.as_os_str() == "-" {
            std::io::stdin().lock().take(limit).read_to_end(&mut csv)
        } else {
            std::fs::File::open(&self.file).with_context(named)?.take(limit).read_to_end(&mut csv)
        };
        let bytes = read.with_context(named)?;
        anyhow::ensure!(bytes as u64 <= IMPORT_MAX_BYTES, say::file_too_long(self.file.display(), IMPORT_MAX_BYTES));
        Ok(csv)
    }
}

fn tell(common: &Common, report: &ImportReport) -> anyhow::Result<()> {
    let out = common.output();
    if out.is_json() {
        return out.document(report);
    }
    if !report.refused.is_empty() {
        let columns = [right(column::line()), left(column::row()), left(column::column()), left(column::reason())];
        let mut table = Table::new(columns);
        for row in &report.refused {
            for fault in &row.faults {
                let key = row.key.clone().unwrap_or_default();
                let column = fault.column.clone().unwrap_or_default();
                table.row(Tone::Bad, [row.line.to_string(), key, column, reason(fault)]);
            }
        }
        out.table(&table)?;
    }
    if report.encoding == Encoding::Gb18030 {
        out.toned(Tone::Faint, say::import_read_as_gbk())?;
    }
    for note in &report.notes {
        out.toned(Tone::Faint, say::import_note(note.line, told(&note.note)))?;
    }
    let refused = report.refused.len();
    let tone = if refused == 0 { Tone::Good } else { Tone::Warn };
    out.toned(tone, say::imported(report.rows, report.created, report.updated, report.unchanged, refused))
}

fn reason(fault: &Fault) -> String {
    match &fault.value {
        Some(value) => format!("{value:?}: {}", told(&fault.reason)),
        None => told(&fault.reason),
    }
}

/// Gets every page of a list and hands each row on.
pub(crate) async fn every_row<T: DeserializeOwned>(
    client: &Client,
    path: &[&str],
    query: &[(&str, String)],
    mut row: impl FnMut(T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after: Option<String> = None;
    loop {
        let mut query = query.to_vec();
        query.push(("limit", PAGE_ROWS.to_string()));
        query.extend(after.take().map(|after| ("after", after)));
        let page: Page<T> = client.get(path, &query).await?;
        for item in page.items {
            row(item)?;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Prints a list: JSON as it comes, or a table of all rows.
pub(crate) fn list<T: Serialize + DeserializeOwned>(
    common: &Common,
    path: &[&str],
    query: &[(&str, String)],
    mut table: Table,
    mut add: impl FnMut(&mut Table, T),
) -> anyhow::Result<Exit> {
    let client = common.client()?;
    let out = common.output();
    if out.is_json() {
        let mut array = out.array()?;
        on_one_thread(every_row(&client, path, query, |row: T| array.item(&row)))?;
        array.end()?;
        return Ok(Exit::Done);
    }
    on_one_thread(every_row(&client, path, query, |row: T| {
        add(&mut table, row);
        Ok(())
    }))?;
    if table.is_empty() {
        out.toned(Tone::Faint, say::nothing_there())?
    } else {
        out.table(&table)?
    }
    Ok(Exit::Done)
}

/// Text of what may be missing.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
