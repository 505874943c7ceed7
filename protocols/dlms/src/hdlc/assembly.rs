//! Segments put together: Green Book clause 8.4.5.4.5.

use super::{Frame, Llc};

/// Why segments do not become an APDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AssemblyError {
    /// More octets than are allowed to be kept.
    #[error("the segments are longer than the {bound} octets allowed")]
    TooLong {
        /// Octets allowed.
        bound: usize,
    },
}

/// The information of frames until the last segment of an APDU is there. Order and numbers are the link's affair.
#[derive(Debug)]
pub struct Assembly {
    kept: Vec<u8>,
    bound: usize,
    complete: bool,
}

impl Assembly {
    /// Keeps at most `bound` octets.
    pub const fn new(bound: usize) -> Self {
        Self { kept: Vec::new(), bound, complete: false }
    }

    /// Takes the information of a frame. With the last segment the APDU is there, its LLC header taken off.
    ///
    /// After that, or after an error, the next frame begins a new APDU.
    pub fn push(&mut self, frame: &Frame<'_>) -> Result<Option<&[u8]>, AssemblyError> {
        if self.complete {
            self.clear();
        }
        if self.kept.len() + frame.information.len() > self.bound {
            self.clear();
            return Err(AssemblyError::TooLong { bound: self.bound });
        }
        self.kept.extend_from_slice(frame.information);
        self.complete = !frame.segmented;
        Ok(self.complete.then(|| Llc::strip(&self.kept).1))
    }

    /// Whether segments are kept whose last is still to come.
    pub fn is_open(&self) -> bool {
        !self.complete && !self.kept.is_empty()
    }

    /// Forgets what is kept.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.complete = false;
    }
}
