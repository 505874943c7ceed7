//! What the collector is doing right now, for a live summary. Memory only: the store has what counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use hes_model::{ChannelName, UtcMicros};
use tokio::sync::watch;

use crate::host_clock::Proof;
use crate::turnstile::LinkState;

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelStatus {
    /// Its link; `None` before the first look.
    pub link: Option<LinkState>,
    /// Meters on it.
    pub meters: usize,
    /// Of these, silent ones that are only probed.
    pub dead_meters: usize,
    /// Dialogues under way.
    pub dialogues: usize,
    /// Dialogues prepared and not begun, as far as the planner looks ahead.
    pub queued: usize,
    /// Times the planner looked what is missing.
    pub looks: u64,
    /// Values stored since the start, suspect ones too.
    pub readings: u64,
    /// Slots that failed since the start.
    pub failures: u64,
    /// The last failure: when, and what.
    pub last_failure: Option<(UtcMicros, String)>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CollectorStatus {
    /// By name.
    pub channels: BTreeMap<ChannelName, ChannelStatus>,
    /// Whether the host's clock may set meters; `None` before the first look.
    pub host_clock: Option<Proof>,
}

impl CollectorStatus {
    /// Values stored since the start, over all channels; two of these and the time between give a rate.
    pub fn readings(&self) -> u64 {
        self.channels.values().map(|channel| channel.readings).sum()
    }
}

/// Where the channels write what they are doing. Clones share one board.
#[derive(Debug, Clone)]
pub struct StatusBoard(Arc<watch::Sender<CollectorStatus>>);

impl Default for StatusBoard {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(CollectorStatus::default())))
    }
}

impl StatusBoard {
    /// A copy of the whole board.
    pub fn snapshot(&self) -> CollectorStatus {
        self.0.borrow().clone()
    }

    /// Told of each change; whoever looks seldom sees only the latest.
    pub fn changes(&self) -> watch::Receiver<CollectorStatus> {
        self.0.subscribe()
    }

    pub(crate) fn host_clock(&self, proof: Proof) {
        self.0.send_modify(|status| status.host_clock = Some(proof));
    }

    pub(crate) fn proof(&self) -> Option<Proof> {
        self.0.borrow().host_clock.clone()
    }

    pub(crate) fn update(&self, channel: &ChannelName, change: impl FnOnce(&mut ChannelStatus)) {
        self.0.send_if_modified(|status| {
            let entry = status.channels.entry(channel.clone()).or_default();
            let before = entry.clone();
            change(entry);
            *entry != before
        });
    }

    pub(crate) fn remove(&self, channel: &ChannelName) {
        self.0.send_if_modified(|status| status.channels.remove(channel).is_some());
    }
}
