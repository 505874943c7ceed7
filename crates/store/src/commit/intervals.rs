//! Load-profile points: the blocks they belong to are read, extended and written back.

use std::collections::{BTreeMap, BTreeSet};

use hes_model::Series;
use sqlx::{Row, SqliteConnection};

use crate::block::{Block, Point};
use crate::calendar::slot_from_seconds;
use crate::rows::json;
use crate::slots::Grid;
use crate::versions::{self, Decision};
use crate::{Calendar, StoreError};

use super::batch::{Batch, New};
use super::outcome::{Changed, Outcome};
use super::progress::reason;

/// Day number, meter, register, minutes.
pub(crate) type BlockKey = (i64, i64, i64, i64);

impl Batch<'_> {
    /// Load-profile points: the blocks they belong to are read, extended and written back.
    pub(super) async fn merge_intervals(
        &self,
        db: &mut SqliteConnection,
        calendar: &Calendar,
        outcome: &mut Outcome,
    ) -> Result<(), StoreError> {
        let mut given_up: BTreeMap<BlockKey, Vec<(u32, i64, i64)>> = BTreeMap::new();
        for (kind, detail, at, meter, slot) in self.give_ups() {
            if let Series::Interval(minutes) = slot.series {
                let (day, index) = Grid::new(calendar, minutes).place(slot.time)?;
                let register = self.register(slot.register)?;
                let reason = reason(db, kind, &detail).await?;
                given_up.entry((day, meter, register, i64::from(minutes))).or_default().push((index, at, reason));
            }
        }
        let mut by_block: BTreeMap<BlockKey, Vec<(u32, &New)>> = BTreeMap::new();
        for new in &self.points {
            let Series::Interval(minutes) = new.series else { continue };
            let (day, index) = Grid::new(calendar, minutes).place(slot_from_seconds(new.slot))?;
            by_block.entry((day, new.meter, new.register, i64::from(minutes))).or_default().push((index, new));
        }
        let keys: BTreeSet<BlockKey> = by_block.keys().chain(given_up.keys()).copied().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut blocks = load_blocks(db, &keys).await?;
        for (key, news) in by_block {
            let block = blocks.entry(key).or_default();
            for (index, new) in news {
                add_point(block, index, new, outcome);
            }
        }
        for (key, slots) in given_up {
            let block = blocks.entry(key).or_default();
            for (index, at, reason) in slots {
                block.give_up(index, at, reason);
            }
        }
        save_blocks(db, &blocks).await
    }
}

pub(crate) async fn load_blocks(
    db: &mut SqliteConnection,
    keys: &BTreeSet<BlockKey>,
) -> Result<BTreeMap<BlockKey, Block>, StoreError> {
    let rows = sqlx::query(
        "SELECT day, meter, register, minutes, points FROM json_each(?) AS k CROSS JOIN interval_block AS b
         ON b.day = k.value ->> 0 AND b.meter = k.value ->> 1 AND b.register = k.value ->> 2 AND b.minutes = k.value ->> 3",
    )
    .bind(json(keys)?)
    .fetch_all(db)
    .await?;
    let mut blocks = BTreeMap::new();
    for row in rows {
        let key: BlockKey = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let block =
            Block::decode(row.try_get(4)?).map_err(|_| StoreError::corrupt(format!("interval block {key:?}")))?;
        blocks.insert(key, block);
    }
    Ok(blocks)
}

pub(crate) async fn save_blocks(
    db: &mut SqliteConnection,
    blocks: &BTreeMap<BlockKey, Block>,
) -> Result<(), StoreError> {
    let mut bytes = Vec::new();
    let mut rows = Vec::new();
    for ((day, meter, register, minutes), block) in blocks {
        let at = bytes.len() + 1;
        let packed = block.encode();
        bytes.extend_from_slice(&packed);
        rows.push((day, meter, register, minutes, at, packed.len()));
    }
    sqlx::query(
        "INSERT INTO interval_block (day, meter, register, minutes, points)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, substr(?2, value ->> 4, value ->> 5)
         FROM json_each(?1) WHERE true
         ON CONFLICT (day, meter, register, minutes) DO UPDATE SET points = excluded.points",
    )
    .bind(json(&rows)?)
    .bind(bytes)
    .execute(db)
    .await?;
    Ok(())
}

fn add_point(block: &mut Block, index: u32, new: &New, outcome: &mut Outcome) {
    let mut versions: Vec<versions::Stored> = block
        .versions(index)
        .iter()
        .map(|p| versions::Stored { version: p.version, current: p.current, content: p.content.clone() })
        .collect();
    let decision = versions::decide(&versions, &new.content);
    versions::apply(&mut versions, &decision, new.content.clone());
    let filled = versions::is_filled(&versions);
    let Decision::Store { version, current, demoted, changed } = decision else {
        outcome.noted(new, filled);
        return;
    };
    if let Some(demoted) = demoted {
        block.points.iter_mut().filter(|p| p.index == index && p.version == demoted).for_each(|p| p.current = false);
    }
    block.insert(Point {
        index,
        version,
        current,
        seq: new.seq,
        content: new.content.clone(),
        captured: new.captured,
        received_at: new.received_at,
        meter_clock: new.meter_clock.map(|c| c - new.slot),
        exchange: Some(new.exchange),
    });
    outcome.became(new, filled);
    if changed {
        outcome.changed.push(Changed::by(new));
    }
}
