//! Modules that dial in: who is let in, what one may cost before it is known, and who keeps a channel that two claim.
//!
//! # Identification
//!
//! A module is recognised by a registration packet or by the address in its first frame; the list of what is allowed
//! comes from the channels. A packet ends at a line end, NUL, wake-up byte or frame, or when the line has been silent for
//! `packet_quiet_ms`; it must then equal an allowed packet as a whole. To a module that is silent, or whose packet nobody
//! knows, the question of [`Identify`] is sent once: a transparent module passes it to its meter, whose answer is the
//! first frame. Before identification a connection may cost `identify_max_bytes` and `identify_timeout_ms`, and there are
//! at most `max_pending` of them, `max_pending_per_peer` from one address. What is not let in is closed, counted by
//! reason, and kept in a bounded list of unknown devices.
//!
//! Identification is not authentication: the protocols carry none here, so whoever knows a packet can announce itself by it.
//! What it can do is answer questions wrongly, which plausibility rules and evidence are for; put the listener in a network
//! of its own.
//!
//! # Two with one identity
//!
//! A module whose network was gone dials again while its old socket still looks open to us, so a second log-in is not
//! yet an alarm. The old link is *challenged*: its owner asks it for a sign of life, and within `duplicate_proof_ms`
//!
//! - it answers (or a meter behind it does, to whatever is asked meanwhile): two live devices claim one identity. The old
//!   one keeps the channel, the new one is closed, counted and listed as a duplicate, and an alarm is raised. No byte of the
//!   newcomer reaches the channel;
//! - it is silent or gone: the latest log-in wins, the old socket is closed.
//!
//! Modules behind which nothing ever answers can't be told apart that way; if a channel changes hands more than
//! `takeovers_max` times within `takeover_window_seconds`, two live devices are assumed: the one that has it keeps it, and
//! the alarm is raised. While one challenge runs, a third log-in of the same identity is refused as a duplicate without an
//! alarm of its own.

mod allowed;
mod identify;
mod listener;
mod pending;
mod presence;
mod sessions;
mod unknown;

pub use allowed::{Allowed, AllowedConflict};
pub use identify::Identify;
pub use listener::{DialIn, DialInPort, Listener, Notice};
pub(crate) use presence::Presence;
#[cfg(test)]
pub(crate) use presence::Proof;
pub use sessions::Conflict;
pub use unknown::{Refusal, UnknownDevice};
