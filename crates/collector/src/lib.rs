//! Where everything meets: what is missing is planned, asked for through the channel's turnstile, judged and stored.
//!
//! No SQL, no sockets and no frames are here; nothing that matters lives only in this crate's memory.
#![warn(missing_docs)]

mod frame_log;
mod meter_link;
mod patience;
mod turnstile;

pub use frame_log::{Direction, FrameLog, NoFrameLog};
pub use meter_link::MeterLink;
pub use turnstile::{
    BUSY, CLOSING, LinkState, MeterKey, Owner, Turnstile, TurnstileConfig, TurnstileConfigError, TurnstileMetrics,
    TurnstileParts, turnstile,
};
