//! What only the running collector knows, asked through one small seam.
//!
//! The API must not know the collector or the transport; `hes` implements this over both. Every call is a look at
//! memory: no I/O, no waiting.

use hes_model::UtcMicros;

pub use crate::dto::live::{ChannelLive, HostClock, LinkState};

/// The running collector, as the API sees it.
pub trait Collector: Send + Sync + std::fmt::Debug + 'static {
    /// A picture of this moment.
    fn snapshot(&self) -> Snapshot;
}

/// What the collector is doing at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether its tasks are running; `Err` says what is wrong, for `/readyz`.
    pub health: Result<(), String>,
    /// Whether planned collection runs (or only on-demand reads are served).
    pub collecting: bool,
    /// Where modules dial in, the port as it really is; `None` where no listener runs.
    pub dial_in: Option<std::net::SocketAddr>,
    /// When it was started.
    pub started_at: UtcMicros,
    /// Readings committed since then.
    pub readings_total: u64,
    /// Readings committed over the last ten seconds.
    pub readings_last_ten_seconds: u64,
    /// Every channel, in the order of the names.
    pub channels: Vec<ChannelLive>,
    /// On-demand reads not finished.
    pub reads_waiting: u64,
    /// The host's clock.
    pub clock: HostClock,
}
