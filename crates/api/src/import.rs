//! Import of the archive from CSV: meters, channels, areas.
//!
//! A file is read whole, every row is checked, and the good rows are stored in one transaction; the bad ones are named
//! with their line, column and reason, all of them. A head line that is not usable refuses the file before any row.
//!
//! The format: UTF-8 with or without a byte order mark, or GBK; comma-separated, a head line with the columns' names in any
//! order, LF or CRLF, quotes as in RFC 4180. Rows without any content are passed over. Blanks around a value don't count.
//! Limits: the configured bytes and rows, and 256 characters a value.

mod areas;
mod channels;
mod encoding;
mod meters;
mod table;

pub(crate) use channels::ChannelRow;
pub(crate) use encoding::named as encoding_named;
pub(crate) use meters::{MeterLine, password, transformer};
pub(crate) use table::{Csv, HeadError, Line, Table, read};

/// The columns of each file, for people and for the tests of the documentation.
pub mod columns {
    pub use super::areas::COLUMNS as AREAS;
    pub use super::channels::COLUMNS as CHANNELS;
    pub use super::meters::COLUMNS as METERS;
    pub use super::table::{Column, Need};
}
