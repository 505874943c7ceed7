//! Sockets and ports: the only crate that opens *field* links (serial ports, sockets to meters and modules).
//!
//! It knows bytes, time and media, and no protocol: where a frame ends is asked of a `Framing`, what a frame is worth
//! of an `Expect`. It does not queue, retry or choose whom to ask; a channel's turnstile does.
#![warn(missing_docs)]

mod answer;
mod ask;
mod backoff;
mod config;
mod deadlines;
mod dial;
mod dial_in;
mod direct;
mod error;
mod line;
mod metrics;
mod serial;
mod socket;
mod source;
mod target;
mod tempo;
#[cfg(test)]
mod toy;

pub use ask::AskError;
pub use backoff::Backoff;
pub use config::{
    BackoffConfig, ConfigError, DialConfig, ListenerConfig, ModemLine, RtsMode, SerialConfig, SerialPortConfig,
    TransportConfig,
};
pub use deadlines::{Deadlines, Late, Pace};
pub use dial_in::{
    Allowed, AllowedConflict, Conflict, DialIn, DialInPort, Identify, Listener, Notice, Refusal, UnknownDevice,
};
pub use direct::DirectLink;
pub use error::OpenError;
pub use line::{FIXED_SPEED, Idle, Line, LineCounters, Medium};
pub use metrics::TransportMetrics;
pub use source::{LinkSource, Transport};
pub use target::{Target, TargetError};
