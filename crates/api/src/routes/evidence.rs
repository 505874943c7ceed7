//! Stored readings, and what proves one of them: for a dispute that must end in one look.

use axum::Json;
use axum::extract::State;
use hes_dissect::{Decoded, Options, Piece};
use hes_model::{MeterId, MeterNo, ReadingSeq, Series, registers};
use hes_store::{ReadingQuery, ReadingVersion, StoredExchange, Versions};

use super::archive::known_meter;
use super::now;
use crate::dto::readings as dto;
use crate::params::{Params, instant, register};
use crate::state::{Shared, State as ApiState};
use crate::{Code, Problem};

/// Longest span of one answer, in days: a year of 15-min values of one register is 35,000 rows.
const SPAN_DAYS_MAX: i64 = 366;
const DAY_MICROS: i64 = 86_400_000_000;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadingList {
    meter: MeterNo,
    register: Option<String>,
    series: Option<String>,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    versions: Which,
}

#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Which {
    #[default]
    Current,
    All,
}

/// Readings of one meter, `from <= slot <= to`; without a span the last 31 days.
pub(super) async fn readings(
    State(state): State<Shared>,
    Params(list): Params<ReadingList>,
) -> Result<Json<Vec<dto::ReadingRow>>, Problem> {
    let calendar = state.store.calendar();
    let to = list.to.as_deref().map_or(Ok(now()), |text| instant("to", text, calendar))?;
    let month_before = hes_model::UtcMicros(to.0.saturating_sub(31 * DAY_MICROS));
    let from = list.from.as_deref().map_or(Ok(month_before), |text| instant("from", text, calendar))?;
    if from > to || to.since(from) > SPAN_DAYS_MAX * DAY_MICROS {
        return Err(Problem::parameter(
            "from",
            format!("must not lie after to, nor more than {SPAN_DAYS_MAX} days before"),
        ));
    }
    let register = list.register.as_deref().map(register).transpose()?;
    let series = list.series.as_deref().map_or(Ok(Series::Daily), series_named)?;
    let meter = known_meter(&state, &list.meter).await?.meter;
    let versions = match list.versions {
        Which::Current => Versions::Current,
        Which::All => Versions::All,
    };
    let query = ReadingQuery { meter: meter.id, register, series, from, to, versions };
    let found = state.store.readings(&query).await?;
    Ok(Json(found.into_iter().map(|version| reading_row(&meter.no, version)).collect()))
}

fn series_named(code: &str) -> Result<Series, Problem> {
    let shown: String = code.chars().take(32).collect();
    let accepted = "accepted are instant, daily, monthly, interval_1, _5, _15, _30, _60";
    Series::from_code(code).ok_or_else(|| Problem::parameter("series", format!("{shown:?}; {accepted}")))
}

