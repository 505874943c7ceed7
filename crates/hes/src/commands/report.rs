//! `hes report`: how collection went on a day, and why what is missing is missing.

mod clocks;
mod missing;

pub(crate) use self::clocks::seconds;

use clap::{Args, Subcommand};
use hes_api::dto::{Dimension, SuccessReport};
use hes_model::{FailureKind, PlanName};
use hes_reports::{Causes, ExcludedMeter, Labelled, SuccessGroup};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::{Common, on_one_thread};
use crate::commands::archive::or_dash;
use crate::day::Day;
use crate::exit::Exit;
use crate::output::{Align, Output, Table, Tone, left, right};
use crate::settings::Zone;
use crate::text::{column, help, report_language, say};

#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    #[command(about = help::report_success(), long_about = help::report_success_long())]
    Success(Success),
    #[command(about = help::report_gaps(), long_about = help::report_gaps_long())]
    Gaps(Gaps),
    #[command(about = help::report_failures())]
    Failures(Failures),
    #[command(about = help::report_clock())]
    Clock(Clocks),
}

/// The day, and by what it is grouped.
#[derive(Debug, Args)]
pub(crate) struct Of {
    #[arg(long, value_name = "DAY", default_value = "yesterday", help = help::report_day())]
    day: Day,
    #[arg(long, value_name = "DIMENSION", default_value = "area", help = help::report_by())]
    by: Dimension,
}

impl Of {
    fn query(&self, zone: &Zone) -> Vec<(&'static str, String)> {
        vec![("day", self.day.date(zone.time_zone()).to_string()), ("by", self.by.code().to_owned())]
    }
}

