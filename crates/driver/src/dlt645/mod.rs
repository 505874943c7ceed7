//! Dialogues with DL/T 645 meters, 2007 and 1997.
//!
//! Each kind of request is one sequential function that reads like the standard's text. They ask, match and hand out;
//! what a value is worth is for others to judge.

use std::collections::BTreeSet;

pub use hes_dlt645::{DataId, Dialect};
use hes_model::{Failure, FailureKind, MeterSpec, Obis, Protocol, Request};

use crate::{Env, Exchange, Model, Quirk};

mod civil;
mod clock;
mod daily;
mod dialogue;
pub mod direct;
mod freeze;
pub mod guard;
mod identity;
mod instant;
mod interval;
mod monthly;
mod pairing;
mod question;
mod registers;
mod settlement;
mod taking;

pub(crate) use civil::comm_address;
use dialogue::Dialogue;
use interval::Range;
use question::{FromWildcard, Station};

/// The dialect of a protocol.
pub const fn dialect_of(protocol: Protocol) -> Dialect {
    match protocol {
        Protocol::Dlt645v2007 => Dialect::V2007,
        Protocol::Dlt645v1997 => Dialect::V1997,
    }
}

/// Carries out a request: see [`crate::perform`].
pub(crate) async fn perform<L: Exchange, E: Env>(
    meter: &MeterSpec,
    request: &Request,
    link: &mut L,
    env: &mut E,
) -> Result<(), Failure> {
    let (station, model) = station_of(meter)?;
    let dialect = dialect_of(meter.protocol);
    if *request == Request::BroadcastTime {
        return clock::broadcast(meter, link, env).await;
    }
    let mut dialogue = Dialogue::new(station, dialect, link, env);
    dialogue.blocks = model.blocks;
    match request {
        Request::Instant { registers } => instant::read(&mut dialogue, &distinct(registers)).await,
        Request::Daily { registers, days } => daily::read(&mut dialogue, model, &distinct(registers), days).await,
        Request::Monthly { registers, months } => {
            monthly::read(&mut dialogue, model, &distinct(registers), months).await
        }
        &Request::Interval { ref registers, minutes, from, to } => {
            interval::read(&mut dialogue, model, &distinct(registers), Range { minutes, from, to }).await
        }
        Request::Clock | Request::BroadcastTime => clock::check(&mut dialogue).await,
    }
}

/// Reads the meter's own number: see [`crate::own_number`].
pub(crate) async fn own_number<L: Exchange, E: Env>(
    meter: &MeterSpec,
    link: &mut L,
    env: &mut E,
) -> Result<Option<u64>, Failure> {
    let (station, _model) = station_of(meter)?;
    identity::read(&mut Dialogue::new(station, dialect_of(meter.protocol), link, env)).await
}

/// Each register once: what is told, is told once.
fn distinct(registers: &[Obis]) -> Vec<Obis> {
    registers.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whom to ask, and whose answers to take.
fn station_of(meter: &MeterSpec) -> Result<(Station, &'static Model), Failure> {
    let model = Model::of(meter).map_err(|error| Failure::new(FailureKind::NotSupported, error.to_string()))?;
    let from_wildcard = if model.has(Quirk::AnswersFromWildcard) { FromWildcard::Own } else { FromWildcard::Foreign };
    Ok((Station { address: civil::wire_address(meter.address), from_wildcard }, model))
}
