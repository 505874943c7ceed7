//! Where everything meets: what is missing is planned, asked for through the channel's turnstile, judged and stored.
//!
//! No SQL, no sockets and no frames are here; nothing that matters lives only in this crate's memory.
#![warn(missing_docs)]

mod agenda;
mod batch;
mod broadcast;
mod channel;
mod clock_sync;
mod collector;
mod config;
mod dialogue;
mod drift;
mod frame_log;
mod held_back;
mod history;
mod host_clock;
mod host_watch;
mod job;
mod ledger;
mod meter_link;
mod metrics;
mod notebook;
mod notices;
mod patience;
mod sampler;
mod settle;
mod silence;
mod status;
mod turnstile;

pub use collector::{AskTimeService, Collector, CollectorError, CollectorParts, DialInParts};
pub use config::{ClockConfig, CollectorConfig, ConfigError, HostProof, RetryConfig};
pub use frame_log::{Direction, FrameLog, NoFrameLog};
pub use host_clock::{HostClock, Overruled, Proof, SystemSync, system_sync};
pub use meter_link::MeterLink;
pub use metrics::CollectorMetrics;
pub use status::{ChannelStatus, CollectorStatus, StatusBoard};
pub use turnstile::{
    BUSY, CLOSING, LinkState, MeterKey, Owner, Turnstile, TurnstileConfig, TurnstileConfigError, TurnstileMetrics,
    TurnstileParts, turnstile,
};
