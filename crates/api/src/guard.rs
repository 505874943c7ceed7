//! What every request passes before its route: panics caught, host and origin, token, room, time.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::loopback::{is_loopback_host, is_loopback_origin};
use crate::state::Shared;
use crate::{Code, Problem};

/// Turns a panic of a handler into an answer, so that one defect costs one request. The panic hook has logged it.
pub(crate) async fn catch_panic(request: Request, next: Next) -> Response {
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answered.unwrap_or_else(|_panic| Problem::new(Code::Internal, "the request could not be completed").into_response())
}

/// Lets requests pass that were sent to this machine by something of this machine.
pub(crate) async fn local_only(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let refused = match local_problem(request.headers(), request.uri()) {
        None => return next.run(request).await,
        Some(refused) => refused,
    };
    state.metrics.refused.with_label_values(&[refused.code().name()]).inc();
    refused.into_response()
}

fn local_problem(headers: &HeaderMap, uri: &Uri) -> Option<Problem> {
    let host = single(headers, &header::HOST).unwrap_or_default();
    let named = uri.authority().is_none_or(|a| is_loopback_host(a.as_str()));
    if !named || !is_loopback_host(host) {
        let detail = format!("Host {host:?} is not a loopback name; use http://127.0.0.1 or http://localhost");
        return Some(Problem::new(Code::HostRefused, detail));
    }
    let foreign = headers.get_all(header::ORIGIN).iter().find(|o| !o.to_str().is_ok_and(is_loopback_origin));
    foreign.map(|origin| Problem::new(Code::OriginRefused, format!("Origin {origin:?} is not of this machine")))
}

/// The value of a header that must stand exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Lets requests pass that carry the token.
pub(crate) async fn authorised(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let presented = single(request.headers(), &header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    if presented.is_some_and(|token| state.token.matches(token)) {
        return next.run(request).await;
    }
    let refused =
        Problem::new(Code::Unauthorized, "send the content of the server's token file as: Authorization: Bearer TOKEN");
    state.metrics.refused.with_label_values(&[refused.code().name()]).inc();
    refused.into_response()
}

/// How many requests of a group may be in work, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    slots: Arc<Semaphore>,
    limit: Duration,
}

impl Room {
    pub(crate) fn new(slots: u32, limit: Duration) -> Self {
        Self { slots: Arc::new(Semaphore::new(usize::try_from(slots).unwrap_or(usize::MAX))), limit }
    }
}

/// Refuses what is beyond the room of its group, and ends what takes too long. An answer that is streamed has left the
/// room with its first byte; what it may hold from then on is bounded by the connection's stall limit.
pub(crate) async fn with_room(State(room): State<Room>, request: Request, next: Next) -> Response {
    let Ok(_permit) = room.slots.try_acquire() else {
        return Problem::new(Code::Busy, "too many requests in work; ask again in some seconds").into_response();
    };
    match tokio::time::timeout(room.limit, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => {
            let seconds = room.limit.as_secs();
            Problem::new(Code::TimedOut, format!("not done within {seconds} s; ask for less")).into_response()
        }
    }
}

/// Counts requests by route and status, and their time.
pub(crate) async fn count(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("-", |path| path.as_str()).to_owned();
    let began = Instant::now();
    let response = next.run(request).await;
    state.metrics.requests.with_label_values(&[route.as_str(), response.status().as_str()]).inc();
    state.metrics.duration.with_label_values(&[route.as_str()]).observe(began.elapsed().as_secs_f64());
    response
}
