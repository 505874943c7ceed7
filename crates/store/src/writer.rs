//! The batch writer: many dialogues, one transaction.
//!
//! Room is reserved before a meter is asked, so a slow or full database slows reading instead of filling memory, and
//! nothing that was asked for is ever dropped. Whatever waits when a transaction ends goes into the next one, so batches
//! grow under load. A few dialogues are not worth a transaction each while others are under way ([`Pace`]); one alone, and
//! one that a person waits for, is stored at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hes_model::Class;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::commit::{Committer, check};
use crate::gate::Gate;
use crate::metrics::Metrics;
use crate::names::Names;
use crate::records::{Committed, DialogueRecord};
use crate::{Calendar, StoreConfig, StoreError};

/// Readings of one transaction: some tens of milliseconds, for which an order may have to wait.
const BATCH_READINGS: usize = 10_000;

/// Dialogues of one transaction, for those that bring only failures.
const BATCH_DIALOGUES: usize = 2_000;

/// Dialogues that may wait for the writer, a whole batch of them; beyond it `record` waits. Permits bound the memory, this only
/// the hand-over.
const QUEUE: usize = BATCH_DIALOGUES;

/// Dialogues that are worth a transaction of their own, which costs about as much as these do in it.
const WORTH_A_TRANSACTION: usize = 32;

/// From one transaction to the next with fewer dialogues: less than an exchange on most lines takes, so that no line
/// waits for it, and twenty transactions a second cost next to nothing.
const APART: Duration = Duration::from_millis(50);

/// Wait between attempts while the database finds no room, at first and at most.
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MOST: Duration = Duration::from_secs(15);

struct Job {
    record: DialogueRecord,
    permit: Permit,
    done: oneshot::Sender<Result<Committed, StoreError>>,
}

/// Takes dialogues and commits them. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    capacity: u32,
    metrics: Arc<Metrics>,
    calendar: Calendar,
    full: Arc<AtomicBool>,
    closing: CancellationToken,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("room", &self.room.available_permits()).finish_non_exhaustive()
    }
}

/// Room for a number of readings, until they are durable or this is dropped.
pub struct Permit {
    readings: u32,
    _room: OwnedSemaphorePermit,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit").field("readings", &self.readings).finish_non_exhaustive()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.metrics.pending_readings.sub(i64::from(self.readings));
    }
}

impl Writer {
    /// Waits until there is room for so many readings. Ask before the meter is asked.
    ///
    /// More than the whole room is taken as the whole room. May be dropped while it waits.
    pub async fn reserve(&self, readings: u32) -> Result<Permit, StoreError> {
        let readings = readings.clamp(1, self.capacity);
        let room = Arc::clone(&self.room).acquire_many_owned(readings).await.map_err(|_| StoreError::Closed)?;
        self.metrics.pending_readings.add(i64::from(readings));
        Ok(Permit { readings, _room: room, metrics: Arc::clone(&self.metrics) })
    }

    /// Stores a dialogue; returns when it is committed. While the database is full this waits, and tries again by itself.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the dialogue may be committed or not; offered again it is not stored twice.
    pub async fn record(&self, permit: Permit, record: DialogueRecord) -> Result<Committed, StoreError> {
        check(&record, &self.calendar)?;
        let (done, committed) = oneshot::channel();
        self.jobs.send(Job { record, permit, done }).await.map_err(|_| StoreError::Closed)?;
        committed.await.map_err(|_| StoreError::Closed)?
    }

    /// Whether the last transaction found no room on the disk.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Takes no more, commits what was handed over, and ends. What cannot be written because the disk is full is
    /// answered with [`StoreError::Full`]: its slots stay missing and are asked again.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.room.close();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(panic) = task.await
        {
            tracing::error!(%panic, "the store's writer ended badly");
        }
    }
}

