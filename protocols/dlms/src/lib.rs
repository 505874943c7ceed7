//! DLMS/COSEM: links, associations, services, data, and the interface classes a head-end or a meter needs.
//!
//! Everything here is a pure function over bytes, or a small rule that is told what arrived and answers what to do: no
//! I/O, no clock, no async. Parsing is total and borrows from the bytes it was given; memory is taken only where pieces
//! must be put together. Every service is read and written in both directions, so a client and a meter can be built on it.
//!
//! Clauses are those of the Green Book (DLMS UA 1000-2, IEC 62056-5-3 and -46) and the Blue Book (DLMS UA 1000-1, IEC
//! 62056-6-2). What is only known from the field is a named quirk where it is used.
#![warn(missing_docs, clippy::indexing_slicing)]

pub mod acse;
pub mod actuation;
pub mod apdu;
pub mod axdr;
pub mod cosem;
pub mod dialogue;
mod effect;
mod error;
mod gateway;
pub mod hdlc;
pub mod mode_e;
mod obis;
pub mod security;
#[cfg(test)]
mod vectors;
pub mod wrapper;

pub use effect::Effect;
pub use error::{DecodeError, Parsed};
pub use gateway::{Gateway, GatewayDirection};
pub use obis::{Obis, ObisError};
