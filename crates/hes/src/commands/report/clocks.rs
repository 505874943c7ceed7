//! How far meters' clocks are off.

use hes_api::dto::ClockReport;
use hes_reports::{ClockGroup, DriftBand, Labelled};

use super::key_and_name;
use crate::commands::archive::or_dash;
use crate::output::{Output, Table, Tone, left, right};
use crate::settings::Zone;
use crate::text::{column, report_language, say};

/// Groups, then the clocks furthest off, then the broadcasts of the day.
pub(super) fn show(out: Output, zone: &Zone, report: &ClockReport) -> anyhow::Result<()> {
    out.toned(Tone::Head, say::clock_heading(report.day, &report.zone, report.tolerance_seconds))?;
    let mut groups = Table::new([
        left(report.by.label().text(report_language()).to_owned()),
        right(column::meters()),
        right(column::within()),
        right(column::within_percent()),
        right(column::worst_seconds()),
    ]);
    for group in &report.groups {
        add(&mut groups, group, key_and_name(&group.key, group.name.as_deref()));
    }
    add(&mut groups, &report.total, say::total());
    out.table(&groups)?;
    if !report.meters.is_empty() {
        out.line("")?;
        let mut meters = Table::new([
            left(column::meter()),
            left(column::channel()),
            left(column::time()),
            left(column::meter_clock()),
            right(column::clock_offset()),
            left(column::band()),
        ]);
        for meter in &report.meters {
            let tone = if meter.band == DriftBand::Within5s { Tone::Plain } else { Tone::Warn };
            let cells = [
                meter.meter_no.to_string(),
                or_dash(meter.channel.as_ref()),
                zone.local(meter.at),
                meter.meter_clock.0.to_string(),
                seconds(meter.offset_ms),
                meter.band.label().text(report_language()).to_owned(),
            ];
            meters.row(tone, cells);
        }
        out.table(&meters)?;
    }
    if report.meters_not_listed > 0 {
        out.toned(Tone::Faint, say::not_listed(report.meters_not_listed))?;
    }
    for broadcast in &report.broadcasts {
        out.line(say::broadcast_sent(zone.local(broadcast.at), &broadcast.channel))?;
    }
    Ok(())
}

fn add(table: &mut Table, group: &ClockGroup, name: String) {
    let tone = if group.within == group.meters { Tone::Good } else { Tone::Warn };
    let cells = [
        name,
        group.meters.to_string(),
        group.within.to_string(),
        group.within_percent.to_string(),
        seconds(group.worst_offset_ms),
    ];
    table.row(tone, cells);
}

/// Milliseconds as seconds with sign and three decimals, exact.
pub(crate) fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { '-' } else { '+' };
    let ms = ms.unsigned_abs();
    format!("{sign}{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn an_offset_keeps_its_sign_below_a_second() {
        assert_eq!(seconds(-250), "-0.250");
        assert_eq!(seconds(61_005), "+61.005");
        assert_eq!(seconds(0), "+0.000");
    }
}
