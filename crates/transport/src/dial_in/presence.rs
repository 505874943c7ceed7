//! What the listener and the owner of a dialled-in line tell each other about it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// One dialled-in link, seen from both sides.
#[derive(Debug)]
pub(crate) struct Presence {
    question: Vec<u8>,
    received: AtomicU64,
    heard: Notify,
    challenged: AtomicBool,
    challenge: Notify,
    evicted: CancellationToken,
    left: CancellationToken,
}

/// What became of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Something was heard from it.
    Alive,
    /// Nothing was heard in time.
    Silent,
    /// Its line is closed.
    Left,
}

impl Presence {
    pub(crate) fn new(question: Vec<u8>) -> Self {
        Self {
            question,
            received: AtomicU64::new(0),
            heard: Notify::new(),
            challenged: AtomicBool::new(false),
            challenge: Notify::new(),
            evicted: CancellationToken::new(),
            left: CancellationToken::new(),
        }
    }

    // The owner's side.

    pub(crate) fn heard(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::AcqRel);
        self.challenged.store(false, Ordering::Release);
        self.heard.notify_waiters();
    }
    pub(crate) fn is_challenged(&self) -> bool {
        self.challenged.load(Ordering::Acquire)
    }
    /// The question to prove itself alive by; asked once a challenge.
    pub(crate) fn take_challenge(&self) -> Vec<u8> {
        self.challenged.store(false, Ordering::Release);
        self.question.clone()
    }
    /// Waits for a challenge; for ever where there is nobody to challenge. Cancel safe.
    pub(crate) async fn challenged(presence: Option<&Self>) {
        let Some(presence) = presence else { return std::future::pending().await };
        while !presence.is_challenged() {
            presence.challenge.notified().await;
        }
    }
    /// Waits until a newer log-in took this link's place; for ever where none can. Cancel safe.
    pub(crate) async fn evicted(presence: Option<&Self>) {
        match presence {
            Some(presence) => presence.evicted.cancelled().await,
            None => std::future::pending().await,
        }
    }
    pub(crate) fn left(&self) {
        self.left.cancel();
    }

    // The listener's side.

    #[cfg(test)]
    pub(super) fn is_evicted(&self) -> bool {
        self.evicted.is_cancelled()
    }
    pub(super) fn has_left(&self) -> bool {
        self.left.is_cancelled()
    }
    pub(crate) fn evict(&self) {
        self.evicted.cancel();
    }
    /// Challenges the link and waits up to `within` for a sign of life.
    pub(crate) async fn prove(&self, within: Duration) -> Proof {
        let before = self.received.load(Ordering::Acquire);
        let sign_of_life = async {
            loop {
                let heard = self.heard.notified();
                if self.received.load(Ordering::Acquire) > before {
                    return;
                }
                heard.await;
            }
        };
        self.challenged.store(true, Ordering::Release);
        self.challenge.notify_one();
        tokio::select! {
            () = self.left.cancelled() => Proof::Left,
            () = sign_of_life => Proof::Alive,
            () = tokio::time::sleep(within) => Proof::Silent,
        }
    }
}
