//! Plausibility: what a check sum and the matching of answer to question cannot see.
//!
//! Rules over the values of one dialogue and what is already known of the meter; the outcome is each value's quality.
//! Pure: history and limits are arguments. It does not estimate, and it never drops a value.
//! `RULES.md` is the table of rules for people; a test compares it with [`Rule`].
#![warn(missing_docs)]

mod judge;
mod limits;
mod rule;
mod single;
mod succession;
mod tariffs;

pub use judge::{Background, DemandTimes, Identity, Known, Receipts, judge};
pub use limits::{Connection, Limits, LimitsError};
pub use rule::Rule;
