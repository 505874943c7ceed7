//! Looks after the host's clock while the collector runs: tells on a change whether it may set meters.

use std::time::Duration;

use hes_model::UtcMicros;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::channel::Shared;
use crate::collector::AskTimeService;
use crate::host_clock::{HostClock, Observed, Overruled, Proof, SystemSync};
use crate::ledger::{HostClockEvent, Ledger};
use crate::notebook::wall_clock;

/// How often wall and monotonic clock are compared.
const COMPARE_EVERY: Duration = Duration::from_secs(5);

/// How often the system's time service is asked.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// Watches until `cancel`. `floor` is the newest thing in the store, before which it cannot be now.
pub(crate) async fn watch(shared: Shared, ask: AskTimeService, floor: UtcMicros, cancel: CancellationToken) {
    let mut clock = HostClock::new(shared.config.clock.clone(), floor);
    let mut system = None;
    let mut asked = Instant::now();
    let mut before: Option<Proof> = None;
    let mut ticks = tokio::time::interval(COMPARE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let seen = clock.observe(wall_clock(), std::time::Instant::now());
        if let Observed::Jumped { milliseconds } = seen {
            shared.metrics.host_clock_jumps.inc();
            let detail = format!("the host's clock jumped by {milliseconds} ms");
            tracing::warn!(
                milliseconds,
                "the host's clock jumped; deadlines are not affected, clock synchronisation waits"
            );
            tell(&shared, HostClockEvent::Jumped, &detail).await;
        }
        if system.is_none() || seen != Observed::Steady || asked.elapsed() >= ASK_EVERY {
            system = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                sync = ask() => Some(sync),
            };
            asked = Instant::now();
        }
        let unknown = SystemSync::NotSynchronised { why: "the system's time service was not asked yet".into() };
        let system = system.as_ref().unwrap_or(&unknown);
        if let Some(Overruled { stored, by }) = clock.hear(system, wall_clock(), std::time::Instant::now()) {
            let detail = format!(
                "readings are stored as received until {stored}; by the word of {by} that was a wrong clock. What was \
                 received then has wrong times of receipt, and what was due then may be missing"
            );
            tracing::warn!(%stored, %by, "what is stored under a later time no longer speaks against the host's clock");
            tell(&shared, HostClockEvent::Overruled, &detail).await;
        }
        let proof = clock.proof(system, wall_clock(), std::time::Instant::now());
        shared.metrics.host_clock_proven.set(i64::from(proof.is_proven()));
        if before.as_ref() != Some(&proof) {
            match &proof {
                Proof::Proven { by } => {
                    tracing::info!(%by, "the host's clock is proven");
                    tell(&shared, HostClockEvent::Proven, by).await;
                }
                Proof::Unproven { why } => {
                    tracing::warn!(%why, "the host's clock is not proven: meters' clocks are checked and not set; reading goes on");
                    tell(&shared, HostClockEvent::Unproven, why).await;
                }
            }
            shared.board.host_clock(proof.clone());
            before = Some(proof);
        }
    }
}

async fn tell(shared: &Shared, event: HostClockEvent, detail: &str) {
    if let Err(error) = Ledger::of(&shared.store).host_clock(event, detail, wall_clock()).await {
        tracing::error!(%error, "an event of the host's clock could not be stored");
    }
}
