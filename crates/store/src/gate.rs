//! The write gate: one connection writes, orders first.
//!
//! SQLite has one writer at a time. Left to its busy handler, a short urgent write waits behind any number of batches;
//! here whoever wants to write queues for the one writing connection, and urgent work is served before the rest.
//! The connection travels by value from holder to holder, so nothing is locked while a statement runs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::oneshot;

use crate::StoreError;

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// What a person or a relay waits for.
    Urgent,
    /// Everything else.
    Normal,
}

/// What a commit promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Survives `kill -9`. A power cut may take the last commits with it, in order, never the middle of one: what was lost
    /// is missing again and asked again, as readings and progress lie in the same file.
    Process,
    /// Survives a power cut too: the log is forced to the disk before the commit returns.
    Power,
}

struct Held {
    connection: SqliteConnection,
    durability: Option<Durability>,
    /// A holder went away between BEGIN and COMMIT.
    in_transaction: bool,
}

#[derive(Default)]
struct Queue {
    idle: Option<Held>,
    urgent: VecDeque<oneshot::Sender<Turn>>,
    normal: VecDeque<oneshot::Sender<Turn>>,
    closed: bool,
}

struct Inner {
    queue: Mutex<Queue>,
    options: SqliteConnectOptions,
}

/// Hands the writing connection from one writer to the next.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

/// The right to write, with a transaction open. Dropped without [`Turn::commit`], everything is rolled back.
pub(crate) struct Turn {
    held: Option<Held>,
    gate: Arc<Inner>,
}

impl Gate {
    pub(crate) fn new(connection: SqliteConnection, options: SqliteConnectOptions) -> Self {
        let held = Held { connection, durability: None, in_transaction: false };
        Self(Arc::new(Inner { queue: Mutex::new(Queue { idle: Some(held), ..Queue::default() }), options }))
    }

    /// Waits for the turn and begins a transaction. May be dropped at any await: the turn goes to the next in line.
    pub(crate) async fn begin(&self, urgency: Urgency, durability: Durability) -> Result<Turn, StoreError> {
        let mut turn = self.turn(urgency).await?;
        turn.begin(durability).await?;
        Ok(turn)
    }

    async fn turn(&self, urgency: Urgency) -> Result<Turn, StoreError> {
        let waiting = {
            let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.closed {
                return Err(StoreError::Closed);
            }
            if let Some(held) = queue.idle.take() {
                return Ok(Turn { held: Some(held), gate: Arc::clone(&self.0) });
            }
            let (tx, rx) = oneshot::channel();
            match urgency {
                Urgency::Urgent => queue.urgent.push_back(tx),
                Urgency::Normal => queue.normal.push_back(tx),
            }
            rx
        };
        waiting.await.map_err(|_| StoreError::Closed)
    }

    /// Takes the last turn and closes the connection, which writes the log back into the database file.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let mut turn = match self.turn(Urgency::Normal).await {
            Err(StoreError::Closed) => return Ok(()),
            other => other?,
        };
        {
            let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.closed = true;
            queue.urgent.clear();
            queue.normal.clear();
        }
        if let Some(held) = turn.held.take() {
            held.connection.close().await?;
        }
        Ok(())
    }
}

impl Inner {
    /// Gives the connection to the next in line, urgent ones first, or keeps it.
    fn pass_on(self: &Arc<Self>, held: Held) {
        let next = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            match queue.urgent.pop_front().or_else(|| queue.normal.pop_front()) {
                Some(next) => next,
                None => {
                    queue.idle = Some(held);
                    return;
                }
            }
        };
        // A waiter that went away gives the turn back here, and its drop passes it on to the one after.
        drop(next.send(Turn { held: Some(held), gate: Arc::clone(self) }));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            self.gate.pass_on(held);
        }
    }
}

