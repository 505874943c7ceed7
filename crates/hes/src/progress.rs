//! Progress of long work, on standard error and only when that is a terminal: a script sees nothing of it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::shown::OnOneLine;

/// How often a bar is redrawn.
const REDRAW: Duration = Duration::from_millis(120);

/// Whether long work shows that it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Shown,
    Quiet,
}

impl Progress {
    /// A bar over a known amount of bytes.
    pub(crate) fn bytes(self, total: Option<u64>, message: String) -> ProgressBar {
        match total {
            Some(total) => {
                self.started(total.into(), "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}", message)
            }
            None => self.started(None, "{spinner} {msg} {bytes} {bytes_per_sec}", message),
        }
    }
    /// A bar over a file that grows to about the size of another: a copy somebody else makes.
    pub(crate) fn growing(self, file: PathBuf, as_large_as: &Path, message: String) -> Growing {
        let total = std::fs::metadata(as_large_as).map(|found| found.len()).ok().filter(|bytes| *bytes > 0);
        let bar = self.bytes(total, message);
        if bar.is_hidden() {
            return Growing { bar, watching: None };
        }
        let (done, told) = channel();
        let watched = bar.clone();
        let watching = std::thread::spawn(move || {
            while told.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
                let bytes = std::fs::metadata(&file).map_or(0, |found| found.len());
                watched.set_position(total.map_or(bytes, |total| bytes.min(total)));
            }
        });
        Growing { bar, watching: Some((done, watching)) }
    }
    /// A sign of life for work of unknown length.
    pub(crate) fn waiting(self, message: String) -> ProgressBar {
        self.started(None, "{spinner} {msg} {elapsed}", message)
    }

    fn started(self, total: Option<u64>, template: &str, message: String) -> ProgressBar {
        // indicatif hides a bar by itself when standard error is not a terminal.
        let target = match self {
            Progress::Shown => ProgressDrawTarget::stderr(),
            Progress::Quiet => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(total, target);
        bar.set_style(ProgressStyle::with_template(template).expect("the templates above are valid"));
        bar.set_message(OnOneLine(message).to_string());
        bar.enable_steady_tick(REDRAW);
        bar
    }
}

/// A bar that follows a growing file until it is finished or dropped.
#[derive(Debug)]
pub(crate) struct Growing {
    bar: ProgressBar,
    watching: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Growing {
    /// Takes the bar away.
    pub(crate) fn finish(self) {}
}

impl Drop for Growing {
    fn drop(&mut self) {
        if let Some((done, watching)) = self.watching.take() {
            drop(done);
            // It ends with the channel, and has nothing to say.
            drop(watching.join());
        }
        self.bar.finish_and_clear();
    }
}
