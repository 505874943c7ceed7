//! Areas (台区) and the readers responsible for them.

use std::collections::HashMap;

use hes_model::{Area, AreaCode, Reader, ReaderCode, UtcMicros};
use sqlx::{Row, SqliteConnection};

use super::{BEGINNING, ImportReport, Refusal, STILL};
use crate::calendar::day_number;
use crate::gate::{Durability, Urgency};
use crate::names::parse_name;
use crate::{Store, StoreError};

/// An area to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AreaRow {
    /// Line in the file.
    pub line: u64,
    /// Code.
    pub code: AreaCode,
    /// Name; the code where there is none.
    pub name: Option<String>,
    /// Who reads it; `None` leaves that as it is.
    pub reader: Option<ReaderCode>,
    /// The reader's name.
    pub reader_name: Option<String>,
}

/// An area with its reader.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AreaView {
    /// The area.
    pub area: Area,
    /// The reader responsible now.
    pub reader: Option<Reader>,
    /// Meters installed there now.
    pub meters: u64,
}

impl Store {
    /// Adds or changes areas. Another reader is responsible from the day of `now`; days before keep theirs.
    pub async fn import_areas(&self, rows: Vec<AreaRow>, now: UtcMicros) -> Result<ImportReport, StoreError> {
        let today = day_number(self.inner.calendar.day_of(now));
        let mut report = ImportReport::default();
        let mut seen: HashMap<AreaCode, u64> = HashMap::new();
        let mut turn = self.inner.gate.begin(Urgency::Urgent, Durability::Power).await?;
        for row in rows {
            if let Some(line) = seen.insert(row.code.clone(), row.line) {
                report.refuse(row.line, "code", Refusal::AreaTwice { area: row.code, line });
                continue;
            }
            store_area(turn.connection(), &row, today, &mut report).await?;
        }
        turn.commit().await?;
        self.changed();
        Ok(report)
    }

    /// Every area, by code.
    pub async fn areas(&self) -> Result<Vec<AreaView>, StoreError> {
        let rows = sqlx::query(
            "SELECT a.code, a.name, r.code, r.name, coalesce(n.meters, 0)
             FROM area AS a
             LEFT JOIN (SELECT p.area, count(*) AS meters FROM installation AS i
                        JOIN service_point_area AS p ON p.service_point = i.service_point AND p.until_day = ?1
                        WHERE i.until_at = ?1 GROUP BY p.area) AS n ON n.area = a.id
             LEFT JOIN area_reader AS ar ON ar.area = a.id AND ar.until_day = ?1
             LEFT JOIN reader AS r ON r.id = ar.reader
             ORDER BY a.code",
        )
        .bind(STILL)
        .fetch_all(&self.inner.pool)
        .await?;
        let mut areas = Vec::with_capacity(rows.len());
        for row in rows {
            let reader = match row.try_get::<Option<String>, _>(2)? {
                Some(code) => Some(Reader { code: parse_name(code)?, name: row.try_get(3)? }),
                None => None,
            };
            let area = Area {
                code: parse_name(row.try_get(0)?)?,
                name: row.try_get(1)?,
                reader: reader.as_ref().map(|r| r.code.clone()),
            };
            let meters: i64 = row.try_get(4)?;
            areas.push(AreaView { area, reader, meters: u64::try_from(meters).unwrap_or(0) });
        }
        Ok(areas)
    }
}

async fn store_area(
    db: &mut SqliteConnection,
    row: &AreaRow,
    today: i64,
    report: &mut ImportReport,
) -> Result<(), StoreError> {
    let known = sqlx::query(
        "SELECT a.id, a.name, ar.reader, ar.from_day FROM area AS a
         LEFT JOIN area_reader AS ar ON ar.area = a.id AND ar.until_day = ? WHERE a.code = ?",
    )
    .bind(STILL)
    .bind(row.code.as_str())
    .fetch_optional(&mut *db)
    .await?;
    let reader = match &row.reader {
        Some(code) => Some(store_reader(db, code, row.reader_name.as_deref()).await?),
        None => None,
    };
    let Some(known) = known else {
        let id: i64 = sqlx::query("INSERT INTO area (code, name) VALUES (?, ?) RETURNING id")
            .bind(row.code.as_str())
            .bind(row.name.as_deref().unwrap_or(row.code.as_str()))
            .fetch_one(&mut *db)
            .await?
            .try_get(0)?;
        if let Some((reader, _)) = reader {
            open_reader(db, id, BEGINNING, reader).await?;
        }
        report.created += 1;
        return Ok(());
    };
    let id: i64 = known.try_get(0)?;
    let mut changed = reader.is_some_and(|(_, changed)| changed);
    if let Some(name) = &row.name
        && *name != known.try_get::<String, _>(1)?
    {
        sqlx::query("UPDATE area SET name = ? WHERE id = ?").bind(name).bind(id).execute(&mut *db).await?;
        changed = true;
    }
    let before: Option<i64> = known.try_get(2)?;
    if let Some((reader, _)) = reader
        && before != Some(reader)
    {
        let from: Option<i64> = known.try_get(3)?;
        sqlx::query("UPDATE area_reader SET until_day = ?1 WHERE area = ?2 AND until_day = ?3 AND from_day < ?1")
            .bind(today)
            .bind(id)
            .bind(STILL)
            .execute(&mut *db)
            .await?;
        open_reader(db, id, from.map_or(BEGINNING, |_| today), reader).await?;
        changed = true;
    }
    if changed {
        report.updated += 1
    } else {
        report.unchanged += 1
    }
    Ok(())
}

async fn open_reader(db: &mut SqliteConnection, area: i64, from: i64, reader: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO area_reader (area, from_day, until_day, reader) VALUES (?, ?, ?, ?)
         ON CONFLICT (area, from_day) DO UPDATE SET reader = excluded.reader, until_day = excluded.until_day",
    )
    .bind(area)
    .bind(from)
    .bind(STILL)
    .bind(reader)
    .execute(db)
    .await?;
    Ok(())
}

/// The reader's row, and whether its name changed.
async fn store_reader(
    db: &mut SqliteConnection,
    code: &ReaderCode,
    name: Option<&str>,
) -> Result<(i64, bool), StoreError> {
    let known =
        sqlx::query("SELECT id, name FROM reader WHERE code = ?").bind(code.as_str()).fetch_optional(&mut *db).await?;
    match known {
        None => {
            let row = sqlx::query("INSERT INTO reader (code, name) VALUES (?, ?) RETURNING id")
                .bind(code.as_str())
                .bind(name.unwrap_or(code.as_str()))
                .fetch_one(db)
                .await?;
            Ok((row.try_get(0)?, false))
        }
        Some(row) => {
            let id = row.try_get(0)?;
            let before: String = row.try_get(1)?;
            let Some(name) = name.filter(|name| *name != before) else { return Ok((id, false)) };
            sqlx::query("UPDATE reader SET name = ? WHERE id = ?").bind(name).bind(id).execute(db).await?;
            Ok((id, true))
        }
    }
}
