//! Every dialogue against a scripted meter, and every way it may fail.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod clock;
mod daily;
mod direct;
mod hostile;
mod instant;
mod interval;
mod line;
mod meter;
mod monthly;
mod questions;
mod simulated;
