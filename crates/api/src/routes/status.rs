//! The live summary: once, or as server-sent events.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use tokio::time::MissedTickBehavior;

use super::now;
use super::operations::VERSION;
use crate::Problem;
use crate::dto::live::{LinkState, Status};
use crate::state::{Shared, State as ApiState};

pub(super) async fn now_once(State(state): State<Shared>) -> Result<Json<Status>, Problem> {
    status(&state).await.map(Json)
}

/// One `status` event at once and then one an interval, until the client goes or the server stops. A moment that cannot
/// be shown (the database is busy or gone) is a `problem` event; the stream goes on.
pub(super) async fn live(State(state): State<Shared>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut ticks = tokio::time::interval(Duration::from_millis(state.config.live_interval_ms));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let sending = Sending::new(&state);
    let events = futures_util::stream::unfold((state, ticks, sending), async |(state, mut ticks, sending)| {
        tokio::select! {
            biased;
            () = state.stop.cancelled() => return None,
            _ = ticks.tick() => {}
        }
        let event = match status(&state).await {
            Ok(status) => Event::default().event("status").json_data(&status),
            Err(problem) => Event::default().event("problem").json_data(crate::ProblemBody::from(&problem)),
        };
        let event = event.expect("neither has a map with keys that are no text");
        Some((Ok(event), (state, ticks, sending)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// Counts a stream for as long as it lives.
pub(super) struct Sending(prometheus::IntGauge);

impl Sending {
    pub(super) fn new(state: &ApiState) -> Self {
        state.metrics.streams.inc();
        Self(state.metrics.streams.clone())
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.dec();
    }
}

async fn status(state: &ApiState) -> Result<Status, Problem> {
    let snapshot = state.collector.snapshot();
    let at = now();
    let today = state.figures.of(&state.store, at).await?;
    let mut links: BTreeMap<LinkState, u64> = BTreeMap::new();
    for channel in &snapshot.channels {
        *links.entry(channel.link).or_default() += 1;
    }
    let recent = snapshot.readings_last_ten_seconds;
    Ok(Status {
        at,
        version: VERSION.to_owned(),
        started_at: snapshot.started_at,
        collecting: snapshot.collecting,
        dial_in: snapshot.dial_in,
        clock: snapshot.clock,
        readings_total: snapshot.readings_total,
        readings_per_second: format!("{}.{}", recent / 10, recent % 10),
        links,
        channels: snapshot.channels,
        reads_waiting: snapshot.reads_waiting,
        today: Arc::unwrap_or_clone(today),
    })
}
