//! Daily, monthly and instant values: a row each.

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::{Row, SqliteConnection};

use crate::StoreError;
use crate::rows::{self, json};
use crate::versions::{self, Content, Decision};

use super::batch::{Batch, Key, New};
use super::outcome::{Changed, Outcome};

impl Batch<'_> {
    /// Daily, monthly and instant values.
    pub(super) async fn insert_single_values(
        &self,
        db: &mut SqliteConnection,
        outcome: &mut Outcome,
    ) -> Result<(), StoreError> {
        if self.singles.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = self.singles.iter().map(|new| Insert { new, version: 1, current: true }).collect();
        let inserted = insert_readings(db, &rows).await?;
        let known = if usize::try_from(inserted).is_ok_and(|n| n == rows.len()) {
            HashSet::new()
        } else {
            self.not_inserted(db).await?
        };
        for new in &self.singles {
            if !known.contains(&new.seq) {
                let filled = new.content.is_good();
                outcome.became(new, filled);
            }
        }
        if known.is_empty() { Ok(()) } else { self.insert_further_versions(db, &known, outcome).await }
    }

    /// Sequence numbers of the readings whose slot had a version already, in the database or earlier in this batch.
    async fn not_inserted(&self, db: &mut SqliteConnection) -> Result<HashSet<i64>, StoreError> {
        let keys: Vec<_> = self.singles.iter().map(|n| (n.key(), n.seq)).collect();
        let rows = sqlx::query(
            "SELECT value ->> 1 FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM reading WHERE seq = value ->> 1)",
        )
        .bind(json(&keys)?)
        .fetch_all(db)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn insert_further_versions(
        &self,
        db: &mut SqliteConnection,
        known: &HashSet<i64>,
        outcome: &mut Outcome,
    ) -> Result<(), StoreError> {
        let again: Vec<&New> = self.singles.iter().filter(|n| known.contains(&n.seq)).collect();
        let mut existing = stored_versions(db, &again).await?;
        let mut inserts = Vec::new();
        let mut demoted = Vec::new();
        for new in again {
            let versions = existing.entry(new.key()).or_default();
            let decision = versions::decide(versions, &new.content);
            versions::apply(versions, &decision, new.content.clone());
            let filled = versions::is_filled(versions);
            match decision {
                Decision::Unchanged => outcome.noted(new, filled),
                Decision::Store { version, current, demoted: old, changed } => {
                    outcome.became(new, filled);
                    if changed {
                        outcome.changed.push(Changed::by(new));
                    }
                    inserts.push((new, version, current));
                    demoted.extend(old.map(|old| (new.key(), old)));
                }
            }
        }
        // A version that is demoted by a later reading of this same batch is inserted as such.
        let gone: HashSet<(Key, i64)> = demoted.iter().copied().collect();
        let rows: Vec<_> = inserts
            .iter()
            .map(|&(new, version, current)| {
                let current = current && !gone.contains(&(new.key(), version));
                Insert { new, version, current }
            })
            .collect();
        insert_readings(db, &rows).await?;
        let demoted: Vec<_> =
            demoted.iter().map(|((series, slot, meter, register), v)| (series, slot, meter, register, v)).collect();
        sqlx::query(
            "UPDATE reading SET current = 0 WHERE (series, slot, meter, register, version) IN
             (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?))",
        )
        .bind(json(&demoted)?)
        .execute(db)
        .await?;
        Ok(())
    }
}

/// A row of `reading`.
struct Insert<'a> {
    new: &'a New,
    version: i64,
    current: bool,
}

/// Inserts what has no row of that version yet; tells how many had none.
async fn insert_readings(db: &mut SqliteConnection, rows: &[Insert<'_>]) -> Result<u64, StoreError> {
    let insert =
        "INSERT INTO reading (series, slot, meter, register, version, current, seq, mantissa, form, rules, captured,
                                       received_at, occurred, meter_clock, exchange) ";
    let otherwise = " ON CONFLICT (series, slot, meter, register, version) DO NOTHING";
    rows::insert(db, insert, otherwise, rows, |mut row, Insert { new, version, current }| {
        let (series, slot, meter, register) = new.key();
        row.push_bind(series)
            .push_bind(slot)
            .push_bind(meter)
            .push_bind(register)
            .push_bind(*version)
            .push_bind(i64::from(*current))
            .push_bind(new.seq)
            .push_bind(new.content.mantissa)
            .push_bind(new.content.form)
            .push_bind(new.content.rules.as_deref())
            .push_bind(new.captured)
            .push_bind(new.received_at)
            .push_bind(new.content.occurred)
            .push_bind(new.meter_clock)
            .push_bind(new.exchange);
    })
    .await
}

async fn stored_versions(
    db: &mut SqliteConnection,
    news: &[&New],
) -> Result<HashMap<Key, Vec<versions::Stored>>, StoreError> {
    let keys: BTreeSet<Key> = news.iter().map(|n| n.key()).collect();
    let rows = sqlx::query(
        "SELECT series, slot, meter, register, version, current, mantissa, form, rules, occurred
         FROM json_each(?) AS k CROSS JOIN reading AS r
         ON r.series = k.value ->> 0 AND r.slot = k.value ->> 1 AND r.meter = k.value ->> 2 AND r.register = k.value ->> 3
         ORDER BY series, slot, meter, register, version",
    )
    .bind(json(&keys)?)
    .fetch_all(db)
    .await?;
    let mut existing: HashMap<Key, Vec<versions::Stored>> = HashMap::new();
    for row in rows {
        let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let content = Content {
            mantissa: row.try_get(6)?,
            form: row.try_get(7)?,
            rules: row.try_get(8)?,
            occurred: row.try_get(9)?,
        };
        existing.entry(key).or_default().push(versions::Stored {
            version: row.try_get(4)?,
            current: row.try_get::<i64, _>(5)? != 0,
            content,
        });
    }
    Ok(existing)
}
