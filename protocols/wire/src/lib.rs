//! The little that all protocols share: how frames stand in a byte stream, packed decimals, check sums, hexadecimal text.
//!
//! Pure: no I/O, no clock, no allocation but in `replay`, which serves tests. What only one protocol needs lives in that
//! protocol's crate.
#![warn(missing_docs, clippy::indexing_slicing)]

pub mod bcd;
mod framing;
pub mod hex;
#[cfg(feature = "replay")]
pub mod replay;
mod sum;

pub use framing::{Framing, Scan, Why};
pub use hex::Hex;
pub use sum::sum8;