fn reading_row(meter_no: &MeterNo, version: ReadingVersion) -> dto::ReadingRow {
    let ReadingVersion { seq, version, current, reading } = version;
    let said = (reading.occurred, reading.meter_clock);
    let named = (reading.register, reading.series, reading.slot);
    dto::ReadingRow {
        meter_no: meter_no.clone(),
        value: dto::Value::new(named, reading.value, reading.quality, said, reading.received.0),
        version,
        current,
        seq,
        captured_at: reading.captured.0,
        exchange: reading.exchange,
    }
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Of {
    seq: Option<i64>,
    meter: Option<MeterNo>,
    register: Option<String>,
    series: Option<String>,
    slot: Option<String>,
}

/// The evidence of one version, named by its `seq`, or of the version of a slot that counts.
pub(super) async fn evidence(
    State(state): State<Shared>,
    Params(of): Params<Of>,
) -> Result<Json<dto::Evidence>, Problem> {
    let (meter, version) = match of {
        Of { seq: Some(seq), meter: None, register: None, series: None, slot: None } => by_seq(&state, seq).await?,
        Of { seq: None, meter: Some(meter), register: Some(register), series: Some(series), slot: Some(slot) } => {
            by_slot(&state, &meter, &register, &series, &slot).await?
        }
        _ => {
            let detail = "give either seq, or meter, register, series and slot";
            return Err(Problem::new(Code::InvalidParameter, detail));
        }
    };
    let reading = &version.reading;
    let versions = state.store.reading_versions(reading.meter, reading.register, reading.series, reading.slot).await?;
    let exchange = match reading.exchange {
        Some(id) => state.store.exchange(id).await?,
        None => None,
    };
    Ok(Json(dto::Evidence {
        exchange: exchange.map(|exchange| exchange_evidence(&meter, exchange)),
        versions: versions.into_iter().map(|version| reading_row(&meter, version)).collect(),
        reading: reading_row(&meter, version),
    }))
}

async fn by_seq(state: &ApiState, seq: i64) -> Result<(MeterNo, ReadingVersion), Problem> {
    let found = state.store.reading_by_seq(ReadingSeq(seq)).await?;
    let unknown = || {
        let detail =
            format!("no reading has seq {seq}; values of interval series are named by meter, register and slot");
        Problem::new(Code::UnknownReading, detail)
    };
    let version = found.ok_or_else(unknown)?;
    Ok((meter_no(state, version.reading.meter).await?, version))
}

async fn by_slot(
    state: &ApiState,
    meter: &MeterNo,
    name: &str,
    series: &str,
    slot: &str,
) -> Result<(MeterNo, ReadingVersion), Problem> {
    let register = register(name)?;
    let series = series_named(series)?;
    let slot = instant("slot", slot, state.store.calendar())?;
    let meter = known_meter(state, meter).await?.meter;
    let versions = state.store.reading_versions(meter.id, register, series, slot).await?;
    let current = versions.into_iter().find(|version| version.current);
    let unknown = || {
        let alias = registers().name_of(register);
        let detail = format!("nothing is stored of {alias} of meter {} at {slot}; see the gaps of that day", meter.no);
        Problem::new(Code::UnknownReading, detail)
    };
    Ok((meter.no.clone(), current.ok_or_else(unknown)?))
}

async fn meter_no(state: &ApiState, id: MeterId) -> Result<MeterNo, Problem> {
    let unknown = || Problem::new(Code::UnknownMeter, "the meter of this reading is no longer in the archive");
    Ok(state.store.meter_by_id(id).await?.ok_or_else(unknown)?.meter.no)
}

fn exchange_evidence(meter_no: &MeterNo, exchange: StoredExchange) -> dto::ExchangeEvidence {
    dto::ExchangeEvidence {
        id: exchange.id,
        channel: exchange.channel,
        meter_no: meter_no.clone(),
        plan: exchange.plan,
        class: exchange.class.code().to_owned(),
        sent_at: exchange.proof.sent_at,
        received_at: exchange.proof.received_at.0,
        request: explained(&exchange.proof.request),
        answer: explained(&exchange.proof.answer),
    }
}

/// Bytes and their meaning. An exchange with follow-up frames has several frames one after the other.
fn explained(bytes: &[u8]) -> dto::EvidenceBytes {
    let mut fields = Vec::new();
    for piece in hes_dissect::pieces(bytes) {
        let range = piece.range();
        let (start, slice) = (range.start, bytes.get(range).unwrap_or_default());
        match piece {
            Piece::Frame(_) => fields.extend(frame_fields(start, slice)),
            Piece::Loose(_) => fields.push(loose(start, slice, "bytes of no frame", "非帧字节")),
        }
    }
    dto::EvidenceBytes { hex: hex(bytes), fields }
}

fn frame_fields(start: usize, frame: &[u8]) -> Vec<dto::EvidenceField> {
    let explained = match hes_dissect::decode(frame, &Options::RECORD) {
        Decoded::Explained(explained) => explained,
        Decoded::Rejected(why) => return vec![loose(start, frame, &why.detail, "无法解析的帧")],
    };
    let fields = explained.fields.unwrap_or_default().into_iter();
    let shifted = fields.map(|field| dto::EvidenceField {
        offset: start + field.offset,
        len: field.len,
        raw: field.raw,
        plain: field.plain,
        field: field.name,
        name: field.en,
        name_zh: field.zh,
        value: field.value,
    });
    shifted.collect()
}

fn loose(offset: usize, bytes: &[u8], name: &str, name_zh: &str) -> dto::EvidenceField {
    dto::EvidenceField {
        offset,
        len: bytes.len(),
        raw: hex(bytes),
        plain: None,
        field: "loose".to_owned(),
        name: name.to_owned(),
        name_zh: name_zh.to_owned(),
        value: String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
}
