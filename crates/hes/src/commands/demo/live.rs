//! The live summary: redrawn in place on a terminal, plain lines elsewhere.

use std::io::Write;
use std::time::Duration;

use hes_api::dto::SuccessReport;
use hes_api::dto::live::{LinkState, Status};
use hes_reports::Causes;
use jiff::tz::TimeZone;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::cli::Common;
use crate::client::Client;
use crate::commands::report::{add_group, cause, group_name, success_table};
use crate::day::Day;
use crate::output::{Output, Tone};
use crate::settings::{Settings, Zone};
use crate::text::{say, told};

/// How often the summary is redrawn on a terminal, and printed elsewhere.
const REDRAW: Duration = Duration::from_secs(1);
const REPORT: Duration = Duration::from_secs(5);
/// Causes listed below the table; the table has them all.
const CAUSES_SHOWN: usize = 6;
/// Days looked at for completeness: what the demo back-fills.
const DAYS: std::ops::RangeInclusive<u16> = 0..=6;

/// Why the watching ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// By a signal.
    Told,
    /// Every daily slot has been asked for.
    Complete,
    /// The given time is over.
    TimeIsUp,
}

/// Where and how the summary is shown.
#[derive(Debug)]
pub(super) struct View<'a> {
    out: Output,
    client: &'a Client,
    zone: &'a Zone,
    live: bool,
}

impl<'a> View<'a> {
    pub(super) fn new(common: &Common, client: &'a Client, settings: &'a Settings, once: bool) -> Self {
        let out = common.output();
        Self { out, client, zone: &settings.zone, live: out.is_terminal() && !out.is_json() && !once }
    }

    /// Shows the summary until told to stop, until the time is up, or until everything daily has been asked for.
    pub(super) async fn run(
        &self,
        until: Option<Instant>,
        to_completeness: bool,
        stop: &CancellationToken,
    ) -> anyhow::Result<Ended> {
        let mut tick = tokio::time::interval(if self.live { REDRAW } else { REPORT });
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut drawn = 0;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Ended::Told),
                () = at(until) => return Ok(Ended::TimeIsUp),
                _ = tick.tick() => {}
            }
            let status: Status = self.client.get(&["status"], &[]).await?;
            if self.live {
                drawn = self.redraw(&status, drawn)?;
            } else {
                self.print(&status)?;
            }
            if to_completeness && self.is_complete().await? {
                if !self.live && !self.out.is_json() {
                    self.out.write_table(&mut std::io::stdout().lock(), &table(&status))?;
                }
                return Ok(Ended::Complete);
            }
        }
    }

    /// Whether every daily slot since the first day has been asked for at least once.
    async fn is_complete(&self) -> anyhow::Result<bool> {
        let zone: &TimeZone = self.zone.time_zone();
        for days in DAYS {
            let query = [("day", Day::Ago(days).date(zone).to_string()), ("plan", "daily".to_owned())];
            let report: SuccessReport = self.client.get(&["reports", "success"], &query).await?;
            let not_asked = report.total.causes.iter().any(|(code, count)| code == Causes::NOT_ASKED && count > 0);
            if report.total.slots.expected == 0 || not_asked {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Draws over what was drawn before; how many lines it took.
    fn redraw(&self, status: &Status, before: usize) -> anyhow::Result<usize> {
        let mut picture = Vec::new();
        for (tone, line) in head(self.zone, status) {
            self.out.write_toned(&mut picture, tone, line)?;
        }
        self.out.write_table(&mut picture, &table(status))?;
        for (tone, line) in gaps(status) {
            self.out.write_toned(&mut picture, tone, line)?;
        }
        let mut stdout = std::io::stdout().lock();
        if before > 0 {
            // Up to the first line drawn, and clear from there.
            write!(stdout, "\u{1b}[{before}A\u{1b}[J")?;
        }
        // Long lines are cut at the margin: wrapped ones would be more lines than are counted here.
        stdout.write_all(b"\x1b[?7l")?;
        stdout.write_all(&picture)?;
        stdout.write_all(b"\x1b[?7h")?;
        stdout.flush()?;
        Ok(picture.iter().filter(|byte| **byte == b'\n').count())
    }

    /// One line, or one JSON object.
    fn print(&self, status: &Status) -> anyhow::Result<()> {
        if self.out.is_json() {
            return self.out.document(status);
        }
        let total = &status.today.total;
        let slots = &total.slots;
        self.out.line(say::demo_line(
            self.zone.local(status.at),
            slots.on_time + slots.late,
            slots.expected,
            total.filled_percent,
            &status.readings_per_second,
        ))
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

fn head(zone: &Zone, status: &Status) -> Vec<(Tone, String)> {
    let links = |state: LinkState| status.channels.iter().filter(|channel| channel.link == state).count();
    let silent: u64 = status.channels.iter().map(|channel| channel.silent_meters).sum();
    vec![
        (Tone::Head, say::demo_head(zone.local(status.at), status.today.day)),
        (
            Tone::Plain,
            say::demo_rates(
                status.readings_total,
                &status.readings_per_second,
                links(LinkState::Up),
                status.channels.len(),
                silent,
            ),
        ),
        (Tone::Plain, String::new()),
    ]
}

fn table(status: &Status) -> crate::output::Table {
    let mut table = success_table(say::day_of(status.today.day));
    // Always in the same order: rows that change places can't be followed.
    let mut areas: Vec<_> = status.today.areas.iter().collect();
    areas.sort_by(|a, b| a.key.cmp(&b.key));
    for area in areas {
        add_group(&mut table, area, group_name(area));
    }
    add_group(&mut table, &status.today.total, say::total());
    table
}

/// What is missing and why, over all areas; then the lines that are down.
fn gaps(status: &Status) -> Vec<(Tone, String)> {
    let mut lines = vec![(Tone::Plain, String::new())];
    for (code, count) in status.today.total.causes.by_count().into_iter().take(CAUSES_SHOWN) {
        lines.push((Tone::Warn, say::demo_gap(count, cause(code))));
    }
    for channel in status.channels.iter().filter(|channel| channel.link == LinkState::Down) {
        lines.push((
            Tone::Bad,
            say::demo_down(&channel.name, channel.why.as_ref().map_or_else(|| "-".to_owned(), told)),
        ));
    }
    lines.push((Tone::Faint, say::demo_stop_hint()));
    lines
}
