//! Dialogues with DL/T 645 meters, 2007 and 1997.
//!
//! Each kind of request is one sequential function that reads like the standard's text. They ask, match and hand out;
//! what a value is worth is for others to judge.

pub use hes_dlt645::{DataId, Dialect};
use hes_model::{Failure, FailureKind, MeterSpec, Protocol};

use crate::{Model, Quirk};

mod civil;
mod dialogue;
pub mod direct;
pub mod guard;
mod question;

pub(crate) use civil::comm_address;
use question::{FromWildcard, Station};

/// The dialect of a protocol.
pub const fn dialect_of(protocol: Protocol) -> Dialect {
    match protocol {
        Protocol::Dlt645v2007 => Dialect::V2007,
        Protocol::Dlt645v1997 => Dialect::V1997,
    }
}

/// Whom to ask, and whose answers to take.
fn station_of(meter: &MeterSpec) -> Result<(Station, &'static Model), Failure> {
    let model = Model::of(meter).map_err(|error| Failure::new(FailureKind::NotSupported, error.to_string()))?;
    let from_wildcard = if model.has(Quirk::AnswersFromWildcard) { FromWildcard::Own } else { FromWildcard::Foreign };
    Ok((Station { address: civil::wire_address(meter.address), from_wildcard }, model))
}
