//! Exports and consumption over a real store.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod bench;
mod consumption;
mod export;
