//! Progress of long work, on standard error and only when that is a terminal: a script sees nothing of it.

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
