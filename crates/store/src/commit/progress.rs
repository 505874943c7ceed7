//! How the slots of a batch stand: filled, tried in vain, or given up with a reason.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use hes_model::{FailureKind, Series, UtcMicros};
use sqlx::{Row, SqliteConnection};

use crate::calendar::{slot_from_seconds, slot_seconds};
use crate::codes::{series_code, series_from_code};
use crate::failures::short;
use crate::records::{DialogueRecord, Slot};
use crate::rows::json;
use crate::{Calendar, StoreError};

use super::batch::{Batch, Key};
use super::outcome::Outcome;

/// Days until a register that its meter does not have is tried again: the first, second, third and every further time.
pub const PROBE_AFTER_DAYS: [i64; 3] = [1, 7, 30];

/// Detail of an attempt that brought suspects only.
const SUSPECT: &str = "the values obtained broke a plausibility rule";

impl Batch<'_> {
    /// Closes what is settled, and remembers what was tried in vain.
    pub(super) async fn record_progress(
        &self,
        db: &mut SqliteConnection,
        calendar: &Calendar,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        self.forget_attempts(db, calendar, outcome).await?;
        self.insert_give_ups(db).await?;
        self.insert_attempts(db, calendar, outcome).await
    }

    /// A filled slot has no open attempts, and a register that answered is supported.
    async fn forget_attempts(
        &self,
        db: &mut SqliteConnection,
        calendar: &Calendar,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        let filled = outcome.slots.iter().filter(|(_, (_, filled))| *filled);
        let mut meters: Vec<i64> = filled.map(|((_, _, meter, _), _)| *meter).collect();
        meters.sort_unstable();
        meters.dedup();
        if meters.is_empty() {
            return Ok(());
        }
        let concerned: Vec<i64> = sqlx::query(
            "SELECT value FROM json_each(?1) WHERE EXISTS (SELECT 1 FROM attempt WHERE meter = value)
             OR EXISTS (SELECT 1 FROM not_supported WHERE meter = value)",
        )
        .bind(json(&meters)?)
        .fetch_all(&mut *db)
        .await?
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
        if concerned.is_empty() {
            return Ok(());
        }
        let concerned: HashSet<i64> = concerned.into_iter().collect();
        let mut keys = BTreeSet::new();
        for (key @ (_, _, meter, _), (_, filled)) in outcome.standing() {
            if filled && concerned.contains(&meter) {
                keys.insert(attempt_key(calendar, key)?);
            }
        }
        let keys = json(&keys)?;
        sqlx::query(
            "DELETE FROM attempt WHERE (series, slot, meter, register) IN
             (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?))",
        )
        .bind(keys.clone())
        .execute(&mut *db)
        .await?;
        sqlx::query(
            "DELETE FROM not_supported WHERE (series, meter, register) IN
             (SELECT value ->> 0, value ->> 2, value ->> 3 FROM json_each(?))",
        )
        .bind(keys)
        .execute(db)
        .await?;
        Ok(())
    }

    async fn insert_give_ups(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        for (kind, detail, at, meter, slot) in self.give_ups() {
            if matches!(slot.series, Series::Interval(_)) {
                continue;
            }
            let reason = reason(db, kind, &detail).await?;
            let seconds = slot_seconds(slot.time).ok_or(StoreError::NotASlot { at: slot.time })?;
            rows.push((series_code(slot.series), seconds, meter, self.register(slot.register)?, at, reason));
        }
        insert_give_up_rows(db, &rows).await
    }

    /// Slots that were asked and stay open: how often, why not, and before when not again.
    async fn insert_attempts(
        &self,
        db: &mut SqliteConnection,
        calendar: &Calendar,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        let mut tried: BTreeMap<Key, (i64, FailureKind, String)> = BTreeMap::new();
        let mut not_before: HashMap<Key, i64> = HashMap::new();
        for record in self.records {
            let given_up: HashSet<Slot> = record.given_up.iter().map(|g| g.slot).collect();
            for failed in &record.failures {
                for slot in failed.slots.iter().filter(|slot| !given_up.contains(slot)) {
                    let key = attempt_key(calendar, self.key(record.meter.0, slot)?)?;
                    tried.insert(key, (failed.at.0, failed.failure.kind, short(&failed.failure.detail)));
                }
            }
            for retry in &record.retry {
                let key = attempt_key(calendar, self.key(record.meter.0, &retry.slot)?)?;
                not_before.insert(key, retry.not_before.0);
            }
            self.remember_unsupported(db, record).await?;
        }
        let standing = if tried.is_empty() && outcome.all_filled() { HashMap::new() } else { outcome.standing() };
        for (key, (received, _)) in standing.iter().filter(|(_, (_, filled))| !filled) {
            let key = attempt_key(calendar, *key)?;
            tried.entry(key).or_insert((*received, FailureKind::Suspect, SUSPECT.to_owned()));
        }
        for (key, (received, _)) in standing.into_iter().filter(|(_, (_, filled))| *filled) {
            // Filled in this very batch, after the attempt. A day's interval slots share one row: others may be open.
            if tried.get(&key).is_some_and(|(at, ..)| *at <= received) {
                tried.remove(&key);
            }
        }
        let mut rows = Vec::with_capacity(tried.len());
        for (key, (at, kind, detail)) in tried {
            let (series, slot, meter, register) = key;
            let next = not_before.get(&key).copied().unwrap_or(at);
            rows.push((meter, series, slot, register, at, next, reason(db, kind, &detail).await?));
        }
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO attempt (meter, series, slot, register, tries, last_at, next_at, reason)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, 1, value ->> 4, value ->> 5, value ->> 6
             FROM json_each(?) WHERE true
             ON CONFLICT (meter, series, slot, register) DO UPDATE SET tries = tries + 1, last_at = excluded.last_at,
             next_at = excluded.next_at, reason = excluded.reason",
        )
        .bind(json(&rows)?)
        .execute(db)
        .await?;
        Ok(())
    }

    /// Registers that the meter said it does not have are not asked again before their next probe.
    async fn remember_unsupported(&self, db: &mut SqliteConnection, record: &DialogueRecord) -> Result<(), StoreError> {
        let mut registers: BTreeMap<(i64, i64), (i64, String)> = BTreeMap::new();
        for end in record.given_up.iter().filter(|g| g.reason.kind == FailureKind::NotSupported) {
            let key = (series_code(end.slot.series), self.register(end.slot.register)?);
            registers.insert(key, (end.at.0, short(&end.reason.detail)));
        }
        for ((series, register), (at, detail)) in registers {
            let reason = reason(db, FailureKind::NotSupported, &detail).await?;
            sqlx::query(
                "INSERT INTO not_supported (meter, series, register, since, probes, next_probe_at, reason)
                 VALUES (?1, ?2, ?3, ?4, 1, ?4 + 86400000000 * (?5 ->> 0), ?6)
                 ON CONFLICT (meter, series, register) DO UPDATE SET probes = probes + 1, reason = ?6,
                 next_probe_at = ?4 + 86400000000 * (?5 ->> min(probes, json_array_length(?5) - 1))",
            )
            .bind(record.meter.0)
            .bind(series)
            .bind(register)
            .bind(at)
            .bind(json(&PROBE_AFTER_DAYS)?)
            .bind(reason)
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }
}

