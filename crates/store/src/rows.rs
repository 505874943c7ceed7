//! Many rows by one statement: by inserts of many rows, or as one JSON text that the statement takes apart.

use sqlx::query_builder::Separated;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::StoreError;

/// Most rows of one statement. More gains nothing, and SQLite takes 32,766 values.
const ROWS_MAX: usize = 512;

/// Inserts `rows`, each bound by `bind`; tells how many were inserted.
///
/// The statements have powers of two of rows, so that the few that there can be stay prepared. While SQLite works on one,
/// on its own thread, the next is bound.
pub(crate) async fn insert<'a, R>(
    db: &mut SqliteConnection,
    into: &'static str,
    otherwise: &'static str,
    mut rows: &'a [R],
    mut bind: impl FnMut(Separated<'_, Sqlite, &'static str>, &'a R),
) -> Result<u64, StoreError> {
    let mut next = move || {
        let log = rows.len().checked_ilog2()?;
        let (now, rest) = rows.split_at(ROWS_MAX.min(1 << log));
        rows = rest;
        let mut statement = QueryBuilder::<Sqlite>::new(into);
        statement.push_values(now, &mut bind);
        statement.push(otherwise);
        Some(statement)
    };
    let mut inserted = 0;
    let mut bound = next();
    while let Some(mut statement) = bound {
        // The first of the two hands its statement over before the second runs.
        let (done, following) = tokio::join!(biased; statement.build().execute(&mut *db), async { next() });
        inserted += done?.rows_affected();
        bound = following;
    }
    Ok(inserted)
}

/// Rows as one text for `json_each`, and whatever else a column holds as JSON.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::corrupt(e.to_string()))
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, Row};

    use super::*;

    #[tokio::test]
    async fn every_row_is_inserted_once_whatever_their_number_and_known_ones_are_not_counted() {
        let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::query("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)").execute(&mut db).await.unwrap();
        let (into, otherwise) = ("INSERT INTO t (n, text) ", " ON CONFLICT (n) DO NOTHING");
        let mut known = 0;
        for count in [0, 1, 2, 3, 511, 512, 513, 1500] {
            let rows: Vec<i64> = (0..count).collect();
            let inserted = insert(&mut db, into, otherwise, &rows, |mut row, n| {
                row.push_bind(*n).push_bind(None::<&str>);
            });
            assert_eq!(inserted.await.unwrap(), u64::try_from(count - known).unwrap(), "{count} rows");
            known = count;
            let row = sqlx::query("SELECT count(*) FROM t").fetch_one(&mut db).await.unwrap();
            assert_eq!(row.get::<i64, _>(0), count);
        }
    }
}
