//! On-demand reads: queued for the channel's owner, answered by long poll.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hes_model::{MeterState, Obis, Request, Series, UtcMicros};
use hes_store::{OnDemandId, OnDemandRead, OnDemandValue, ReadingQuery, ReadingVersion, Versions};
use jiff::civil::{Date, DateTime};

use super::archive::known_meter;
use super::now;
use crate::body::JsonBody;
use crate::dto::readings::Value;
use crate::dto::reads::{ReadClock, ReadFailure, ReadRequest, ReadStatus, ReadValue, ReadWhat};
use crate::params::{Named, Params, register};
use crate::state::{Shared, State as ApiState};
use crate::{Code, Problem};

/// Most registers of one read.
const REGISTERS_MAX: usize = 64;
/// Most days or months of one read.
const SLOTS_MAX: usize = 62;
/// Longest stretch of load profile of one read.
const INTERVAL_DAYS_MAX: i64 = 31;
/// Most points of one read, over all registers: six registers every quarter of an hour for those days.
const POINTS_MAX: i64 = 20_000;

/// Who asks, as the store notes it: there is one token, so one asker.
const ASKED_BY: &str = "api";

pub(super) async fn submit(
    State(state): State<Shared>,
    JsonBody(asked): JsonBody<ReadRequest>,
) -> Result<Response, Problem> {
    let request = request_of(asked.what)?;
    let view = known_meter(&state, &asked.meter).await?;
    let refuse = |why: &str| Err(Problem::new(Code::MeterNotReadable, format!("meter {} {why}", view.meter.no)));
    if view.meter.state == MeterState::Retired {
        return refuse("is retired");
    }
    if view.meter.channel.is_none() {
        return refuse("has no channel");
    }
    let began = now();
    let deadline = began.plus(Duration::from_secs(state.config.read_expiry_seconds));
    let id = state.store.submit_read(view.meter.id, &request, ASKED_BY, began, deadline).await?;
    let status = status_of(&state, id).await?;
    let location = HeaderValue::from_str(&format!("/api/v1/reads/{id}")).expect("a number is a header value");
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(status)).into_response())
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    #[serde(default)]
    wait_seconds: u64,
}

/// How far a read is; with `wait_seconds` not before it has ended or the time is up.
pub(super) async fn show(
    State(state): State<Shared>,
    Named(id): Named<i64>,
    Params(Wait { wait_seconds }): Params<Wait>,
) -> Result<Json<ReadStatus>, Problem> {
    let max = state.config.wait_max_seconds;
    if wait_seconds > max {
        return Err(Problem::parameter("wait_seconds", format!("{wait_seconds} is more than {max}")));
    }
    let read = state.store.wait_for_read(OnDemandId(id), Duration::from_secs(wait_seconds)).await?;
    let read =
        read.ok_or_else(|| Problem::new(Code::UnknownRead, format!("no read {id}, or it is past its retention")))?;
    status(&state, read).await.map(Json)
}

async fn status_of(state: &ApiState, id: OnDemandId) -> Result<ReadStatus, Problem> {
    let read = state.store.on_demand_read(id).await?;
    status(state, read.ok_or_else(|| Problem::new(Code::UnknownRead, format!("no read {id}")))?).await
}

async fn status(state: &ApiState, read: OnDemandRead) -> Result<ReadStatus, Problem> {
    let view = state.store.meter_by_id(read.meter).await?;
    let unknown = || Problem::new(Code::UnknownMeter, "the meter of this read is no longer in the archive");
    let clock = read.clock.map(|c| ReadClock { meter_clock: c.meter_clock, at: c.at, offset_ms: c.offset_ms });
    let stored = stored_versions(state, &read).await?;
    Ok(ReadStatus {
        id: read.id.0,
        meter: view.ok_or_else(unknown)?.meter.no,
        state: read.state,
        created_at: read.created,
        deadline_at: read.deadline,
        finished_at: read.finished,
        values: read.values.into_iter().map(|v| value(v, &stored)).collect(),
        failures: read.failures.into_iter().map(failure).collect(),
        clock,
    })
}

/// The stored versions of the slots a read brought values of, one query a series.
async fn stored_versions(state: &ApiState, read: &OnDemandRead) -> Result<Vec<ReadingVersion>, Problem> {
    let mut spans: BTreeMap<Series, (UtcMicros, UtcMicros)> = BTreeMap::new();
    for value in &read.values {
        let (from, to) = spans.entry(value.series).or_insert((value.slot, value.slot));
        (*from, *to) = ((*from).min(value.slot), (*to).max(value.slot));
    }
    let mut stored = Vec::new();
    for (series, (from, to)) in spans {
        let query = ReadingQuery { meter: read.meter, register: None, series, from, to, versions: Versions::All };
        stored.extend(state.store.readings(&query).await?);
    }
    Ok(stored)
}

fn value(value: OnDemandValue, stored: &[ReadingVersion]) -> ReadValue {
    // The latest version with this content: a re-read that said the same made no new one.
    let version = stored.iter().rev().find(|version| {
        let reading = &version.reading;
        (reading.register, reading.series, reading.slot) == (value.register, value.series, value.slot)
            && (&reading.value, &reading.quality) == (&value.value, &value.quality)
    });
    let (seq, exchange) = (version.map(|v| v.seq), version.and_then(|v| v.reading.exchange));
    let said = (value.occurred, value.meter_clock);
    let named = (value.register, value.series, value.slot);
    ReadValue { value: Value::new(named, value.value, value.quality, said, value.received.0), seq, exchange }
}

