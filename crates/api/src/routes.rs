//! The table of routes. One row a route: what it is called by, who may, how much room it takes.
//!
//! A test holds this table against the list of golden answers, so that no route is without one.

mod archive;
mod evidence;
mod export;
mod operations;
mod plans;
mod reads;
mod reports;
mod status;

use std::time::Duration;

use axum::Router;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use hes_model::UtcMicros;

use crate::guard::{self, Room};
use crate::state::Shared;
use crate::{Code, Problem};

/// Imports may take so many times the limit of an ordinary request.
const IMPORT_TIME_FACTOR: u32 = 10;
/// A backup copies the whole database; an hour is far beyond any disk that can run one.
const BACKUP_LIMIT: Duration = Duration::from_secs(3600);
/// Long polls and backups wait instead of working, so their room is larger than that of the others.
const WAITING_ROOM_FACTOR: u32 = 4;

/// What a route asks of a request and of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No token and no limit: probes and scrapers must get through when everything else is busy. Shows nothing but
    /// counts and states.
    Open,
    /// Answered at once.
    Quick,
    /// Reads a large body.
    Import,
    /// May wait for something to happen.
    Waiting,
    /// Copies the database.
    Backup,
}

/// One route.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    kind: Kind,
    handler: MethodRouter<Shared>,
}

fn row(method: Method, path: &'static str, kind: Kind, handler: MethodRouter<Shared>) -> Route {
    Route { method, path, kind, handler }
}

/// Every route.
pub(crate) fn table() -> Vec<Route> {
    use Kind::{Backup, Import, Open, Quick, Waiting};
    vec![
        row(Method::GET, "/healthz", Open, get(operations::healthz)),
        row(Method::GET, "/readyz", Open, get(operations::readyz)),
        row(Method::GET, "/metrics", Open, get(operations::metrics)),
        row(Method::GET, "/api/v1/meters", Quick, get(archive::list_meters)),
        row(Method::POST, "/api/v1/meters", Import, post(archive::import_meters)),
        row(Method::GET, "/api/v1/meters/{no}", Quick, get(archive::show_meter)),
        row(Method::POST, "/api/v1/meters/{no}/replacement", Quick, post(archive::replace_meter)),
        row(Method::GET, "/api/v1/channels", Quick, get(archive::list_channels)),
        row(Method::POST, "/api/v1/channels", Import, post(archive::import_channels)),
        row(Method::GET, "/api/v1/areas", Quick, get(archive::list_areas)),
        row(Method::POST, "/api/v1/areas", Import, post(archive::import_areas)),
        row(Method::GET, "/api/v1/plans", Quick, get(plans::list)),
        row(Method::GET, "/api/v1/plans/{name}", Quick, get(plans::show)),
        row(Method::PUT, "/api/v1/plans/{name}", Quick, put(plans::store)),
        row(Method::DELETE, "/api/v1/plans/{name}", Quick, delete(plans::end)),
        row(Method::POST, "/api/v1/reads", Quick, post(reads::submit)),
        row(Method::GET, "/api/v1/reads/{id}", Waiting, get(reads::show)),
        row(Method::GET, "/api/v1/reports/success", Quick, get(reports::success)),
        row(Method::GET, "/api/v1/reports/gaps", Quick, get(reports::gaps)),
        row(Method::GET, "/api/v1/reports/failures", Quick, get(reports::failures)),
        row(Method::GET, "/api/v1/reports/clock", Quick, get(reports::clock)),
        row(Method::GET, "/api/v1/export/daily", Quick, get(export::daily)),
        row(Method::GET, "/api/v1/consumption", Quick, get(export::consumption)),
        row(Method::GET, "/api/v1/readings", Quick, get(evidence::readings)),
        row(Method::GET, "/api/v1/evidence", Quick, get(evidence::evidence)),
        row(Method::GET, "/api/v1/events", Quick, get(operations::events)),
        row(Method::GET, "/api/v1/unknown-devices", Quick, get(operations::unknown_devices)),
        row(Method::GET, "/api/v1/log-levels", Quick, get(operations::log_levels)),
        row(Method::PUT, "/api/v1/log-levels", Quick, put(operations::set_log_level)),
        row(Method::POST, "/api/v1/db/backup", Backup, post(operations::backup)),
        row(Method::GET, "/api/v1/status", Quick, get(status::now_once)),
        row(Method::GET, "/api/v1/status/live", Quick, get(status::live)),
    ]
}

/// Every route as method and path, for the documentation and for tests.
pub fn listing() -> Vec<(Method, &'static str)> {
    table().into_iter().map(|route| (route.method, route.path)).collect()
}

/// The routes behind their guards.
pub(crate) fn router(state: Shared) -> Router {
    let config = &state.config;
    let quick = config.request_timeout();
    let waiting = Duration::from_secs(config.wait_max_seconds) + quick;
    let room = |kind: Kind| match kind {
        Kind::Open => None,
        Kind::Quick => Some(Room::new(config.requests_max, quick)),
        // One file at a time: two large ones would only hold each other up at the database's one writer.
        Kind::Import => Some(Room::new(1, quick * IMPORT_TIME_FACTOR)),
        Kind::Waiting => Some(Room::new(config.requests_max * WAITING_ROOM_FACTOR, waiting)),
        Kind::Backup => Some(Room::new(1, BACKUP_LIMIT)),
    };
    let mut all = Router::new();
    for kind in [Kind::Open, Kind::Quick, Kind::Import, Kind::Waiting, Kind::Backup] {
        let mut group = Router::new();
        for route in table().into_iter().filter(|route| route.kind == kind) {
            group = group.route(route.path, route.handler);
        }
        if let Some(room) = room(kind) {
            group = group.route_layer(from_fn_with_state(room, guard::with_room));
            group = group.route_layer(from_fn_with_state(state.clone(), guard::authorised));
        }
        all = all.merge(group.route_layer(from_fn_with_state(state.clone(), guard::count)));
    }
    // The fallback for methods reaches the routes that are there when it is set, so it comes last.
    let all = all.fallback(unknown_route).method_not_allowed_fallback(method_not_allowed);
    all.layer(from_fn_with_state(state.clone(), guard::local_only)).layer(from_fn(guard::catch_panic)).with_state(state)
}

/// This moment. The one place of the API that looks at the clock.
fn now() -> UtcMicros {
    jiff::Timestamp::now().into()
}

async fn unknown_route() -> Response {
    Problem::new(Code::UnknownRoute, "the routes are listed in crates/api/API.md; all are under /api/v1")
        .into_response()
}

async fn method_not_allowed() -> Response {
    Problem::new(Code::MethodNotAllowed, "the Allow header names the methods of this route").into_response()
}
