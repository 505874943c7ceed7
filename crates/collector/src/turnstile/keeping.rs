//! Has what a channel learns of its meters' reply times kept, so that a restart need not learn it again.

use std::time::Duration;

use hes_model::MeterId;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::patience::Habits;

/// How often what is new is given away, on the average; spread over the channels. A crash costs what was learned since.
const EVERY: Duration = Duration::from_secs(1800);

/// The last reply times of some meters, each oldest first.
pub(crate) type Learned = Vec<(MeterId, Vec<Duration>)>;

/// Gives away what is new, to whoever keeps it.
#[derive(Debug)]
pub(super) struct Keeping {
    to: mpsc::Sender<Learned>,
    next: Instant,
}

impl Keeping {
    pub(super) fn new(to: mpsc::Sender<Learned>) -> Self {
        Self { to, next: Instant::now() + spread() }
    }

    /// When there is something to give away next.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Gives away what is new, if it is time. Whoever is still busy with the last of it gets this one next time.
    pub(super) fn if_due(&mut self, habits: &mut Habits) {
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + spread();
        if let Ok(place) = self.to.try_reserve() {
            place.send(habits.take_new());
        }
    }

    /// Gives away the last of it.
    pub(super) async fn finish(self, habits: &mut Habits) {
        if let Ok(place) = self.to.reserve().await {
            place.send(habits.take_new());
        }
    }
}

fn spread() -> Duration {
    EVERY.mul_f64(rand::random_range(0.5..1.5))
}
