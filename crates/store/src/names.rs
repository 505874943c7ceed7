//! Names ↔ row numbers of registers, channels and plans: small append-only dictionaries, held in memory.
//!
//! A row number enters the memory only after its row is committed, as one of a rolled-back row is given again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

use hes_model::{ChannelName, Obis, PlanName};
use sqlx::{Row, SqliteConnection};

use crate::StoreError;
use crate::gate::Turn;

/// One dictionary.
#[derive(Debug)]
pub(crate) struct Dictionary<K> {
    maps: RwLock<Maps<K>>,
}

#[derive(Debug)]
struct Maps<K> {
    ids: HashMap<K, i64>,
    names: HashMap<i64, K>,
}

impl<K: Clone + Eq + Hash + std::fmt::Display> Dictionary<K> {
    fn new(rows: impl IntoIterator<Item = (i64, K)>) -> Self {
        let dictionary = Self { maps: RwLock::new(Maps { ids: HashMap::new(), names: HashMap::new() }) };
        for (id, name) in rows {
            dictionary.learn(id, name);
        }
        dictionary
    }
    pub(crate) fn learn(&self, id: i64, name: K) {
        let mut maps = self.maps.write().unwrap_or_else(PoisonError::into_inner);
        maps.ids.insert(name.clone(), id);
        maps.names.insert(id, name);
    }
    pub(crate) fn id(&self, name: &K) -> Option<i64> {
        self.maps.read().unwrap_or_else(PoisonError::into_inner).ids.get(name).copied()
    }
    pub(crate) fn name(&self, id: i64) -> Result<K, StoreError> {
        let maps = self.maps.read().unwrap_or_else(PoisonError::into_inner);
        maps.names.get(&id).cloned().ok_or_else(|| StoreError::corrupt(format!("name {id}")))
    }
    fn missing<'a>(&self, names: impl IntoIterator<Item = &'a K>) -> Vec<K>
    where
        K: 'a + Ord,
    {
        let maps = self.maps.read().unwrap_or_else(PoisonError::into_inner);
        let mut missing: Vec<K> = names.into_iter().filter(|n| !maps.ids.contains_key(n)).cloned().collect();
        missing.sort();
        missing.dedup();
        missing
    }
}

/// The dictionaries of one database.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) registers: Dictionary<Obis>,
    pub(crate) channels: Dictionary<ChannelName>,
    pub(crate) plans: Dictionary<PlanName>,
}

impl Names {
    pub(crate) async fn load(connection: &mut SqliteConnection) -> Result<Self, StoreError> {
        let mut registers = Vec::new();
        for row in sqlx::query("SELECT id, obis FROM register").fetch_all(&mut *connection).await? {
            registers.push((row.try_get(0)?, Obis::from_number(row.try_get(1)?)));
        }
        let mut channels = Vec::new();
        for row in sqlx::query("SELECT id, name FROM channel").fetch_all(&mut *connection).await? {
            channels.push((row.try_get(0)?, parse_name(row.try_get(1)?)?));
        }
        let mut plans = Vec::new();
        for row in sqlx::query("SELECT id, name FROM plan").fetch_all(&mut *connection).await? {
            plans.push((row.try_get(0)?, parse_name(row.try_get(1)?)?));
        }
        Ok(Self {
            registers: Dictionary::new(registers),
            channels: Dictionary::new(channels),
            plans: Dictionary::new(plans),
        })
    }

    /// Rows that a transaction is about to refer to and that do not exist yet.
    pub(crate) fn unknown<'a>(
        &self,
        registers: impl IntoIterator<Item = &'a Obis>,
        channels: impl IntoIterator<Item = &'a ChannelName>,
        plans: impl IntoIterator<Item = &'a PlanName>,
    ) -> Unknown {
        Unknown {
            registers: self.registers.missing(registers),
            channels: self.channels.missing(channels),
            plans: self.plans.missing(plans),
        }
    }

    /// Makes the rows of `unknown`, commits them and learns them.
    pub(crate) async fn create(&self, mut turn: Turn, unknown: Unknown) -> Result<(), StoreError> {
        let mut learned = (Vec::new(), Vec::new(), Vec::new());
        for obis in unknown.registers {
            let row = sqlx::query(
                "INSERT INTO register (obis) VALUES (?) ON CONFLICT (obis) DO UPDATE SET obis = excluded.obis RETURNING id",
            )
            .bind(obis.to_number())
            .fetch_one(turn.connection())
            .await?;
            learned.0.push((row.try_get(0)?, obis));
        }
        for name in unknown.channels {
            let row = sqlx::query(
                "INSERT INTO channel (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
            )
            .bind(name.as_str())
            .fetch_one(turn.connection())
            .await?;
            learned.1.push((row.try_get(0)?, name));
        }
        for name in unknown.plans {
            let row = sqlx::query(
                "INSERT INTO plan (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
            )
            .bind(name.as_str())
            .fetch_one(turn.connection())
            .await?;
            learned.2.push((row.try_get(0)?, name));
        }
        turn.commit().await?;
        learned.0.into_iter().for_each(|(id, name)| self.registers.learn(id, name));
        learned.1.into_iter().for_each(|(id, name)| self.channels.learn(id, name));
        learned.2.into_iter().for_each(|(id, name)| self.plans.learn(id, name));
        Ok(())
    }
}

/// Names without a row.
#[derive(Debug, Default)]
pub(crate) struct Unknown {
    registers: Vec<Obis>,
    channels: Vec<ChannelName>,
    plans: Vec<PlanName>,
}

impl Unknown {
    pub(crate) fn is_empty(&self) -> bool {
        self.registers.is_empty() && self.channels.is_empty() && self.plans.is_empty()
    }
}

/// A name as a row keeps it; names are checked before they are stored, so one that is refused is damage.
pub(crate) fn parse_name<N: std::str::FromStr>(text: String) -> Result<N, StoreError> {
    text.parse().map_err(|_| StoreError::corrupt(format!("name {text:?}")))
}
