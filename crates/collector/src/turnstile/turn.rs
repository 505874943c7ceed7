//! One turn on the line: the line itself, lent to a dialogue for one exchange.

use std::time::Duration;

use hes_transport::{Late, Line};
use tokio::sync::oneshot;

use crate::held_back::Share;
use crate::patience::Expected;

/// What a turn taught about the meter asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lesson {
    /// Nothing: a broadcast, or the turn was given back unused.
    Nothing,
    /// It answered, so long after the question, and so much of that was held back on the way.
    Answered { reply: Duration, held_back: Option<Share> },
    /// It did not. `late`: how long it still may, if the wait was shorter than the longest answer time.
    Missed { late: Option<Late> },
}

/// A line that came back.
#[derive(Debug)]
pub(super) struct Returned {
    /// The line, or why there is none any more.
    pub(super) line: Result<Line, String>,
    pub(super) lesson: Lesson,
}

/// The line for one exchange. Given back when dropped, in whatever state the exchange left it: what was dropped in the
/// middle (or panicked) is seen from the line itself, which the owner then drains.
#[derive(Debug)]
pub(crate) struct Turn {
    line: Option<Line>,
    lost: String,
    lesson: Lesson,
    expected: Expected,
    back: Option<oneshot::Sender<Returned>>,
}

impl Turn {
    pub(super) fn new(line: Line, expected: Expected, back: oneshot::Sender<Returned>) -> Self {
        Self { line: Some(line), lost: String::new(), lesson: Lesson::Nothing, expected, back: Some(back) }
    }

    /// How long to wait for the first byte.
    pub(crate) fn expected(&self) -> Expected {
        self.expected
    }

    pub(crate) fn line(&mut self) -> &mut Line {
        self.line.as_mut().expect("the line leaves only with the turn, or in `lose`, which ends it")
    }

    pub(crate) fn learn(&mut self, lesson: Lesson) {
        self.lesson = lesson;
    }

    /// Ends the turn: the line is down.
    pub(crate) fn lose(mut self, cause: String) {
        self.line = None;
        self.lost = cause;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let line = self.line.take().ok_or_else(|| std::mem::take(&mut self.lost));
        if let Some(back) = self.back.take() {
            // The owner is gone only at shutdown; then the line closes right here.
            drop(back.send(Returned { line, lesson: self.lesson }));
        }
    }
}