/// Starts the writer's task.
pub(crate) fn start(
    gate: Gate,
    names: Arc<Names>,
    metrics: Arc<Metrics>,
    calendar: Calendar,
    config: &StoreConfig,
) -> Writer {
    let (jobs, queue) = mpsc::channel(QUEUE);
    let capacity = config.pending_readings.clamp(1, u32::MAX >> 4);
    let writer = Writer {
        jobs,
        room: Arc::new(Semaphore::new(usize::try_from(capacity).unwrap_or(usize::MAX >> 4))),
        capacity,
        metrics: Arc::clone(&metrics),
        calendar: calendar.clone(),
        full: Arc::new(AtomicBool::new(false)),
        closing: CancellationToken::new(),
        task: Arc::new(Mutex::new(None)),
    };
    let task = Task {
        committer: Committer::new(gate, names, metrics, calendar),
        pace: Pace { room: Arc::clone(&writer.room), capacity, next: Instant::now() },
        full: Arc::clone(&writer.full),
        closing: writer.closing.clone(),
    };
    let handle = tokio::spawn(task.run(queue));
    *writer.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
    writer
}

/// How soon a batch is committed.
struct Pace {
    room: Arc<Semaphore>,
    capacity: u32,
    /// Until when a few dialogues may wait for more.
    next: Instant,
}

impl Pace {
    /// Whether a batch had better wait for more dialogues until then: nobody waits for it in person, it is small, and
    /// others are under way, as room is reserved that is not its own.
    fn waits(&self, batch: &[Job]) -> Option<Instant> {
        if batch.len() >= WORTH_A_TRANSACTION {
            return None;
        }
        let reserved = usize::try_from(self.capacity).unwrap_or(usize::MAX) - self.room.available_permits();
        let own: usize = batch.iter().map(|job| usize::try_from(job.permit.readings).unwrap_or(usize::MAX)).sum();
        let in_person = |job: &Job| matches!(job.record.class, Class::Order | Class::OnDemand);
        (own < reserved && !batch.iter().any(in_person)).then_some(self.next)
    }

    /// A transaction begins.
    fn began(&mut self) {
        self.next = Instant::now() + APART;
    }
}

struct Task {
    committer: Committer,
    pace: Pace,
    full: Arc<AtomicBool>,
    closing: CancellationToken,
}

impl Task {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        loop {
            let first = tokio::select! {
                biased;
                job = queue.recv() => job,
                () = self.closing.cancelled() => {
                    queue.close();
                    queue.recv().await
                }
            };
            let Some(first) = first else { return };
            let batch = self.gather(first, &mut queue).await;
            self.pace.began();
            self.store(batch).await;
        }
    }

    /// Everything that waits, and what comes while the batch had better wait.
    async fn gather(&self, first: Job, queue: &mut mpsc::Receiver<Job>) -> Vec<Job> {
        let mut readings = first.record.readings.len();
        let mut batch = vec![first];
        while readings < BATCH_READINGS && batch.len() < BATCH_DIALOGUES {
            let next = match queue.try_recv() {
                Ok(job) => Some(job),
                Err(_) => self.later(&batch, queue).await,
            };
            let Some(job) = next else { break };
            readings += job.record.readings.len();
            batch.push(job);
        }
        batch
    }

    /// What comes while the batch had better wait; nothing, where it need not.
    async fn later(&self, batch: &[Job], queue: &mut mpsc::Receiver<Job>) -> Option<Job> {
        let until = self.pace.waits(batch)?;
        tokio::select! {
            biased;
            job = queue.recv() => job,
            () = self.closing.cancelled() => None,
            () = sleep_until(until) => None,
        }
    }

    /// Commits a batch and answers its jobs. A dialogue that the database refuses for itself does not take the others
    /// with it: then each is committed alone.
    async fn store(&mut self, batch: Vec<Job>) {
        let (records, waiting): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|job| (job.record, (job.permit, job.done))).unzip();
        let results = match self.commit(&records).await {
            Ok(committed) => committed.into_iter().map(Ok).collect(),
            Err(error) if records.len() == 1 => vec![Err(error)],
            Err(error) => {
                tracing::warn!(%error, dialogues = records.len(), "a batch was refused; storing its dialogues one by one");
                let mut results = Vec::with_capacity(records.len());
                for record in &records {
                    let alone = self.commit(std::slice::from_ref(record)).await;
                    results.push(alone.and_then(|mut one| one.pop().ok_or(StoreError::Closed)));
                }
                results
            }
        };
        for ((permit, done), result) in waiting.into_iter().zip(results) {
            drop(permit);
            // Nobody waits any more when the caller was dropped; what is committed stays committed.
            drop(done.send(result));
        }
        hes_failpoint::hit("store.writer.after_acknowledge");
    }

    /// Tries until the records are committed or refused for what they are. Only closing ends the wait for room.
    async fn commit(&mut self, records: &[DialogueRecord]) -> Result<Vec<Committed>, StoreError> {
        let mut wait = RETRY_FIRST;
        loop {
            let error = match self.committer.commit(records).await {
                Ok(committed) => {
                    if self.full.swap(false, Ordering::Relaxed) {
                        self.committer.metrics.full.set(0);
                        tracing::info!("the database can be written again");
                    }
                    return Ok(committed);
                }
                Err(error) if is_of_the_moment(&error) => error,
                Err(error) => return Err(error),
            };
            self.committer.metrics.write_failures.inc();
            if !self.full.swap(true, Ordering::Relaxed) {
                self.committer.metrics.full.set(1);
                tracing::error!(
                    error = %chain(&error),
                    "readings cannot be written: bulk reading stops until there is room; nothing read is dropped"
                );
            }
            tokio::select! {
                biased;
                () = self.closing.cancelled() => return Err(error),
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(RETRY_MOST);
        }
    }
}

