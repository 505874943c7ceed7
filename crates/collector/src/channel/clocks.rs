//! The clocks of a channel's meters: their checks, and the broadcast that follows when they need it.

use std::sync::Arc;

use hes_model::{Class, Failure, UtcMicros};
use hes_store::StoreError;
use tokio::time::Instant;

use super::{About, Channel, Done};
use crate::broadcast::{Watch, broadcast};
use crate::drift::{Checks, Next};
use crate::host_clock::Proof;
use crate::job::Report;
use crate::ledger::{Ledger, Metered};
use crate::notebook::Notebook;
use crate::turnstile::MeterKey;

impl Channel {
    /// Whether the host's clock may set meters. The watch over it looks every few seconds; a jump since then must not reach
    /// every meter of the line.
    fn proof(&mut self, now: UtcMicros) -> Option<Proof> {
        let monotonic = std::time::Instant::now();
        self.clock.observe(now, monotonic);
        let proof = self.shared.board.proof();
        let jumped = self.clock.doubt(monotonic).filter(|_| proof.as_ref().is_some_and(Proof::is_proven));
        jumped.map_or(proof, |why| Some(Proof::Unproven { why }))
    }

    /// A clock that could not be read though its meter answers is not asked for again at once.
    pub(super) fn clock_checked(&mut self, report: &Report) {
        if report.clock.is_some() {
            self.clock_waits.remove(&report.meter());
        } else if report.answered {
            let times = self.clock_waits.get(&report.meter()).map_or(0, |(times, _)| *times);
            let next = Instant::now() + self.shared.config.retry.slot_wait(times);
            self.clock_waits.insert(report.meter(), (times + 1, next));
        }
    }

    /// Broadcasts the time, if the meters need it and nothing forbids it.
    pub(super) async fn sync_clocks(&mut self, now: UtcMicros) -> Result<(), StoreError> {
        if !self.drift.may_decide(self.clock_checks()) || !self.turnstile.state().borrow().is_up() {
            return Ok(());
        }
        let proof = self.proof(now);
        let ledger = Ledger::of(&self.shared.store);
        let calendar = self.shared.store.calendar();
        let last = ledger.last_broadcast(&self.config.name).await?.map(|at| calendar.day_of(at));
        let civil = calendar.civil(now);
        let latching = self.meters.values().find_map(|meter| hes_driver::latching(&meter.spec, civil.time()));
        match self.drift.decide(proof.as_ref(), civil, latching, last) {
            Next::Nothing => {}
            Next::Tell(why) => {
                tracing::warn!(channel = %self.config.name, %why, "meters drift, and the time is not broadcast");
                ledger.clock_sync_withheld(&self.config.name, &why, now).await?;
            }
            Next::Broadcast(meters) => match meters.iter().find_map(|meter| self.meters.get(meter)).map(Arc::clone) {
                Some(meter) => self.start_broadcast(meter),
                None => self.drift.broadcast_failed(),
            },
        }
        Ok(())
    }

    fn start_broadcast(&mut self, meter: Arc<Metered>) {
        let link = self.turnstile.link(MeterKey::Everyone, Class::Clock);
        let notes = Notebook::new(self.desk.zone.clone(), self.desk.wake_up, self.clock.clone());
        let watch = Watch { clock: self.clock.clone(), board: self.shared.board.clone() };
        let task = async move { Done::Broadcast(broadcast(&meter.spec, link, watch, notes).await) };
        let task = self.tasks.spawn(task).id();
        self.running.insert(task, About::Broadcast);
    }

    pub(super) async fn broadcast_ended(&mut self, sent: Result<UtcMicros, Failure>) -> Result<(), StoreError> {
        match sent {
            Ok(at) => {
                let meters = self.drift.broadcast_done();
                self.shared.metrics.broadcasts.inc();
                tracing::info!(channel = %self.config.name, meters = meters.len(), "the time was broadcast");
                Ledger::of(&self.shared.store).broadcast_sent(&self.config.name, at, meters.len()).await
            }
            Err(failure) => {
                self.drift.broadcast_failed();
                tracing::warn!(channel = %self.config.name, %failure, "the time could not be broadcast; tried again at the next look");
                Ok(())
            }
        }
    }

    fn clock_checks(&self) -> Checks {
        let under_way = self.running.values().any(|about| matches!(about, About::Planned(_, Class::Clock)));
        if under_way { Checks::Due } else { self.agenda.clock_checks() }
    }
}
