//! One question and its answer on an open line.

use std::io;
use std::time::Duration;

use hes_driver::{Counts, Exchanged, Expect, LinkError};
use hes_model::{ReceivedAt, UtcMicros};
use tokio::time::{Instant, timeout_at};

use crate::answer::{Answer, Step};
use crate::{Deadlines, Line};

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The time was up; the line can be used again.
    #[error("no answer in time")]
    TimedOut {
        /// What was heard.
        heard: Counts,
        /// The last unwanted or broken bytes, at most one frame of them.
        last: Vec<u8>,
    },
    /// The link is down; drop the line.
    #[error("the link is down")]
    Lost(#[from] io::Error),
}

impl From<AskError> for LinkError {
    fn from(e: AskError) -> Self {
        match e {
            AskError::TimedOut { heard, last } => LinkError::TimedOut { heard, last },
            AskError::Lost(cause) => LinkError::Down { cause: cause.to_string() },
        }
    }
}

impl Line {
    /// Sends `request` as it is and offers the frames that come back to `expect` until it says done or a deadline
    /// passes. `longest` are the deadlines without anything learned; they say how long a poisoned line must be drained.
    ///
    /// # Cancel safety
    ///
    /// Dropped in the middle it leaves the line poisoned; the next use must [`settle`](Line::settle) it first. This
    /// method does so itself.
    pub async fn ask(
        &mut self,
        request: &[u8],
        expect: &mut (dyn Expect + Send),
        deadlines: Deadlines,
        longest: Deadlines,
    ) -> Result<Exchanged, AskError> {
        self.settle().await?;
        self.drop_stale()?;
        let sent = self.write_all(request).await?;
        self.expecting_until(sent + longest.whole);

        let mut answer = Answer::new(deadlines, sent);
        let mut heard = Vec::new();
        loop {
            heard.clear();
            let step = match timeout_at(answer.deadline(), self.read(&mut heard)).await {
                Ok(read) => {
                    read?;
                    answer.received(Instant::now(), &heard, expect)
                }
                Err(_elapsed) => answer.expired(Instant::now(), expect),
            };
            match step {
                Step::Wait => {}
                Step::Done { first } => {
                    self.over();
                    let received = Instant::now();
                    let received_at = utc_now();
                    // An answer proves that the request was out, whatever the line's speed says.
                    let sent = sent.min(first);
                    return Ok(Exchanged {
                        sent_at: before(received_at, received.saturating_duration_since(sent)),
                        received_at: ReceivedAt(received_at),
                        reply: first.saturating_duration_since(sent),
                        counts: answer.counts(),
                    });
                }
                Step::TimedOut => {
                    self.over();
                    let (heard, last) = answer.into_heard();
                    return Err(AskError::TimedOut { heard, last });
                }
            }
        }
    }

    /// Sends a frame that has no answer, made when the line is ready for it (it may tell the time); the moment its last
    /// byte is out. Waits until then. An empty frame is not sent.
    ///
    /// # Cancel safety
    ///
    /// As [`ask`](Line::ask).
    pub async fn tell(&mut self, frame: &mut (dyn FnMut() -> Vec<u8> + Send)) -> Result<UtcMicros, AskError> {
        self.settle().await?;
        let frame = frame();
        if frame.is_empty() {
            return Ok(utc_now());
        }
        let sent = self.write_all(&frame).await?;
        self.expecting_until(sent);
        tokio::time::sleep_until(sent).await;
        self.over();
        Ok(utc_now())
    }
}

fn before(at: UtcMicros, by: Duration) -> UtcMicros {
    UtcMicros(at.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

fn utc_now() -> UtcMicros {
    jiff::Timestamp::now().into()
}
