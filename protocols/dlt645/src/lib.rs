//! DL/T 645-2007, and 1997 as a dialect: frames, requests and answers, data items, follow-up frames.
//!
//! Everything here is a pure function over bytes, or a small rule that is told what arrived: no I/O, no clock, no async.
//! Parsing is total and borrows: a [`Frame`] is a view of the bytes it was found in, [`Data`] takes the mask off as it is
//! looked at. What the standard leaves open, or what we only know from memory, is said where it is used.
//!
//! It does not know registers, meters or plans: data items are named by the standard's identifiers and carry OBIS codes.
#![warn(missing_docs, clippy::indexing_slicing)]

pub mod actuation;
mod address;
mod answer;
mod command;
mod control;
mod conversation;
mod data;
mod data_id;
mod encode;
mod errors;
mod frame;
pub mod items;
mod time;
#[cfg(test)]
mod vectors;

pub use address::{Address, AddressError};
pub use answer::Answer;
pub use command::{Authority, Baud, Code, Command, FreezeAt, Password, RelayAction, RelayCommand};
pub use control::{Control, Dialect, Direction, Effect, Follow, Service};
pub use conversation::{Conversation, Heard, Mismatch};
pub use data::{Data, MASK};
pub use data_id::{DataId, DataIdError, WireId};
pub use encode::{EncodeError, Envelope};
pub use errors::Errors;
pub use frame::{Dlt645, Found, Frame, FrameError, MAX_FRAME, OVERHEAD};
pub use time::{Date, DateTime, Time};
