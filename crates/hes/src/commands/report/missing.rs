//! What is missing, and what was tried in vain.

use hes_api::dto::{FailureReport, GapReport};
use hes_model::FailureKind;
use hes_reports::{Gap, GapGroup, Labelled, SlotState};

use super::{cause, causes, key_and_name};
use crate::commands::archive::or_dash;
use crate::output::{Output, Table, Tone, left, right};
use crate::settings::Zone;
use crate::text::{column, report_language, say, told};

/// Groups, then the gaps one by one.
pub(super) fn show_gaps(out: Output, zone: &Zone, report: &GapReport) -> anyhow::Result<()> {
    out.toned(Tone::Head, say::gaps_heading(report.day, &report.zone))?;
    let mut groups = Table::new([
        left(report.by.label().text(report_language()).to_owned()),
        right(column::meters()),
        right(column::slots()),
        right(column::open()),
        right(column::suspect()),
        right(column::given_up()),
        left(column::causes()),
    ]);
    for group in &report.groups {
        add(&mut groups, group, key_and_name(&group.key, group.name.as_deref()));
    }
    add(&mut groups, &report.total, say::total());
    out.table(&groups)?;
    if report.gaps.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut gaps = Table::new([
        left(column::meter()),
        left(column::register()),
        left(column::series()),
        left(column::slot()),
        right(column::slots()),
        left(column::state()),
        left(column::reason()),
        right(column::attempts()),
        left(column::next()),
    ]);
    for gap in &report.gaps {
        let tone = if gap.state == SlotState::GivenUp { Tone::Bad } else { Tone::Warn };
        gaps.row(tone, cells(zone, gap));
    }
    out.table(&gaps)?;
    if report.gaps_not_listed > 0 {
        out.toned(Tone::Faint, say::not_listed(report.gaps_not_listed))?;
    }
    Ok(())
}

fn add(table: &mut Table, group: &GapGroup, name: String) {
    let [meters, slots, open, suspect, given_up] =
        [group.meters, group.slots, group.open, group.suspect, group.given_up].map(|count| count.to_string());
    let tone = if group.slots == 0 { Tone::Good } else { Tone::Warn };
    table.row(tone, [name, meters, slots, open, suspect, given_up, causes(&group.causes)]);
}

fn cells(zone: &Zone, gap: &Gap) -> [String; 9] {
    let slot = if gap.from == gap.to {
        zone.local(gap.from)
    } else {
        format!("{} – {}", zone.local(gap.from), zone.local(gap.to))
    };
    let why = gap.cause.map_or_else(say::not_asked, |kind: FailureKind| cause(kind.code()));
    let why = match &gap.detail {
        Some(detail) => format!("{why}: {}", told(detail)),
        None => why,
    };
    [
        gap.meter_no.to_string(),
        gap.alias.clone(),
        gap.series.clone(),
        slot,
        gap.slots.to_string(),
        gap.state.label().text(report_language()).to_owned(),
        why,
        gap.tries.to_string(),
        next(zone, gap),
    ]
}

/// When a gap is asked for again: at a time of its own, or when what keeps it waiting is over.
fn next(zone: &Zone, gap: &Gap) -> String {
    match (gap.state, gap.next_try_at, gap.cause) {
        (SlotState::GivenUp, ..) => "-".to_owned(),
        (_, Some(at), _) => zone.local(at),
        (_, None, Some(FailureKind::NoReply)) => say::next_probe(),
        (_, None, Some(FailureKind::ChannelDown)) => say::once_channel_is_up(),
        (_, None, _) => say::in_turn(),
    }
}

/// Groups, then the meters with most failed attempts.
pub(super) fn show_failures(out: Output, zone: &Zone, report: &FailureReport) -> anyhow::Result<()> {
    out.toned(Tone::Head, say::failures_heading(report.day, &report.zone))?;
    let mut groups = Table::new([
        left(report.by.label().text(report_language()).to_owned()),
        right(column::meters()),
        right(column::attempts()),
        left(column::causes()),
    ]);
    for group in &report.groups {
        let name = key_and_name(&group.key, group.name.as_deref());
        let cells = [name, group.meters.to_string(), group.attempts.to_string(), causes(&group.causes)];
        groups.row(Tone::Warn, cells);
    }
    let total = &report.total;
    let cells = [say::total(), total.meters.to_string(), total.attempts.to_string(), causes(&total.causes)];
    groups.row(if total.attempts == 0 { Tone::Good } else { Tone::Warn }, cells);
    out.table(&groups)?;
    if report.meters.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut meters = Table::new([
        left(column::meter()),
        left(column::channel()),
        right(column::attempts()),
        left(column::last()),
        left(column::reason()),
    ]);
    for meter in &report.meters {
        let why = format!("{}: {}", cause(meter.last_cause.code()), told(&meter.last_detail));
        let cells = [
            meter.meter_no.to_string(),
            or_dash(meter.channel.as_ref()),
            meter.attempts.to_string(),
            zone.local(meter.last_at),
            why,
        ];
        meters.row(Tone::Warn, cells);
    }
    out.table(&meters)?;
    if report.meters_not_listed > 0 {
        out.toned(Tone::Faint, say::not_listed(report.meters_not_listed))?;
    }
    Ok(())
}
