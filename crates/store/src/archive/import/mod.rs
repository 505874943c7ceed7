//! Import of meters with their places: set-wise, idempotent, good rows whatever the bad ones are like.
//!
//! Rows are taken in transactions of some thousand: what stands in the archive about them is read at once, each row is
//! judged against it in memory, and what is to be written is written at once.
//!
//! A row is [judged](row) against what [stands](standing) in the archive, what has to happen to its
//! [installation](installation) among it, and becomes [changes](changes).

mod changes;
mod installation;
mod row;
mod standing;

use std::collections::HashMap;

use hes_model::{
    AreaCode, ChannelName, CommAddress, CustomerNo, GroupName, MeterNo, MeterState, ModelName, Protocol, Secret,
    ServicePointNo, UtcMicros,
};
use jiff::civil::Date;

use self::changes::Changes;
use self::standing::{Known, Place};
use super::{ImportReport, Refusal};
use crate::gate::{Durability, Urgency};
use crate::{Calendar, Store, StoreError};

/// Rows of one transaction.
const CHUNK: usize = 5_000;

/// A meter and its place, as a file gives it. `None` leaves what is known as it is, or takes the default for a new one.
#[derive(Debug, Clone)]
pub struct MeterRow {
    /// Line in the file.
    pub line: u64,
    /// Meter number.
    pub no: MeterNo,
    /// Protocol.
    pub protocol: Protocol,
    /// Address on the wire.
    pub address: CommAddress,
    /// Model profile; by default the generic one of the protocol.
    pub model: Option<ModelName>,
    /// Channel; must be known.
    pub channel: ChannelName,
    /// Area; made under its code if it is not known.
    pub area: AreaCode,
    /// Service point.
    pub service_point: ServicePointNo,
    /// Customer.
    pub customer: Option<CustomerNo>,
    /// The customer's name.
    pub customer_name: Option<String>,
    /// Current transformer factor; by default 1.
    pub ct: Option<u32>,
    /// Voltage transformer factor; by default 1.
    pub pt: Option<u32>,
    /// First day at the service point; by default the day of the import.
    pub installed_from: Option<Date>,
    /// Groups; by default none.
    pub groups: Option<Vec<GroupName>>,
    /// Password, sealed at once.
    pub password: Option<Secret>,
    /// State; by default active.
    pub state: Option<MeterState>,
}

impl Store {
    /// Adds meters, or changes them from the day of `now` on. Giving the same rows again changes nothing.
    ///
    /// A new meter at a service point where another hangs since before takes its place from its `installed_from` on.
    pub async fn import_meters(&self, rows: Vec<MeterRow>, now: UtcMicros) -> Result<ImportReport, StoreError> {
        let mut report = ImportReport::default();
        let mut lines: HashMap<MeterNo, u64> = HashMap::with_capacity(rows.len());
        let mut rows = rows;
        rows.retain(|row| {
            let Some(line) = lines.insert(row.no.clone(), row.line) else { return true };
            report.refuse(row.line, "meter_no", Refusal::MeterTwice { meter: row.no.clone(), line });
            lines.insert(row.no.clone(), line);
            false
        });
        for chunk in rows.chunks(CHUNK) {
            let mut turn = self.inner.gate.begin(Urgency::Normal, Durability::Power).await?;
            let mut import = Import::load(turn.connection(), &self.inner.calendar, chunk, now, None).await?;
            let mut judged = ImportReport::default();
            for row in chunk {
                import.take_row(row, &self.inner.vault, &mut judged)?;
            }
            import.write(turn.connection()).await?;
            turn.commit().await?;
            report.created += judged.created;
            report.updated += judged.updated;
            report.unchanged += judged.unchanged;
            report.bad.append(&mut judged.bad);
            report.notes.append(&mut judged.notes);
        }
        report.bad.sort_by_key(|bad| bad.line);
        self.changed();
        Ok(report)
    }
}

/// A chunk of rows, with everything the archive says about them.
pub(super) struct Import<'a> {
    calendar: &'a Calendar,
    now: UtcMicros,
    /// The instant from which the rows' meters hang where they hang, instead of their `installed_from`.
    exchanged_at: Option<i64>,
    today: i64,
    today_start: i64,
    channels: HashMap<String, i64>,
    meters: HashMap<MeterNo, Known>,
    places: HashMap<ServicePointNo, Place>,
    areas: HashMap<AreaCode, i64>,
    customers: HashMap<CustomerNo, (i64, String)>,
    /// Who answers under an address on a channel.
    addresses: HashMap<(i64, CommAddress), MeterNo>,
    next_place: i64,
    next_area: i64,
    next_customer: i64,
    next_installation: i64,
    next_meter: i64,
    changes: Changes,
}
