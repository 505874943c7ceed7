//! What billing pulls: daily reads, consumption.

use std::io;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hes_billing::{Consumption, DailyExport, Format, Gaps, Selection};
use hes_model::{ReadingSeq, ServicePointNo};
use jiff::civil::Date;

use super::now;
use super::status::Sending;
use crate::params::{Params, register};
use crate::state::Shared;
use crate::{Code, Problem};

/// The cursor for the next export.
pub(crate) const NEXT_SINCE: &str = "hes-next-since";
/// Longest period of a consumption.
const PERIOD_DAYS_MAX: i32 = 400;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    day: Option<Date>,
    since: Option<i64>,
    #[serde(default)]
    with_gaps: bool,
    format: Option<Format>,
}

/// Streams daily reads. Rows are made only as fast as the client takes them.
pub(super) async fn daily(
    State(state): State<Shared>,
    headers: HeaderMap,
    Params(wanted): Params<Wanted>,
) -> Result<Response, Problem> {
    let format = wanted.format.unwrap_or_else(|| accepted(&headers));
    let selection = match wanted {
        Wanted { day: Some(day), since: None, with_gaps, .. } => {
            let gaps = if with_gaps { Gaps::Included } else { Gaps::Omitted };
            Selection::Day { day, gaps }
        }
        Wanted { day: None, since: Some(since), with_gaps: false, .. } => Selection::Since(ReadingSeq(since)),
        Wanted { day: None, since: Some(_), .. } => {
            return Err(Problem::parameter("with_gaps", "goes with day only: what is missing has no seq"));
        }
        _ => return Err(Problem::new(Code::InvalidParameter, "give either day or since")),
    };
    if let Selection::Since(since) = selection
        && !state.store.is_cursor(since).await?
    {
        let detail = format!("since={since} was never given by this database, but by another one: export again from 0");
        return Err(Problem::new(Code::Conflict, detail));
    }
    let export = DailyExport::begin(&state.store, selection, format).await?;
    let next_since = HeaderValue::from(export.next_since().0);
    let kind = HeaderValue::from_str(&format.media_type()).expect("a media type is a header value");
    let body = Body::from_stream(pieces(state, export));
    Ok(([(header::CONTENT_TYPE.as_str(), kind), (NEXT_SINCE, next_since)], body).into_response())
}

fn accepted(headers: &HeaderMap) -> Format {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if accept.contains("ndjson") { Format::Ndjson } else { Format::Csv }
}

/// The pieces of an export, each made when the one before was taken. An export that fails or is stopped ends in an
/// error, so that what the client has does not look complete.
fn pieces(state: Shared, export: DailyExport) -> impl futures_util::Stream<Item = Result<Vec<u8>, io::Error>> {
    let sending = Sending::new(&state);
    futures_util::stream::try_unfold((state, export, sending), async |(state, mut export, sending)| {
        let before = export.rows();
        let piece = tokio::select! {
            biased;
            () = state.stop.cancelled() => return Err(io::Error::other("the server is stopping")),
            piece = export.next(now()) => piece,
        };
        let piece = piece.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "an export was cut off");
            io::Error::other("the export could not be completed")
        })?;
        state.metrics.export_rows.inc_by(export.rows() - before);
        Ok(piece.map(|piece| (piece, (state, export, sending))))
    })
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Period {
    service_point: ServicePointNo,
    from: Date,
    to: Date,
    register: Option<String>,
}

/// Consumption of a service point from one day's 00:00 to another's, over every meter that hung there.
pub(super) async fn consumption(
    State(state): State<Shared>,
    Params(period): Params<Period>,
) -> Result<Json<Consumption>, Problem> {
    let Period { service_point, from, to, register: name } = period;
    let days = from.until(to).map_or(i32::MAX, |span| span.get_days());
    if !(1..=PERIOD_DAYS_MAX).contains(&days) {
        return Err(Problem::parameter("to", format!("must lie 1 to {PERIOD_DAYS_MAX} days after from")));
    }
    let register = register(name.as_deref().unwrap_or("import_active_total"))?;
    let unknown =
        || Problem::new(Code::UnknownServicePoint, format!("no meter ever hung at service point {service_point}"));
    let found = hes_billing::consumption(&state.store, &service_point, register, from, to).await?;
    found.map(Json).ok_or_else(unknown)
}
