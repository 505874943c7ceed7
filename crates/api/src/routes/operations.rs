//! Health, metrics, events, unknown devices, log levels, backup.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hes_model::{ChannelName, MeterNo};
use hes_store::{BackupError, EventFilter};
use prometheus::{Encoder, TextEncoder};
use tokio::time::Instant;

use super::archive::{known_meter, page_limit};
use super::now;
use crate::body::{JsonBody, OptionalJson};
use crate::dto::archive::Page;
use crate::dto::live::{LogLevels, SetLogLevel, UnknownDevice};
use crate::dto::operations::{BackupDone, BackupRequest, CheckResult, EventRow, Health, Readiness};
use crate::params::Params;
use crate::state::{Shared, State as ApiState};
use crate::{Code, Problem};

/// The version answers state.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), version: VERSION.to_owned() })
}

/// 200 when database and collector do their work, else 503, with the same body.
pub(super) async fn readyz(State(state): State<Shared>) -> Response {
    let snapshot = state.collector.snapshot();
    let check = |result: Result<(), String>| CheckResult { ok: result.is_ok(), detail: result.err() };
    let database = state.store.ping().await.map_err(|error| {
        let problem = Problem::from(error);
        problem.detail().to_owned()
    });
    let (database, collector) = (check(database), check(snapshot.health));
    let readiness = Readiness { ready: database.ok && collector.ok, database, collector, clock: snapshot.clock };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// The Prometheus text format. Open on loopback: names and counts, no meter, no customer, no secret.
pub(super) async fn metrics(State(state): State<Shared>) -> Result<Response, Problem> {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    encoder.encode(&state.registry.gather(), &mut text).map_err(|error| {
        tracing::error!(%error, "metrics could not be written");
        Problem::new(Code::Internal, "metrics could not be written; see the server's log")
    })?;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

pub(super) async fn log_levels(State(state): State<Shared>) -> Json<LogLevels> {
    let (others, channels) = state.levels.snapshot();
    Json(LogLevels { others, channels })
}

/// Changes the level of one channel, or of all.
pub(super) async fn set_log_level(
    State(state): State<Shared>,
    JsonBody(SetLogLevel { channel, level }): JsonBody<SetLogLevel>,
) -> Result<Json<LogLevels>, Problem> {
    match channel {
        None => state.levels.set_all(level),
        Some(channel) => {
            if state.store.channel(&channel).await?.is_none() {
                return Err(Problem::new(Code::UnknownChannel, format!("no channel {channel} in the archive")));
            }
            tracing::info!(%channel, %level, "decode level changed");
            state.levels.set(channel, level);
        }
    }
    Ok(log_levels(State(state)).await)
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventList {
    kind: Option<String>,
    meter: Option<MeterNo>,
    channel: Option<ChannelName>,
    after: Option<i64>,
    limit: Option<u32>,
}

/// Events in the order they happened.
pub(super) async fn events(
    State(state): State<Shared>,
    Params(list): Params<EventList>,
) -> Result<Json<Page<EventRow>>, Problem> {
    let limit = page_limit(list.limit)?;
    let meter = match &list.meter {
        Some(no) => Some(known_meter(&state, no).await?.meter.id),
        None => None,
    };
    let filter = EventFilter { kind: list.kind, meter, channel: list.channel };
    let events = state.store.events(&filter, list.after.unwrap_or(0), limit).await?;
    let full = u32::try_from(events.len()).is_ok_and(|n| n == limit);
    let next = events.last().filter(|_| full).map(|last| last.id.to_string());
    Ok(Json(Page { items: events, next }))
}

/// Devices that called in and were refused, latest first.
pub(super) async fn unknown_devices(State(state): State<Shared>) -> Result<Json<Page<UnknownDevice>>, Problem> {
    let devices = state.store.unknown_devices().await?.into_iter();
    let row = |device: hes_store::UnknownDevice| UnknownDevice {
        announced: device.identity,
        peer: device.remote,
        attempts: device.count,
        first_at: device.first,
        last_at: device.last,
    };
    Ok(Json(Page::whole(devices.map(row))))
}

/// Writes a consistent copy of the database while everything goes on.
pub(super) async fn backup(
    State(state): State<Shared>,
    OptionalJson(BackupRequest { path }): OptionalJson<BackupRequest>,
) -> Result<Json<BackupDone>, Problem> {
    let path = match path {
        Some(path) if path.is_absolute() => path,
        Some(path) => {
            let detail = format!("{} is not an absolute path; the server does not know your directory", path.display());
            return Err(Problem::new(Code::InvalidBody, detail));
        }
        None => default_backup_path(&state)?,
    };
    let began = Instant::now();
    state.store.backup(&path).await.map_err(backup_problem)?;
    let size_bytes = std::fs::metadata(&path).map_or(0, |meta| meta.len());
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(path = %path.display(), size_bytes, duration_ms, "backup written");
    Ok(Json(BackupDone { path, size_bytes, duration_ms }))
}

/// `backup/hes-TIME.db` beside the database; the folder is made if it is missing.
fn default_backup_path(state: &ApiState) -> Result<PathBuf, Problem> {
    let folder = state.store.file().with_file_name("backup");
    std::fs::create_dir_all(&folder).map_err(|error| {
        tracing::error!(%error, folder = %folder.display(), "the folder for backups could not be made");
        Problem::new(Code::Internal, "the folder for backups cannot be made; see the server's log")
    })?;
    let time = jiff::Timestamp::from(now()).strftime("%Y%m%dT%H%M%S%3fZ").to_string();
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    Ok(folder.join(format!("hes-{time}.db")))
}

fn backup_problem(error: BackupError) -> Problem {
    match error {
        BackupError::Exists { path } => {
            Problem::new(Code::Conflict, format!("{} exists already; give another name", path.display()))
        }
        BackupError::Store(error) => error.into(),
        other => {
            tracing::error!(error = &other as &dyn std::error::Error, "the backup was not written");
            Problem::new(Code::BackupFailed, format!("{other}: is there room, and may the server write there?"))
        }
    }
}
