//! The running collector as the API sees it: copies of the collector's board, and two figures kept up by a small task.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hes_api::live::{ChannelLive, Collector, HostClock, LinkState, Snapshot};
use hes_collector::{ChannelStatus, Proof, StatusBoard};
use hes_model::{ChannelName, UtcMicros};
use hes_store::Store;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::rate::Recent;

/// How often the figures are taken.
const TICK: Duration = Duration::from_secs(1);

/// What is known of the running collector.
#[derive(Debug)]
pub(super) struct View {
    board: StatusBoard,
    dial_in: Option<SocketAddr>,
    started_at: UtcMicros,
    figures: Mutex<Figures>,
}

#[derive(Debug, Default)]
struct Figures {
    recent: Recent,
    reads_waiting: u64,
    failure: Option<String>,
}

impl View {
    pub(super) fn new(board: StatusBoard, dial_in: Option<SocketAddr>) -> Self {
        Self { board, dial_in, started_at: jiff::Timestamp::now().into(), figures: Mutex::default() }
    }

    /// Keeps the figures up until `stop`.
    pub(super) async fn watch(self: Arc<Self>, store: Store, stop: CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            let readings = self.board.snapshot().readings();
            let waiting = store.reads_waiting().await;
            let mut figures = self.figures();
            figures.recent.take(readings);
            match waiting {
                Ok(waiting) => figures.reads_waiting = waiting,
                Err(error) => tracing::debug!(%error, "the reads that wait could not be counted"),
            }
        }
    }

    /// Remembers why the collector ended.
    pub(super) fn failed(&self, failure: String) {
        self.figures().failure = Some(failure);
    }

    /// Whether the host's clock is known to be right.
    pub(super) fn clock_is_proven(&self) -> bool {
        clock(self.board.snapshot().host_clock.as_ref()).proven
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for View {
    fn snapshot(&self) -> Snapshot {
        let board = self.board.snapshot();
        let figures = self.figures();
        Snapshot {
            health: figures.failure.clone().map_or(Ok(()), Err),
            collecting: figures.failure.is_none(),
            dial_in: self.dial_in,
            started_at: self.started_at,
            readings_total: board.readings(),
            readings_last_ten_seconds: figures.recent.grown(),
            channels: board.channels.iter().map(|(name, status)| channel(name, status)).collect(),
            reads_waiting: figures.reads_waiting,
            clock: clock(board.host_clock.as_ref()),
        }
    }
}

fn channel(name: &ChannelName, status: &ChannelStatus) -> ChannelLive {
    let (link, why) = match &status.link {
        None => (LinkState::Idle, None),
        Some(hes_collector::LinkState::Opening) => (LinkState::Connecting, None),
        Some(hes_collector::LinkState::Up { .. }) => (LinkState::Up, None),
        Some(hes_collector::LinkState::Down { cause, .. }) => (LinkState::Down, Some(cause.clone())),
    };
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    ChannelLive {
        name: name.clone(),
        link,
        waiting: count(status.queued),
        silent_meters: count(status.dead_meters),
        answered: status.readings,
        failed: status.failures,
        why,
    }
}

fn clock(proof: Option<&Proof>) -> HostClock {
    match proof {
        Some(Proof::Proven { by }) => HostClock { proven: true, reason: by.clone() },
        Some(Proof::Unproven { why }) => HostClock { proven: false, reason: why.clone() },
        None => HostClock { proven: false, reason: "not looked at yet".to_owned() },
    }
}
