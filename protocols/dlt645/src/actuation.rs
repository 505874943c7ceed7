//! The only way to bytes that could move a relay.
//!
//! Relay control (1C) is not all that could: a write (14; 04 in 1997) reaches vendors' relay items, and what goes through
//! the security module (03) is opaque. Every other encoder of this crate refuses these, and every request it does not
//! know, with [`EncodeError::NeedsPermit`]; this one takes an [`ActuationPermit`] for each frame and uses it up.
//!
//! A permit cannot be made, copied or kept: its only constructor is the test's own, because nothing in the system may
//! issue one yet. The owner of relay orders will, in one place, after policy and fuse were checked again and the attempt
//! is durable; that constructor belongs into this file and nowhere else. Meters, real or simulated, only *parse* such frames.

use crate::{Command, EncodeError, Envelope};

/// Leave to send one command that could move a relay. Not `Clone`, not `Copy`, not `Default`: one permit, one frame.
///
/// ```compile_fail
/// let permit = hes_dlt645::actuation::ActuationPermit { issued: () };
/// ```
#[derive(Debug)]
#[must_use = "a permit that is not used lets nothing out"]
pub struct ActuationPermit {
    issued: (),
}

impl ActuationPermit {
    /// For the codec's own round trips.
    #[cfg(test)]
    pub(crate) fn for_round_trip() -> Self {
        Self { issued: () }
    }
}

/// Writes a request of any kind as a frame, and returns the bytes written.
pub fn encode<'o>(
    permit: ActuationPermit,
    command: &Command<'_>,
    envelope: &Envelope,
    out: &'o mut [u8],
) -> Result<&'o [u8], EncodeError> {
    let ActuationPermit { issued: () } = permit;
    command.write(envelope, out)
}
