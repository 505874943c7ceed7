//! A fleet of simulated electricity meters that answers real bytes over real transports.
//!
//! Head-ends are tested against it as against the field: pseudo-terminals and TCP sockets, lines that take their time,
//! meters that are dead, late, wrong or replaced. It knows the truth, and tells it at a back door.
//!
//! It uses the frame codec of `hes-dlt645` and nothing else of the head-end; what a meter answers is decided here.
#![warn(missing_docs)]
#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test that fails panics"))]

pub mod civil;
pub mod clock;
mod load;
pub mod meter;
mod seed;

pub use load::LoadKind;