/// Attempts at interval slots are kept by day: one row for a day's ninety-six points.
pub(crate) fn attempt_key(calendar: &Calendar, key: Key) -> Result<Key, StoreError> {
    let (series, slot, meter, register) = key;
    match series_from_code(series)? {
        Series::Interval(_) => {
            let at: UtcMicros = slot_from_seconds(slot);
            let start = calendar.day_start(calendar.day_of(at));
            let start = slot_seconds(start).ok_or(StoreError::NotASlot { at: start })?;
            Ok((series, start, meter, register))
        }
        _ => Ok(key),
    }
}

/// The row of a cause with its detail; made if it is new.
pub(crate) async fn reason(db: &mut SqliteConnection, kind: FailureKind, detail: &str) -> Result<i64, StoreError> {
    let found = sqlx::query("SELECT id FROM reason WHERE kind = ? AND detail = ?")
        .bind(kind.code())
        .bind(detail)
        .fetch_optional(&mut *db)
        .await?;
    let row = match found {
        Some(row) => row,
        None => {
            sqlx::query("INSERT INTO reason (kind, detail) VALUES (?, ?) RETURNING id")
                .bind(kind.code())
                .bind(detail)
                .fetch_one(db)
                .await?
        }
    };
    Ok(row.try_get(0)?)
}

/// Series, slot, meter, register, at, reason. What is given up already stays as it is, unless that was at a later time, by a
/// clock that was wrong then; attempts end.
pub(crate) async fn insert_give_up_rows(
    db: &mut SqliteConnection,
    rows: &[(i64, i64, i64, i64, i64, i64)],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = json(&rows)?;
    sqlx::query(
        "INSERT INTO give_up (series, slot, meter, register, at, reason)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?) WHERE true
         ON CONFLICT (series, slot, meter, register) DO UPDATE SET at = excluded.at, reason = excluded.reason
         WHERE give_up.at > excluded.at",
    )
    .bind(rows.clone())
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "DELETE FROM attempt WHERE (series, slot, meter, register) IN
         (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?))",
    )
    .bind(rows)
    .execute(db)
    .await?;
    Ok(())
}