/// Whether the same records may well be written later: no room, an I/O error, a lock, no memory.
fn is_of_the_moment(error: &StoreError) -> bool {
    const BUSY_LOCKED_NOMEM_IOERR_FULL_CANTOPEN: [i32; 6] = [5, 6, 7, 10, 13, 14];
    match error {
        StoreError::Full => true,
        StoreError::Database(sqlx::Error::Database(e)) => e
            .code()
            .and_then(|code| code.parse::<i32>().ok())
            .is_some_and(|code| BUSY_LOCKED_NOMEM_IOERR_FULL_CANTOPEN.contains(&(code & 0xFF))),
        _ => false,
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use hes_model::{ChannelName, MeterId};
    use prometheus::Registry;

    use super::*;

    const ROOM: u32 = 10_000;

    struct Desk {
        pace: Pace,
        metrics: Arc<Metrics>,
    }

    impl Desk {
        fn new() -> Self {
            let room = Arc::new(Semaphore::new(ROOM as usize));
            let pace = Pace { room, capacity: ROOM, next: Instant::now() };
            Self { pace, metrics: Arc::new(Metrics::register(&Registry::new()).unwrap()) }
        }

        fn permit(&self) -> Permit {
            let room = Arc::clone(&self.pace.room).try_acquire_many_owned(5).unwrap();
            Permit { readings: 5, _room: room, metrics: Arc::clone(&self.metrics) }
        }

        fn jobs(&self, classes: impl IntoIterator<Item = Class>) -> Vec<Job> {
            let job = |class| {
                let channel = ChannelName::new("c-1").unwrap();
                let record = DialogueRecord::new(MeterId(1), channel, None, class);
                Job { record, permit: self.permit(), done: oneshot::channel().0 }
            };
            classes.into_iter().map(job).collect()
        }
    }

    #[test]
    fn a_few_dialogues_wait_for_those_under_way_and_nobody_waits_for_nobody() {
        let desk = Desk::new();
        let batch = desk.jobs([Class::Scheduled, Class::Backfill]);
        assert_eq!(desk.pace.waits(&batch), None, "no other has room reserved");
        let under_way = desk.permit();
        assert_eq!(desk.pace.waits(&batch), Some(desk.pace.next));
        drop(under_way);
        assert_eq!(desk.pace.waits(&batch), None);
    }

    #[test]
    fn who_is_waited_for_in_person_and_a_batch_worth_it_are_stored_at_once() {
        let desk = Desk::new();
        let _under_way = desk.permit();
        for class in [Class::Order, Class::OnDemand] {
            assert_eq!(desk.pace.waits(&desk.jobs([Class::Scheduled, class])), None);
        }
        let nearly = vec![Class::Scheduled; WORTH_A_TRANSACTION - 1];
        assert!(desk.pace.waits(&desk.jobs(nearly)).is_some());
        assert_eq!(desk.pace.waits(&desk.jobs(vec![Class::Scheduled; WORTH_A_TRANSACTION])), None);
    }

    #[test]
    fn the_first_batch_after_a_while_does_not_wait() {
        let mut desk = Desk::new();
        assert!(desk.pace.next <= Instant::now());
        desk.pace.began();
        assert!(desk.pace.next > Instant::now());
    }
}
