//! A line for one user: no queue, no turns, nothing learned. For a technician's tool and for tests.

use std::io;
use std::time::Duration;

use hes_driver::{Exchange, Exchanged, Expect, LinkError, Patience};
use hes_model::{LineSettings, UtcMicros};

use crate::{AskError, FIXED_SPEED, Line};

/// An [`Exchange`] over one line, with the longest deadlines always.
#[derive(Debug)]
pub struct DirectLink {
    line: Option<Line>,
    extra_delay: Duration,
    down: String,
}

impl DirectLink {
    /// Takes over an open line. `extra_delay` is what the path adds to a meter's own reply time at the most.
    pub fn new(line: Line, extra_delay: Duration) -> Self {
        Self { line: Some(line), extra_delay, down: String::new() }
    }

    /// Closes the line.
    pub async fn close(mut self) {
        if let Some(line) = self.line.take() {
            line.close().await;
        }
    }

    fn open_line(&mut self) -> Result<&mut Line, LinkError> {
        self.line.as_mut().ok_or_else(|| LinkError::Down { cause: self.down.clone() })
    }

    fn failed(&mut self, e: AskError) -> LinkError {
        if let AskError::Lost(cause) = &e {
            self.down = cause.to_string();
            self.line = None;
        }
        e.into()
    }
}

impl Exchange for DirectLink {
    async fn exchange(
        &mut self,
        request: &[u8],
        expect: &mut (dyn Expect + Send),
        patience: Patience,
    ) -> Result<Exchanged, LinkError> {
        let extra_delay = self.extra_delay;
        let line = self.open_line()?;
        let longest = line.longest(extra_delay, &patience);
        let asked = line.ask(request, expect, longest, longest).await;
        asked.map_err(|e| self.failed(e))
    }

    async fn send(&mut self, frame: &mut (dyn FnMut() -> Vec<u8> + Send)) -> Result<UtcMicros, LinkError> {
        let told = self.open_line()?.tell(frame).await;
        told.map_err(|e| self.failed(e))
    }

    async fn line(&mut self, change: LineSettings) -> Result<(), LinkError> {
        let changed = self.open_line()?.set_line(change);
        changed.map_err(|e| match e.kind() {
            io::ErrorKind::Unsupported => LinkError::Interrupted { cause: FIXED_SPEED },
            _ => self.failed(AskError::Lost(e)),
        })
    }
}