#[derive(Debug, Args)]
pub(crate) struct Success {
    #[command(flatten)]
    of: Of,
    #[arg(long, value_name = "PLAN", help = help::report_plan())]
    plan: Option<PlanName>,
    #[arg(long, value_name = "ROWS", default_value_t = 0, help = help::report_excluded())]
    excluded: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Gaps {
    #[command(flatten)]
    of: Of,
    #[arg(long, value_name = "PLAN", help = help::report_plan())]
    plan: Option<PlanName>,
    #[arg(long, value_name = "ROWS", default_value_t = 50, help = help::report_limit())]
    limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Failures {
    #[command(flatten)]
    of: Of,
    #[arg(long, value_name = "ROWS", default_value_t = 50, help = help::report_limit())]
    limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Clocks {
    #[command(flatten)]
    of: Of,
    #[arg(long, value_name = "SECONDS", default_value_t = 60, help = help::report_tolerance())]
    tolerance: u32,
    #[arg(long, value_name = "ROWS", default_value_t = 50, help = help::report_limit())]
    limit: u32,
}

impl Report {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let zone = common.settings()?.zone;
        match self {
            Report::Success(Success { of, plan, excluded }) => {
                let mut query = of.query(&zone);
                query.extend(plan.map(|plan| ("plan", plan.to_string())));
                query.push(("limit", excluded.to_string()));
                report(common, "success", &query, |out, report| show(out, &report))
            }
            Report::Gaps(Gaps { of, plan, limit }) => {
                let mut query = of.query(&zone);
                query.extend(plan.map(|plan| ("plan", plan.to_string())));
                query.push(("limit", limit.to_string()));
                report(common, "gaps", &query, |out, report| missing::show_gaps(out, &zone, &report))
            }
            Report::Failures(Failures { of, limit }) => {
                let mut query = of.query(&zone);
                query.push(("limit", limit.to_string()));
                report(common, "failures", &query, |out, report| missing::show_failures(out, &zone, &report))
            }
            Report::Clock(Clocks { of, tolerance, limit }) => {
                let mut query = of.query(&zone);
                query.push(("tolerance_seconds", tolerance.to_string()));
                query.push(("limit", limit.to_string()));
                report(common, "clock", &query, |out, report| clocks::show(out, &zone, &report))
            }
        }
    }
}

/// Gets a report, and prints it as it is or shows it.
fn report<T: Serialize + DeserializeOwned>(
    common: &Common,
    name: &str,
    query: &[(&str, String)],
    show: impl FnOnce(Output, T) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let client = common.client()?;
    let report: T = on_one_thread(client.get(&["reports", name], query))?;
    let out = common.output();
    if out.is_json() {
        out.document(&report)?
    } else {
        show(out, report)?
    }
    Ok(Exit::Done)
}

fn show(out: Output, report: &SuccessReport) -> anyhow::Result<()> {
    let by = report.by.label().text(report_language()).to_owned();
    out.toned(Tone::Head, say::success_heading(report.day, &report.zone))?;
    let mut table = success_table(by);
    for group in &report.groups {
        add_group(&mut table, group, group_name(group));
    }
    add_group(&mut table, &report.total, say::total());
    out.table(&table)?;
    for excluded in &report.excluded {
        let reason = excluded.reason.label().text(report_language());
        out.toned(Tone::Faint, say::excluded(excluded.meters, reason))?;
    }
    show_excluded(out, report)
}

/// The meters that nothing was expected of one by one, where they were asked for.
fn show_excluded(out: Output, report: &SuccessReport) -> anyhow::Result<()> {
    if report.excluded_meters.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut meters = Table::new([left(column::meter()), left(column::area()), left(column::reason())]);
    for ExcludedMeter { meter_no, area, reason } in &report.excluded_meters {
        let reason = reason.label().text(report_language()).to_owned();
        meters.row(Tone::Plain, [meter_no.to_string(), or_dash(area.as_ref()), reason]);
    }
    out.table(&meters)?;
    if report.excluded_not_listed > 0 {
        out.toned(Tone::Faint, say::excluded_not_listed(report.excluded_not_listed))?;
    }
    Ok(())
}

/// A table of groups of a success report.
pub(crate) fn success_table(by: String) -> Table {
    Table::new([
        left(by),
        right(column::meters()),
        right(column::expected()),
        right(column::on_time()),
        right(column::late()),
        right(column::suspect()),
        right(column::given_up()),
        right(column::open()),
        right(column::success_percent()),
        (Align::Left, column::causes()),
    ])
}

/// Adds one group, coloured by what is missing.
pub(crate) fn add_group(table: &mut Table, group: &SuccessGroup, name: String) {
    let slots = &group.slots;
    let tone = match (slots.success().is_full(), slots.open + slots.suspect + slots.given_up) {
        (true, _) => Tone::Good,
        (false, 0) => Tone::Plain,
        (false, _) => Tone::Warn,
    };
    let counts = [slots.expected, slots.on_time, slots.late, slots.suspect, slots.given_up, slots.open];
    let [expected, on_time, late, suspect, given_up, open] = counts.map(|count| count.to_string());
    let cells = [
        name,
        group.meters.to_string(),
        expected,
        on_time,
        late,
        suspect,
        given_up,
        open,
        group.success_percent.to_string(),
        causes(&group.causes),
    ];
    table.row(tone, cells);
}

/// A group's code with its name.
pub(crate) fn group_name(group: &SuccessGroup) -> String {
    key_and_name(&group.key, group.name.as_deref())
}

/// A code with the name people use, where it has one; of a cause, the words for it.
fn key_and_name(key: &str, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{key} {name}"),
        None => cause(key),
    }
}

/// Causes with their counts, most frequent first.
pub(crate) fn causes(causes: &Causes) -> String {
    let words = causes.by_count().into_iter().map(|(code, count)| format!("{} {count}", cause(code)));
    words.collect::<Vec<_>>().join(", ")
}

/// The words for a cause's code.
pub(crate) fn cause(code: &str) -> String {
    match FailureKind::from_code(code) {
        Some(kind) => kind.label().text(report_language()).to_owned(),
        None if code == Causes::NOT_ASKED => say::not_asked(),
        None => code.to_owned(),
    }
}
