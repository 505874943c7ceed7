//! Meters, channels, areas: lists, one meter with its history, imports, replacement of a meter.

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::State;
use hes_model::{AreaCode, ChannelName, GroupName, MeterId, MeterNo, MeterState, ReaderCode, UtcMicros};
use hes_store::{AreaRow, MeterExchange, MeterFilter, MeterRow, MeterView};

use super::now;
use crate::body::{CsvBody, JsonBody};
use crate::dto::archive as dto;
use crate::import::{self, ChannelRow, HeadError, Line, MeterLine, Table};
use crate::params::{Named, Params};
use crate::state::{Shared, State as ApiState};
use crate::{Code, Problem};

/// Rows of a page where none are asked for.
const PAGE_DEFAULT: u32 = 100;
/// Most rows of a page.
const PAGE_MAX: u32 = 1_000;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MeterList {
    channel: Option<ChannelName>,
    area: Option<AreaCode>,
    group: Option<GroupName>,
    state: Option<MeterState>,
    after: Option<i64>,
    limit: Option<u32>,
}

pub(super) async fn list_meters(
    State(state): State<Shared>,
    Params(list): Params<MeterList>,
) -> Result<Json<dto::Page<dto::MeterRow>>, Problem> {
    let limit = page_limit(list.limit)?;
    let filter = MeterFilter { channel: list.channel, area: list.area, group: list.group, state: list.state };
    let views = state.store.meters(&filter, list.after.map(MeterId), limit).await?;
    let full = u32::try_from(views.len()).is_ok_and(|n| n == limit);
    let next = views.last().filter(|_| full).map(|last| last.meter.id.to_string());
    Ok(Json(dto::Page { items: views.into_iter().map(meter_row).collect(), next }))
}

pub(super) fn page_limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(PAGE_DEFAULT) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        limit => Err(Problem::parameter("limit", format!("{limit} is not 1 to {PAGE_MAX}"))),
    }
}

fn meter_row(view: MeterView) -> dto::MeterRow {
    let MeterView { meter, installation, has_password } = view;
    let place = installation.as_ref();
    dto::MeterRow {
        meter_no: meter.no,
        protocol: meter.protocol,
        address: meter.address,
        model: meter.model,
        channel: meter.channel,
        state: meter.state,
        groups: meter.groups,
        has_password,
        service_point: place.map(|i| i.service_point.clone()),
        area: place.and_then(|i| i.area.clone()),
        area_name: place.and_then(|i| i.area_name.clone()),
        reader: place.and_then(|i| i.reader.clone()),
        customer: place.and_then(|i| i.customer.clone()),
        customer_name: place.and_then(|i| i.customer_name.clone()),
        ct: place.map(|i| i.transformers.ct),
        pt: place.map(|i| i.transformers.pt),
        installed_from: place.map(|i| i.effective.from),
    }
}

pub(super) async fn show_meter(
    State(state): State<Shared>,
    Named(no): Named<MeterNo>,
) -> Result<Json<dto::MeterDetail>, Problem> {
    detail(&state, &no).await.map(Json)
}

/// The meter of a number, or the problem that there is none.
pub(super) async fn known_meter(state: &ApiState, no: &MeterNo) -> Result<MeterView, Problem> {
    let unknown = || Problem::new(Code::UnknownMeter, format!("no meter {no} in the archive"));
    state.store.meter(no).await?.ok_or_else(unknown)
}

async fn detail(state: &ApiState, no: &MeterNo) -> Result<dto::MeterDetail, Problem> {
    let view = known_meter(state, no).await?;
    let installations = state.store.installations(view.meter.id).await?;
    let installations = installations.into_iter().map(|i| dto::InstallationRow {
        service_point: i.service_point,
        from: i.effective.from,
        until: i.effective.until,
        ct: i.transformers.ct,
        pt: i.transformers.pt,
    });
    let installations = installations.collect();
    Ok(dto::MeterDetail { meter: meter_row(view), installations })
}

pub(super) async fn list_channels(State(state): State<Shared>) -> Result<Json<dto::Page<dto::ChannelRow>>, Problem> {
    let snapshot = state.collector.snapshot();
    let live: HashMap<ChannelName, _> = snapshot.channels.into_iter().map(|c| (c.name.clone(), c)).collect();
    let channels = state.store.channels().await?;
    let row = |channel: hes_model::ChannelConfig| {
        let live = live.get(&channel.name).cloned();
        dto::ChannelRow { channel, live }
    };
    Ok(Json(dto::Page::whole(channels.into_iter().map(row))))
}

