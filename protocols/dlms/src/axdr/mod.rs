//! A-XDR, IEC 61334-6 as the Green Book uses it: lengths, values, lists, dates.
//!
//! A [`Data`] borrows from the bytes it was found in. Arrays and structures are checked whole when they are met and taken
//! apart when they are looked at, so a profile of a thousand rows costs no memory and one pass. The same types are
//! written: a list is either a stretch of bytes, or a slice of values made by the program.

mod choice;
mod compact;
mod data;
mod length;
mod list;
mod time;
mod walk;

pub use compact::{CompactArray, CompactError, Layout};
pub use data::{Data, tag};
pub use list::{Element, List, ListIter, Sequence, SequenceIter};
pub use time::{ClockStatus, Date, DateTime, DeviationSign, Impossible, Time};

pub(crate) use choice::{boolean, element, optional, write_optional};
pub(crate) use length::{length, octets, write_length, write_octets};
