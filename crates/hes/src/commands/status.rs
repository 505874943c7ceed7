//! `hes status`: what a running server does now.

use clap::Args;
use hes_api::dto::live::{LinkState, Status};

use crate::cli::{Common, on_one_thread};
use crate::commands::channel::link;
use crate::commands::report::{add_group, group_name, success_table};
use crate::exit::Exit;
use crate::output::{Output, Table, Tone, left, right};
use crate::settings::Zone;
use crate::text::{column, help, say, told};

#[derive(Debug, Args)]
pub(crate) struct StatusCommand {
    #[arg(long, help = help::status_channels())]
    channels: bool,
}

impl StatusCommand {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let zone = common.settings()?.zone;
        let client = common.client()?;
        let status: Status = on_one_thread(client.get(&["status"], &[]))?;
        let out = common.output();
        if out.is_json() {
            out.document(&status)?;
        } else {
            summary(out, &zone, &status)?;
            channels(out, &status, self.channels)?;
        }
        Ok(Exit::Done)
    }
}

/// The server, its links and the day's collection.
fn summary(out: Output, zone: &Zone, status: &Status) -> anyhow::Result<()> {
    let up = duration(status.at.since(status.started_at));
    out.toned(Tone::Head, say::status_heading(&status.version, zone.local(status.started_at), up))?;
    if !status.collecting {
        out.toned(Tone::Warn, say::status_not_collecting())?;
    }
    if !status.clock.proven {
        out.toned(Tone::Warn, say::status_clock_not_proven(told(&status.clock.reason)))?;
    }
    let links: Vec<String> = status.links.iter().map(|(state, count)| format!("{count} {}", link(*state))).collect();
    out.line(say::status_links(links.join(", ")))?;
    out.line(say::status_readings(status.readings_total, &status.readings_per_second, status.reads_waiting))?;
    out.line("")?;
    let today = &status.today;
    let mut table = success_table(say::day_of(today.day));
    for area in &today.areas {
        add_group(&mut table, area, group_name(area));
    }
    add_group(&mut table, &today.total, say::total());
    out.table(&table)
}

/// Every channel, or only those that are in trouble.
fn channels(out: Output, status: &Status, every: bool) -> anyhow::Result<()> {
    let mut table = Table::new([
        left(column::channel()),
        left(column::link()),
        right(column::waiting()),
        right(column::silent_meters()),
        right(column::answered()),
        right(column::failed()),
        left(column::reason()),
    ]);
    for channel in &status.channels {
        let trouble = channel.link == LinkState::Down || channel.silent_meters > 0;
        if !every && !trouble {
            continue;
        }
        let counts = [channel.waiting, channel.silent_meters, channel.answered, channel.failed];
        let [waiting, silent, answered, failed] = counts.map(|count| count.to_string());
        let why = channel.why.as_ref().map(told).unwrap_or_default();
        let tone = if trouble { Tone::Warn } else { Tone::Plain };
        table.row(tone, [channel.name.to_string(), link(channel.link), waiting, silent, answered, failed, why]);
    }
    if table.is_empty() {
        return Ok(());
    }
    out.line("")?;
    out.table(&table)
}

/// Microseconds as the two largest units people count in.
fn duration(micros: i64) -> String {
    let seconds = micros.max(0) / 1_000_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => say::minutes_and_seconds(minutes, seconds % 60),
        (0, _) => say::hours_and_minutes(hours, minutes),
        _ => say::days_and_hours(days, hours),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn a_duration_is_said_in_two_units() {
        assert_eq!(duration(59_999_999), "0 min 59 s");
        assert_eq!(duration(3_660_000_000), "1 h 1 min");
        assert_eq!(duration(90_000_000_000), "1 d 1 h");
        assert_eq!(duration(-5), "0 min 0 s");
    }
}
