//! Whether a channel's link is open, for status reports.

use hes_model::UtcMicros;

/// Whether a channel's link is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Being opened for the first time, or a module is waited for.
    Opening,
    /// Open.
    Up {
        /// Since when.
        since: UtcMicros,
        /// Device path or address of the peer.
        peer: String,
    },
    /// Not open; opened again with growing delays.
    Down {
        /// Since when.
        since: UtcMicros,
        /// Of the last failure; one lowercase fragment that tells what to do.
        cause: String,
    },
}

impl LinkState {
    /// Whether it is open.
    pub fn is_up(&self) -> bool {
        matches!(self, LinkState::Up { .. })
    }
}
