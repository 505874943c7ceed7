//! The little that all protocols share: how frames stand in a byte stream. Pure: no I/O, no clock, no allocation.
#![warn(missing_docs)]

mod framing;

pub use framing::{Framing, Scan, Why};