impl Turn {
    /// The connection to write with.
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.held.as_mut().expect("a turn holds its connection until it is dropped").connection
    }

    fn held(&mut self) -> &mut Held {
        self.held.as_mut().expect("a turn holds its connection until it is dropped")
    }

    async fn begin(&mut self, durability: Durability) -> Result<(), StoreError> {
        if self.held().in_transaction {
            self.recover().await?;
        }
        if self.held().durability != Some(durability) {
            let pragma = match durability {
                Durability::Process => "PRAGMA synchronous = NORMAL",
                Durability::Power => "PRAGMA synchronous = FULL",
            };
            sqlx::query(pragma).execute(self.connection()).await?;
            self.held().durability = Some(durability);
        }
        self.held().in_transaction = true;
        sqlx::query("BEGIN IMMEDIATE").execute(self.connection()).await?;
        Ok(())
    }

    /// Ends whatever transaction a holder left open; where even that fails (SQLite ended it itself on a full disk, or
    /// the file is gone), a fresh connection has none.
    async fn recover(&mut self) -> Result<(), StoreError> {
        if sqlx::query("ROLLBACK").execute(self.connection()).await.is_err() {
            let fresh = self.gate.options.connect().await?;
            let old = std::mem::replace(self.connection(), fresh);
            drop(old);
            self.held().durability = None;
        }
        self.held().in_transaction = false;
        Ok(())
    }

    /// Makes the transaction durable as promised by [`Gate::begin`] and ends the turn.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        sqlx::query("COMMIT").execute(self.connection()).await?;
        self.held().in_transaction = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use sqlx::Row;

    use super::*;

    async fn gate() -> (Gate, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("gate.db").display());
        let options = SqliteConnectOptions::from_str(&url).unwrap().create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::query("CREATE TABLE log (who TEXT)").execute(&mut connection).await.unwrap();
        (Gate::new(connection, options), dir)
    }

    async fn write(mut turn: Turn, who: &'static str) {
        sqlx::query("INSERT INTO log (who) VALUES (?)").bind(who).execute(turn.connection()).await.unwrap();
        turn.commit().await.unwrap();
    }

    async fn log(gate: &Gate) -> Vec<String> {
        let mut turn = gate.begin(Urgency::Normal, Durability::Process).await.unwrap();
        let rows = sqlx::query("SELECT who FROM log ORDER BY rowid").fetch_all(turn.connection()).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    #[tokio::test]
    async fn urgent_writers_go_before_those_that_came_first() {
        let (gate, _dir) = gate().await;
        let held = gate.begin(Urgency::Normal, Durability::Process).await.unwrap();
        let line = [(Urgency::Normal, "batch 1"), (Urgency::Normal, "batch 2"), (Urgency::Urgent, "order")];
        let mut waiting = tokio::task::JoinSet::new();
        for (urgency, who) in line {
            let gate = gate.clone();
            waiting.spawn(async move { write(gate.begin(urgency, Durability::Power).await.unwrap(), who).await });
            // The runtime has one thread: the task is in line when we are called again.
            tokio::task::yield_now().await;
        }
        write(held, "held").await;
        waiting.join_all().await;
        assert_eq!(log(&gate).await, ["held", "order", "batch 1", "batch 2"]);
    }

    #[tokio::test]
    async fn a_turn_that_is_dropped_leaves_nothing_and_a_waiter_that_goes_away_holds_nobody_up() {
        let (gate, _dir) = gate().await;
        let mut dropped = gate.begin(Urgency::Normal, Durability::Process).await.unwrap();
        sqlx::query("INSERT INTO log (who) VALUES ('half')").execute(dropped.connection()).await.unwrap();
        let impatient = tokio::spawn({
            let gate = gate.clone();
            async move { gate.begin(Urgency::Urgent, Durability::Process).await.map(drop) }
        });
        tokio::task::yield_now().await;
        impatient.abort();
        assert!(impatient.await.unwrap_err().is_cancelled());
        drop(dropped);
        write(gate.begin(Urgency::Normal, Durability::Process).await.unwrap(), "whole").await;
        assert_eq!(log(&gate).await, ["whole"]);
    }

    #[tokio::test]
    async fn a_closed_gate_says_so() {
        let (gate, _dir) = gate().await;
        gate.close().await.unwrap();
        assert!(matches!(gate.begin(Urgency::Urgent, Durability::Power).await, Err(StoreError::Closed)));
        gate.close().await.unwrap();
    }
}