pub(super) async fn list_areas(State(state): State<Shared>) -> Result<Json<dto::Page<dto::AreaRow>>, Problem> {
    let areas = state.store.areas().await?;
    let row = |view: hes_store::AreaView| dto::AreaRow {
        code: view.area.code,
        name: view.area.name,
        reader_name: view.reader.as_ref().map(|r| r.name.clone()),
        reader: view.reader.map(|r| r.code),
        meters: view.meters,
    };
    Ok(Json(dto::Page::whole(areas.into_iter().map(row))))
}

pub(super) async fn import_areas(
    State(state): State<Shared>,
    csv: CsvBody,
) -> Result<Json<dto::ImportReport>, Problem> {
    let mut import = Import::<AreaRow>::check(&state, csv).await?;
    let stored = state.store.import_areas(import.take_good(), now()).await?;
    Ok(Json(import.report(&state, "areas", stored)))
}

pub(super) async fn import_channels(
    State(state): State<Shared>,
    csv: CsvBody,
) -> Result<Json<dto::ImportReport>, Problem> {
    let mut import = Import::<ChannelRow>::check(&state, csv).await?;
    let rows = import.take_good().into_iter().map(|row| (row.line, row.config)).collect();
    let stored = state.store.import_channels(rows).await?;
    Ok(Json(import.report(&state, "channels", stored)))
}

pub(super) async fn import_meters(
    State(state): State<Shared>,
    csv: CsvBody,
) -> Result<Json<dto::ImportReport>, Problem> {
    let mut import = Import::<MeterLine>::check(&state, csv).await?;
    import.refuse_where(|line| unknown_model(&state, line));
    let readers = import.readers();
    let rows = import.take_good().into_iter().map(|line| line.row).collect();
    let stored = state.store.import_meters(rows, now()).await?;
    // After the meters, so that an area that only refused rows name is not made.
    let used =
        state.store.areas().await?.into_iter().map(|view| view.area.code).collect::<std::collections::HashSet<_>>();
    state.store.import_areas(readers.into_iter().filter(|row| used.contains(&row.code)).collect(), now()).await?;
    Ok(Json(import.report(&state, "meters", stored)))
}

fn unknown_model(state: &ApiState, line: &MeterLine) -> Option<dto::Fault> {
    let model = line.row.model.as_ref().filter(|model| !state.models.contains(model))?;
    let known = state.models.iter().map(hes_model::ModelName::as_str).collect::<Vec<_>>().join(", ");
    let reason = format!("no profile of that model; known are {known}");
    Some(dto::Fault { column: Some("model".to_owned()), value: Some(model.to_string()), reason })
}

/// A file on its way into the store: what was refused before, and what names the rows that go on.
struct Import<L> {
    encoding: dto::Encoding,
    rows: u64,
    good: Vec<L>,
    refused: Vec<dto::RefusedRow>,
    keys: HashMap<u64, String>,
}

impl<L: Line + Send + 'static> Import<L> {
    /// Reads and checks a file, off the async threads: a large one takes a second.
    async fn check(state: &ApiState, csv: CsvBody) -> Result<Self, Problem> {
        let rows_max = state.config.import_max_rows;
        let check = move || import::read::<L>(import::Csv { bytes: &csv.file, encoding: csv.encoding }, rows_max);
        let checked = tokio::task::spawn_blocking(check).await;
        let table = checked.map_err(|panic| {
            tracing::error!(error = %panic, "checking a file for import failed");
            Problem::new(Code::Internal, "the file could not be checked; see the server's log")
        })?;
        let Table { encoding, rows, good, refused } = table.map_err(|refused| match refused {
            HeadError::TooManyRows { .. } => Problem::new(Code::BodyTooLarge, refused.to_string()),
            _ => Problem::new(Code::CsvHeader, refused.to_string()),
        })?;
        let keys = good.iter().map(|row| (row.line(), row.key())).collect();
        Ok(Self { encoding, rows, good, refused, keys })
    }
    /// Takes out the rows a further check finds fault with.
    fn refuse_where(&mut self, check: impl Fn(&L) -> Option<dto::Fault>) {
        let refused = &mut self.refused;
        self.good.retain(|row| {
            let Some(fault) = check(row) else { return true };
            refused.push(dto::RefusedRow { line: row.line(), key: Some(row.key()), faults: vec![fault] });
            false
        });
    }
    fn take_good(&mut self) -> Vec<L> {
        std::mem::take(&mut self.good)
    }
    /// Joins what was refused here with what the store did.
    fn report(self, state: &ApiState, file: &str, stored: hes_store::ImportReport) -> dto::ImportReport {
        let Self { encoding, rows, mut refused, keys, .. } = self;
        refused.extend(stored.bad.into_iter().map(|bad| dto::RefusedRow {
            line: bad.line,
            key: keys.get(&bad.line).cloned(),
            faults: vec![dto::Fault {
                column: Some(bad.column.to_owned()),
                value: None,
                reason: bad.reason.to_string(),
            }],
        }));
        refused.sort_by_key(|row| row.line);
        let notes = stored.notes.into_iter().map(|n| dto::RowNote { line: n.line, note: n.note.to_string() }).collect();
        let report = dto::ImportReport {
            encoding,
            rows,
            created: stored.created,
            updated: stored.updated,
            unchanged: stored.unchanged,
            refused,
            notes,
        };
        let counted = [
            ("created", report.created),
            ("updated", report.updated),
            ("unchanged", report.unchanged),
            ("refused", u64::try_from(report.refused.len()).unwrap_or(u64::MAX)),
        ];
        for (outcome, n) in counted {
            state.metrics.import_rows.with_label_values(&[file, outcome]).inc_by(n);
        }
        tracing::info!(file, rows, refused = report.refused.len(), "imported");
        report
    }
}

