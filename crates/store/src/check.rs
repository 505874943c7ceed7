//! The check of a database: SQLite's own, and the invariants that no constraint can hold.

use sqlx::Row;

use crate::block::Block;
use crate::versions::Stored;
use crate::{Store, StoreError};

/// Findings named at most; more are only counted by running the check again after a repair.
const MOST: i64 = 100;

/// What a check found. Nothing found is a sound database.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CheckReport {
    /// The schema.
    pub schema: i64,
    /// Daily, monthly and instant versions.
    pub readings: u64,
    /// Days of interval profiles.
    pub interval_blocks: u64,
    /// Exchanges kept as evidence.
    pub exchanges: u64,
    /// Request and answer bytes of these.
    pub evidence_bytes: u64,
    /// What is wrong.
    pub findings: Vec<String>,
}

/// A name and a query whose every row is a finding.
const INVARIANTS: [(&str, &str); 9] = [
    (
        "a reading names a meter that is not there: sequence",
        "SELECT seq FROM reading WHERE meter NOT IN (SELECT id FROM meter) LIMIT ?",
    ),
    (
        "a reading names an exchange that is not there though it is young enough: sequence",
        "SELECT seq FROM reading WHERE exchange >= (SELECT min(first_id) FROM exchange_day)
         AND exchange NOT IN (SELECT id FROM exchange) LIMIT ?",
    ),
    (
        "a slot's versions have holes: series, slot, meter, register",
        "SELECT series || ' ' || slot || ' ' || meter || ' ' || register FROM reading
         GROUP BY series, slot, meter, register HAVING max(version) <> count(*) OR min(version) <> 1 LIMIT ?",
    ),
    (
        "a slot has not exactly one current version: series, slot, meter, register",
        "SELECT series || ' ' || slot || ' ' || meter || ' ' || register FROM reading
         GROUP BY series, slot, meter, register HAVING sum(current) <> 1 LIMIT ?",
    ),
    (
        "a suspect is current though a good value stands: sequence",
        "SELECT r.seq FROM reading AS r WHERE r.current = 1 AND r.rules IS NOT NULL AND EXISTS
         (SELECT 1 FROM reading AS g WHERE g.series = r.series AND g.slot = r.slot AND g.meter = r.meter
          AND g.register = r.register AND g.rules IS NULL) LIMIT ?",
    ),
    (
        "a sequence number was given that is not set aside: sequence",
        "SELECT seq FROM reading WHERE seq >= (SELECT next FROM counter WHERE name = 'reading') LIMIT ?",
    ),
    (
        "two meters hang at one service point at one time: installation",
        "SELECT b.id FROM installation AS a JOIN installation AS b ON a.service_point = b.service_point AND a.id <> b.id
         AND a.from_at <= b.from_at AND b.from_at < a.until_at LIMIT ?",
    ),
    (
        "a meter hangs at two places at one time: installation",
        "SELECT b.id FROM installation AS a JOIN installation AS b ON a.meter = b.meter AND a.id <> b.id
         AND a.from_at <= b.from_at AND b.from_at < a.until_at LIMIT ?",
    ),
    (
        "a meter has not exactly one state now: meter",
        "SELECT m.no FROM meter AS m WHERE (SELECT count(*) FROM meter_version AS v WHERE v.meter = m.id
         AND v.until_day = 9007199254740991) <> 1 LIMIT ?",
    ),
];

impl Store {
    /// Reads the whole database; takes its time, and disturbs nobody.
    pub async fn check(&self) -> Result<CheckReport, StoreError> {
        let mut connection = self.inner.pool.acquire().await?;
        let mut report = CheckReport { schema: crate::SCHEMA, ..CheckReport::default() };
        // One snapshot for all of it: what is written meanwhile is not seen half.
        sqlx::query("BEGIN").execute(&mut *connection).await?;
        let done = Self::check_on(&mut connection, &mut report).await;
        sqlx::query("ROLLBACK").execute(&mut *connection).await?;
        done.map(|()| report)
    }

    async fn check_on(db: &mut sqlx::SqliteConnection, report: &mut CheckReport) -> Result<(), StoreError> {
        for row in sqlx::query("PRAGMA integrity_check(100)").fetch_all(&mut *db).await? {
            let line: String = row.try_get(0)?;
            if line != "ok" {
                report.findings.push(format!("SQLite finds damage: {line}"));
            }
        }
        for (name, sql) in INVARIANTS {
            for row in sqlx::query(sql).bind(MOST).fetch_all(&mut *db).await? {
                let found = row.try_get::<i64, _>(0).map(|n| n.to_string()).or_else(|_| row.try_get::<String, _>(0))?;
                report.findings.push(format!("{name} {found}"));
            }
        }
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM exchange),
             (SELECT coalesce(sum(length(request) + length(answer)), 0) FROM exchange)",
        )
        .fetch_one(&mut *db)
        .await?;
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        report.readings = number(row.try_get(0)?);
        report.exchanges = number(row.try_get(1)?);
        report.evidence_bytes = number(row.try_get(2)?);
        Self::check_blocks(db, report).await
    }

    async fn check_blocks(db: &mut sqlx::SqliteConnection, report: &mut CheckReport) -> Result<(), StoreError> {
        let first: i64 =
            sqlx::query("SELECT coalesce(min(first_id), 0) FROM exchange_day").fetch_one(&mut *db).await?.try_get(0)?;
        let mut after = (i64::MIN, 0_i64, 0_i64, 0_i64);
        loop {
            let rows = sqlx::query(
                "SELECT day, meter, register, minutes, points FROM interval_block
                 WHERE (day, meter, register, minutes) > (?, ?, ?, ?) ORDER BY day, meter, register, minutes LIMIT 1000",
            )
            .bind(after.0)
            .bind(after.1)
            .bind(after.2)
            .bind(after.3)
            .fetch_all(&mut *db)
            .await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.try_get(0)?, last.try_get(1)?, last.try_get(2)?, last.try_get(3)?);
            for row in &rows {
                report.interval_blocks += 1;
                let place: (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                let Ok(block) = Block::decode(row.try_get(4)?) else {
                    report.findings.push(format!("an interval block is damaged: day, meter, register {place:?}"));
                    continue;
                };
                if !versions_are_sound(&block) {
                    report.findings.push(format!("versions of an interval block are not sound: {place:?}"));
                }
                let wanted: std::collections::BTreeSet<i64> =
                    block.points.iter().filter_map(|p| p.exchange).filter(|e| *e >= first).collect();
                let missing: i64 = sqlx::query(
                    "SELECT count(*) FROM json_each(?) AS e WHERE NOT EXISTS (SELECT 1 FROM exchange WHERE id = e.value)",
                )
                .bind(crate::rows::json(&wanted)?)
                .fetch_one(&mut *db)
                .await?
                .try_get(0)?;
                if missing > 0 {
                    report.findings.push(format!("{missing} exchanges of an interval block are not there: {place:?}"));
                }
            }
        }
    }
}

fn versions_are_sound(block: &Block) -> bool {
    let indexes: std::collections::BTreeSet<u32> = block.points.iter().map(|p| p.index).collect();
    indexes.into_iter().all(|index| {
        let versions: Vec<Stored> = block
            .versions(index)
            .iter()
            .map(|p| Stored { version: p.version, current: p.current, content: p.content.clone() })
            .collect();
        let numbered = versions.iter().zip(1..).all(|(v, n)| v.version == n);
        let current: Vec<_> = versions.iter().filter(|v| v.current).collect();
        let good = versions.iter().any(|v| v.content.is_good());
        numbered && matches!(current.as_slice(), [one] if one.content.is_good() == good)
    })
}
