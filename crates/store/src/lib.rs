//! Everything that must outlive the process: archive, plans, readings with their evidence, progress, failures, events.
//!
//! One concrete [`Store`] over an embedded SQLite database. The only crate with SQL in it; it knows no protocol, opens
//! no link and judges no value: what is good or suspect is said by who hands it over.
//!
//! **What a commit means.** A reading is collected when its transaction is committed, which [`Writer::record`] waits
//! for. `kill -9` at any moment loses nothing committed. A power cut may take the last transactions of *readings* with
//! it (the log is not forced to disk for each batch), always the latest, never part of one; what they held is missing
//! again and asked again, and their numbers are not given to others. What people change or ask for (archive, plans,
//! requests for reads) is forced to disk.
//!
//! **Slots are derived, never stored** ([`slots`]); what is stored is what fills them, what gave them up, and a
//! watermark up to which every slot is settled.
#![warn(missing_docs)]

mod archive;
mod backup;
mod block;
mod calendar;
mod check;
mod clock;
mod codes;
mod commit;
mod config;
mod deadlines;
mod devices;
mod error;
mod events;
mod evidence;
mod export;
mod failures;
mod gate;
mod metrics;
mod names;
mod numbers;
mod on_demand;
mod plans;
mod readings;
mod records;
mod reply_times;
mod retention;
mod rows;
mod schema;
mod secrets;
pub mod slots;
mod store;
mod success;
mod versions;
mod work;
mod writer;

pub use archive::population::{MeterOnDay, PlaceOnDay};
pub use archive::{
    AreaRow, AreaView, BadRow, ChannelMeter, Conflict, Edge, EdgeReading, ImportReport, InstallationView,
    MeterExchange, MeterFilter, MeterRow, MeterView, Refusal, Remark, RowNote,
};
pub use backup::{BackupError, Flaw, restore};
pub use calendar::Calendar;
pub use check::CheckReport;
pub use clock::StoredClock;
pub use commit::PROBE_AFTER_DAYS;
pub use config::{StoreConfig, StoreConfigError};
pub use devices::UnknownDevice;
pub use error::{OpenError, StoreError};
pub use events::{Event, EventFilter, Severity, StoredEvent};
pub use evidence::{Evidence, EvidenceSize, Purged, StoredExchange};
pub use export::{DailyKey, DailyRow};
pub use failures::{FailureCount, Outage, StoredFailure};
pub use on_demand::{OnDemandClock, OnDemandFailure, OnDemandRead, OnDemandState, OnDemandValue, TakenRead};
pub use plans::PlanVersion;
pub use readings::{KnownValue, ReadingQuery, ReadingVersion, Versions};
pub use records::{ClockReading, Committed, DialogueRecord, FailedAttempt, GiveUp, OnDemandId, Retry, Slot, Stored};
pub use reply_times::ReplyTimes;
pub use schema::SCHEMA;
pub use secrets::{MasterKey, MasterKeyError};
pub use slots::MemoryDepth;
pub use store::{DATABASE_FILE, Store};
pub use success::{Exclusion, Gap, GapState, MeterDay, MeterGaps, SlotsOfDay, Tally};
pub use work::{Age, ClockDue, OpenSlot, Work, WorkQuery};
pub use writer::{Permit, Writer};