fn failure(failure: hes_store::OnDemandFailure) -> ReadFailure {
    let hes_store::OnDemandFailure { register, failure } = failure;
    ReadFailure { register, kind: failure.kind, detail: failure.detail }
}

/// The request in the model's terms, its bounds checked: what is queued here holds a line for as long as it takes.
fn request_of(what: ReadWhat) -> Result<Request, Problem> {
    Ok(match what {
        ReadWhat::Instant { registers } => Request::Instant { registers: codes(&registers)? },
        ReadWhat::Daily { registers, days } => {
            Request::Daily { registers: codes(&registers)?, days: slots("days", days)? }
        }
        ReadWhat::Monthly { registers, months } => {
            let months = slots("months", months)?;
            if let Some(day) = months.iter().find(|day| day.day() != 1) {
                return Err(invalid(format!("months: {day} is not the first of a month")));
            }
            Request::Monthly { registers: codes(&registers)?, months }
        }
        ReadWhat::Interval { registers, minutes, from, to } => {
            let registers = codes(&registers)?;
            interval(minutes, from, to, registers.len())?;
            Request::Interval { registers, minutes, from, to }
        }
        ReadWhat::Clock => Request::Clock,
    })
}

fn invalid(why: String) -> Problem {
    Problem::new(Code::InvalidBody, why)
}

fn codes(names: &[String]) -> Result<Vec<Obis>, Problem> {
    if names.is_empty() || names.len() > REGISTERS_MAX {
        return Err(invalid(format!("registers: 1 to {REGISTERS_MAX} are accepted, found {}", names.len())));
    }
    let codes: BTreeSet<Obis> = names.iter().map(|name| register(name)).collect::<Result<_, _>>()?;
    Ok(codes.into_iter().collect())
}

fn slots(what: &str, days: Vec<Date>) -> Result<Vec<Date>, Problem> {
    if days.is_empty() || days.len() > SLOTS_MAX {
        return Err(invalid(format!("{what}: 1 to {SLOTS_MAX} are accepted, found {}", days.len())));
    }
    Ok(days.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
}

fn interval(minutes: u8, from: DateTime, to: DateTime, registers: usize) -> Result<(), Problem> {
    if ![1, 5, 15, 30, 60].contains(&minutes) {
        return Err(invalid(format!("minutes: {minutes} is not one of 1, 5, 15, 30, 60")));
    }
    let on_grid = |at: DateTime| at.minute() % i8::try_from(minutes).unwrap_or(1) == 0 && at.second() == 0;
    if !on_grid(from) || !on_grid(to) || from.subsec_nanosecond() != 0 || to.subsec_nanosecond() != 0 {
        return Err(invalid(format!("from and to must lie on the grid of {minutes} min")));
    }
    let length = to.duration_since(from);
    if length.as_secs() <= 0 || length.as_secs() > INTERVAL_DAYS_MAX * 86_400 {
        return Err(invalid(format!("from must lie before to, by at most {INTERVAL_DAYS_MAX} days")));
    }
    let points = length.as_mins() / i64::from(minutes) * i64::try_from(registers).unwrap_or(i64::MAX);
    if points > POINTS_MAX {
        return Err(invalid(format!("{points} points are asked for, at most {POINTS_MAX} are read at once")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        match serde_json::from_str::<ReadRequest>(json) {
            Err(error) => error.to_string(),
            Ok(request) => request_of(request.what).unwrap_err().detail().to_owned(),
        }
    }

    #[test]
    fn a_request_outside_its_bounds_is_refused_with_what_is_accepted() {
        let with = |what: &str| refused(&format!(r#"{{"meter":"M1","what":{what}}}"#));
        assert!(with(r#"{"series":"instant","registers":[]}"#).contains("1 to 64"));
        assert!(with(r#"{"series":"instant","registers":["no_such"]}"#).contains("no_such"));
        assert!(with(r#"{"series":"daily","registers":["voltage_a"],"days":[]}"#).contains("days"));
        assert!(
            with(r#"{"series":"monthly","registers":["voltage_a"],"months":["2026-07-02"]}"#).contains("2026-07-02")
        );
        let profile = |minutes, from: &str, to: &str| {
            with(&format!(
                r#"{{"series":"interval","registers":["voltage_a"],"minutes":{minutes},"from":"{from}","to":"{to}"}}"#
            ))
        };
        assert!(profile(7, "2026-07-01T00:00:00", "2026-07-02T00:00:00").contains("7 is not one of"));
        assert!(profile(15, "2026-07-01T00:01:00", "2026-07-02T00:00:00").contains("grid"));
        assert!(profile(15, "2026-07-02T00:00:00", "2026-07-01T00:00:00").contains("before"));
        assert!(profile(15, "2026-07-01T00:00:00", "2026-08-02T00:00:00").contains("31 days"));
        assert!(profile(1, "2026-07-01T00:00:00", "2026-07-20T00:00:00").contains("27360 points"));
        assert!(with(r#"{"series":"instant","registers":["voltage_a"],"colour":1}"#).contains("colour"));
    }

    #[test]
    fn registers_are_named_by_alias_or_code_and_asked_once() {
        let json = r#"{"meter":"M1","what":{"series":"instant","registers":["import_active_total","1.0.1.8.0.255"]}}"#;
        let request: ReadRequest = serde_json::from_str(json).unwrap();
        let Ok(Request::Instant { registers }) = request_of(request.what) else { panic!("an instant read") };
        assert_eq!(registers.len(), 1);
    }
}
