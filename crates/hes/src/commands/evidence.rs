//! `hes evidence`: what proves a reading, byte by byte.

use clap::Args;
use hes_api::dto::readings::{Evidence, EvidenceBytes, ExchangeEvidence, QualityCode, ReadingRow};
use hes_model::{MeterNo, NoValue, Series, UtcMicros};
use jiff::civil::{DateTime, Time};

use crate::cli::{Common, on_one_thread};
use crate::commands::archive::or_dash;
use crate::commands::register::RegisterArg;
use crate::day::Day;
use crate::exit::{Exit, UsageError};
use crate::output::{Output, Table, Tone, left, right};
use crate::settings::Zone;
use crate::text::{Language, column, help, language, say, told};

#[derive(Debug, Args)]
pub(crate) struct EvidenceCommand {
    #[arg(value_name = "METER", required_unless_present = "seq", help = help::meter_no())]
    meter: Option<MeterNo>,
    #[arg(value_name = "REGISTER", default_value = "import_active_total", help = help::evidence_register())]
    register: RegisterArg,
    #[arg(long, value_name = "SERIES", default_value = "daily", value_parser = series, help = help::evidence_series())]
    series: Series,
    #[arg(long, value_name = "DAY", conflicts_with = "at", help = help::evidence_day())]
    day: Option<Day>,
    #[arg(long, value_name = "TIME", help = help::evidence_at())]
    at: Option<DateTime>,
    #[arg(long, value_name = "SEQ", conflicts_with_all = ["meter", "day", "at"], help = help::evidence_seq())]
    seq: Option<i64>,
}

fn series(code: &str) -> Result<Series, String> {
    Series::from_code(code).ok_or_else(say::series_unknown)
}

impl EvidenceCommand {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let zone = common.settings()?.zone;
        let query = self.query(&zone)?;
        let client = common.client()?;
        let evidence: Evidence = on_one_thread(client.get(&["evidence"], &query))?;
        let out = common.output();
        if out.is_json() {
            out.document(&evidence)?;
        } else {
            show(out, &zone, &evidence)?;
        }
        Ok(Exit::Done)
    }

    fn query(&self, zone: &Zone) -> anyhow::Result<Vec<(&'static str, String)>> {
        if let Some(seq) = self.seq {
            return Ok(vec![("seq", seq.to_string())]);
        }
        let Some(meter) = &self.meter else { return Err(UsageError(say::evidence_of_what()).into()) };
        let civil = match (self.at, self.day) {
            (Some(at), _) => at,
            (None, day) => day.unwrap_or(Day::Ago(0)).date(zone.time_zone()).to_datetime(Time::midnight()),
        };
        // The first of the month stands for a settlement, whichever day of it was named.
        let civil = if self.series == Series::Monthly { civil.first_of_month() } else { civil };
        let slot = UtcMicros::from(zone.time_zone().to_timestamp(civil)?);
        Ok(vec![
            ("meter", meter.to_string()),
            ("register", self.register.0.to_string()),
            ("series", self.series.code()),
            ("slot", slot.to_string()),
        ])
    }
}

fn show(out: Output, zone: &Zone, evidence: &Evidence) -> anyhow::Result<()> {
    let reading = &evidence.reading;
    let value = &reading.value;
    let mut versions = Table::new([
        right(column::version()),
        right(column::value()),
        left(column::unit()),
        left(column::quality()),
        left(column::slot()),
        left(column::received()),
        left(column::meter_clock()),
        right(column::seq()),
    ]);
    for version in &evidence.versions {
        let tone = match version.value.quality {
            _ if !version.current => Tone::Faint,
            QualityCode::Good => Tone::Good,
            QualityCode::Suspect => Tone::Warn,
        };
        versions.row(tone, cells(zone, version));
    }
    out.toned(
        Tone::Head,
        format_args!("{}  {} ({})  {}", reading.meter_no, value.alias, value.register, value.series),
    )?;
    out.table(&versions)?;
    match &evidence.exchange {
        Some(exchange) => show_exchange(out, zone, exchange),
        None => out.toned(Tone::Warn, say::evidence_gone()),
    }
}

fn cells(zone: &Zone, version: &ReadingRow) -> [String; 8] {
    let (value, unit) = match (&version.value.quantity, &version.value.no_value) {
        (Some(quantity), _) => (quantity.decimal().to_string(), quantity.unit.symbol().to_owned()),
        (None, reason) => (no_value(reason.as_ref()), String::new()),
    };
    let quality = match version.value.quality {
        _ if version.value.no_value == Some(NoValue::Absent) => say::quality_absent(),
        QualityCode::Good => say::quality_good(),
        QualityCode::Suspect => say::quality_suspect(version.value.rules.join(",")),
    };
    [
        version.version.to_string(),
        value,
        unit,
        quality,
        zone.local(version.value.slot),
        zone.local(version.value.received_at),
        or_dash(version.value.meter_clock.map(|clock| clock.0)),
        version.seq.to_string(),
    ]
}

/// Why an answer carries no number, for people.
pub(crate) fn no_value(reason: Option<&NoValue>) -> String {
    say::no_value(match reason {
        None => "-".to_owned(),
        Some(NoValue::Absent) => told("absent"),
        Some(NoValue::NotBcd) => told("not_bcd"),
        Some(NoValue::Malformed) => told("malformed"),
    })
}

fn show_exchange(out: Output, zone: &Zone, exchange: &ExchangeEvidence) -> anyhow::Result<()> {
    out.line("")?;
    let plan = or_dash(exchange.plan.as_ref());
    out.toned(Tone::Head, say::exchange_heading(exchange.id, &exchange.channel, told(&exchange.class), plan))?;
    for (heading, at, bytes) in [
        (say::exchange_sent(), exchange.sent_at, &exchange.request),
        (say::exchange_answered(), exchange.received_at, &exchange.answer),
    ] {
        out.line("")?;
        out.line(format_args!("{heading} {}", zone.local(at)))?;
        show_bytes(out, bytes)?;
    }
    Ok(())
}

fn show_bytes(out: Output, bytes: &EvidenceBytes) -> anyhow::Result<()> {
    let mut fields =
        Table::new([right(column::offset()), left(column::bytes()), left(column::field()), left(column::meaning())]);
    let octets: Vec<&str> = bytes.hex.split(' ').collect();
    for field in &bytes.fields {
        let name = match language() {
            Language::English => &field.name,
            Language::Chinese => &field.name_zh,
        };
        let end = field.offset.saturating_add(field.len).min(octets.len());
        let hex = octets.get(field.offset..end).unwrap_or_default().join(" ");
        fields.field(field.offset, &hex, None, name, &told(&field.value));
    }
    out.table(&fields)
}
