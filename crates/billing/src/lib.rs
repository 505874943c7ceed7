//! What billing gets: daily reads as CSV and NDJSON, a cursor over every version, consumption over a period.
//!
//! The columns are a documented, versioned contract ([`COLUMNS`], `COLUMNS.md`). Exports are pulled piece by piece and
//! never hold more than one page in memory. Tariffs, money and invoices are not here.

mod consumption;
mod export;
mod row;
mod text;

pub use consumption::{Consumption, Part, Unknown, consumption};
pub use export::{DailyExport, Gaps, Selection};
pub use row::{COLUMNS, Column, Content, DailyRow, FORMAT_NAME, FORMAT_VERSION, Lateness, Place, Version};
pub use text::Format;
