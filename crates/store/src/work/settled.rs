//! Which slots are filled or given up, for some meters and days at once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use hes_model::{Obis, Series, UtcMicros};
use jiff::civil::Date;
use sqlx::Row;

use crate::block::Block;
use crate::calendar::day_number;
use crate::codes::series_code;
use crate::rows::json;
use crate::slots::Grid;
use crate::{Store, StoreError};

/// The answer to "is that slot settled?".
pub(super) enum Settled {
    /// The slots that are not: time, meter, register row.
    Open(HashSet<(i64, i64, i64)>),
    /// Of each day, meter and register row the intervals that are.
    Intervals { places: HashMap<UtcMicros, (i64, u32)>, days: HashMap<(i64, i64, i64), HashSet<u32>> },
}

impl Settled {
    /// Looks up slots × meters (a JSON list of rows) × registers. What was given up after `now` was so by a clock that was
    /// wrong then, and is open.
    pub(super) async fn load(
        store: &Store,
        series: Series,
        slots: &BTreeMap<UtcMicros, Date>,
        meters: &str,
        registers: &[(Obis, i64)],
        now: UtcMicros,
    ) -> Result<Self, StoreError> {
        let registers: Vec<i64> = registers.iter().map(|(_, row)| *row).collect();
        match series {
            Series::Interval(minutes) => Self::load_intervals(store, minutes, slots, meters, &registers, now).await,
            _ => Self::load_open(store, series, slots, meters, &registers, now).await,
        }
    }

    async fn load_open(
        store: &Store,
        series: Series,
        slots: &BTreeMap<UtcMicros, Date>,
        meters: &str,
        registers: &[i64],
        now: UtcMicros,
    ) -> Result<Self, StoreError> {
        let seconds: Vec<i64> = slots.keys().map(|at| at.0.div_euclid(1_000_000)).collect();
        let rows = sqlx::query(
            "SELECT s.value, m.value, g.value
             FROM json_each(?2) AS s CROSS JOIN json_each(?3) AS m CROSS JOIN json_each(?4) AS g
             WHERE NOT EXISTS (SELECT 1 FROM reading AS r WHERE r.series = +?1 AND r.slot = s.value AND r.meter = m.value
                               AND r.register = g.value AND r.current = 1 AND r.rules IS NULL)
             AND NOT EXISTS (SELECT 1 FROM give_up AS u WHERE u.series = ?1 AND u.slot = s.value AND u.meter = m.value
                             AND u.register = g.value AND u.at <= ?5)",
        )
        .bind(series_code(series))
        .bind(json(&seconds)?)
        .bind(meters)
        .bind(json(&registers)?)
        .bind(now.0)
        .fetch_all(&store.inner.pool)
        .await?;
        let open = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
            .collect::<Result<_, sqlx::Error>>()?;
        Ok(Self::Open(open))
    }

    async fn load_intervals(
        store: &Store,
        minutes: u8,
        slots: &BTreeMap<UtcMicros, Date>,
        meters: &str,
        registers: &[i64],
        now: UtcMicros,
    ) -> Result<Self, StoreError> {
        let grid = Grid::new(&store.inner.calendar, minutes);
        let places =
            slots.keys().map(|at| Ok((*at, grid.place(*at)?))).collect::<Result<HashMap<_, _>, StoreError>>()?;
        let numbers: BTreeSet<i64> = slots.values().map(|day| day_number(*day)).collect();
        let rows = sqlx::query(
            "SELECT b.day, b.meter, b.register, b.points
             FROM json_each(?2) AS d CROSS JOIN json_each(?3) AS m CROSS JOIN json_each(?4) AS g
             CROSS JOIN interval_block AS b ON b.day = d.value AND b.meter = m.value AND b.register = g.value AND b.minutes = ?1",
        )
        .bind(i64::from(minutes))
        .bind(json(&numbers)?)
        .bind(meters)
        .bind(json(&registers)?)
        .fetch_all(&store.inner.pool)
        .await?;
        let mut days = HashMap::new();
        for row in rows {
            let key: (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let block =
                Block::decode(row.try_get(3)?).map_err(|_| StoreError::corrupt(format!("interval block {key:?}")))?;
            days.insert(key, block.settled(now.0));
        }
        Ok(Self::Intervals { places, days })
    }

    pub(super) fn is_settled(&self, at: UtcMicros, meter: i64, register: i64) -> bool {
        match self {
            Self::Open(open) => !open.contains(&(at.0.div_euclid(1_000_000), meter, register)),
            Self::Intervals { places, days } => places.get(&at).is_some_and(|(day, index)| {
                days.get(&(*day, meter, register)).is_some_and(|settled| settled.contains(index))
            }),
        }
    }
}
