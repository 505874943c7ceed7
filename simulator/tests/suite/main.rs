//! The simulator, tested from outside: meters by their answers, fleets over their transports and back door.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod faults;
mod fleet;
mod line;
mod master;
mod meter;
mod relay;
mod understood;