impl Import<MeterLine> {
    /// The readers the file names for its areas. Where rows differ, the later ones are refused.
    fn readers(&mut self) -> Vec<AreaRow> {
        let mut of_area: BTreeMap<AreaCode, (u64, ReaderCode)> = BTreeMap::new();
        for line in &self.good {
            if let Some(reader) = &line.reader {
                of_area.entry(line.row.area.clone()).or_insert_with(|| (line.row.line, reader.clone()));
            }
        }
        self.refuse_where(|line| {
            let (first, reader) = of_area.get(&line.row.area)?;
            let other = line.reader.as_ref().filter(|other| *other != reader)?;
            let reason = format!("area {} has reader {reader} in line {first}", line.row.area);
            Some(dto::Fault { column: Some("reader".to_owned()), value: Some(other.to_string()), reason })
        });
        let row = |(code, (line, reader))| AreaRow { line, code, name: None, reader: Some(reader), reader_name: None };
        of_area.into_iter().map(row).collect()
    }
}

pub(super) async fn replace_meter(
    State(state): State<Shared>,
    Named(no): Named<MeterNo>,
    JsonBody(replacement): JsonBody<dto::Replacement>,
) -> Result<Json<dto::MeterDetail>, Problem> {
    let old = known_meter(&state, &no).await?;
    let at = replacement_time(&state, &replacement);
    let new = replacing_row(&state, old, &replacement)?;
    let number = new.no.clone();
    if state.store.meter(&number).await?.is_some_and(|known| known.installation.is_some()) {
        return Err(Problem::new(Code::Conflict, format!("meter {number} is installed somewhere already")));
    }
    state.store.exchange_meter(MeterExchange { new, at, last: Vec::new(), first: Vec::new() }, now()).await?;
    detail(&state, &number).await.map(Json)
}

fn replacement_time(state: &ApiState, replacement: &dto::Replacement) -> UtcMicros {
    let calendar = state.store.calendar();
    let day = replacement.from.unwrap_or_else(|| calendar.day_of(now()));
    calendar.day_start(day)
}

/// The new meter: what the request says, and for the rest what the old one was.
fn replacing_row(state: &ApiState, old: MeterView, by: &dto::Replacement) -> Result<MeterRow, Problem> {
    let invalid = |what: &str, why: String| Problem::new(Code::InvalidBody, format!("{what}: {why}"));
    let factor = |what: &str, given: Option<u32>, old: u32| {
        let text = given.unwrap_or(old).to_string();
        import::transformer(&text).map_err(|why| invalid(what, why))
    };
    let unreadable = |why: &str| Problem::new(Code::MeterNotReadable, format!("meter {} {why}", old.meter.no));
    let place =
        old.installation.as_ref().ok_or_else(|| unreadable("is not installed, so nothing can take its place"))?;
    let channel = old.meter.channel.clone().ok_or_else(|| unreadable("has no channel"))?;
    let area = place.area.clone().ok_or_else(|| unreadable("is in no area"))?;
    let model = by.model.clone().or_else(|| by.protocol.is_none().then(|| old.meter.model.clone()));
    if let Some(model) = model.as_ref().filter(|m| !state.models.contains(m)) {
        return Err(invalid("model", format!("{model} has no profile")));
    }
    let password = by.password.as_deref().map(import::password).transpose().map_err(|why| invalid("password", why))?;
    Ok(MeterRow {
        line: 1,
        no: by.meter_no.clone(),
        protocol: by.protocol.unwrap_or(old.meter.protocol),
        address: by.address,
        model,
        channel,
        area,
        service_point: place.service_point.clone(),
        customer: place.customer.clone(),
        customer_name: place.customer_name.clone(),
        ct: Some(factor("ct", by.ct, place.transformers.ct)?),
        pt: Some(factor("pt", by.pt, place.transformers.pt)?),
        installed_from: None,
        groups: Some(old.meter.groups.clone()),
        password,
        state: Some(MeterState::Active),
    })
}
