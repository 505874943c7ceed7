//! Retention at work: what is older than it is to be kept goes, an hour after the start and every hour from then on.

use std::time::Duration;

use hes_model::UtcMicros;
use tokio_util::sync::CancellationToken;

use crate::Store;

/// Between two purges, and before the first: a start has more urgent things to do.
const PERIOD: Duration = Duration::from_secs(3600);

impl Store {
    /// Purges by the clock until `stop`. What fails is told and tried again an hour later: nothing depends on it but room.
    ///
    /// `clock` answers nothing while the time is not proven: by a clock that runs years ahead all evidence is too old, so
    /// nothing is purged by such a one.
    pub async fn keep_within_retention(self, clock: impl Fn() -> Option<UtcMicros> + Send, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PERIOD) => {}
            }
            let Some(now) = clock() else {
                tracing::info!("nothing is purged: the host's clock is not proven");
                continue;
            };
            // Dropped between two of its short transactions when the server stops.
            let purged = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                purged = self.purge(now) => purged,
            };
            match purged {
                Ok(purged) if purged.exchanges + purged.history > 0 => {
                    tracing::info!(exchanges = purged.exchanges, history = purged.history, "old rows purged");
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "old rows could not be purged"),
            }
        }
    }
}
