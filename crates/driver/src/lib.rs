//! Turns a request for a meter into a dialogue of one protocol, over any link. No runtime, no sockets, no clock behind it.
//!
//! The only crate that knows both `hes-model` and the protocols.
#![warn(missing_docs)]

pub mod dlt645;
mod env;
mod heard;
pub mod identify;
mod latching;
mod link;
mod model;
mod perform;

pub use env::{Env, Outcome};
pub use hes_wire::Framing;
pub use latching::{Latching, latching};
pub use link::{Counts, Exchange, Exchanged, Expect, LinkError, Patience, Verdict};
pub use model::{
    Blocks, Capabilities, DailyFreeze, FreezeForm, LoadProfile, Model, ModelError, Quirk, Settlement, capabilities,
};
pub use perform::{own_number, perform};
