//! What goes over the wire, both ways. The command line's client reads answers with the types the server writes them with.
//!
//! Requests refuse unknown members; answers may gain members, so clients must ignore what they do not know.
//! Numbers of readings are exact decimals as text. Instants are UTC in RFC 3339, a meter's own clock is civil time
//! without a zone, days are `2026-07-01`.

pub mod archive;
pub mod billing;
pub mod live;
pub mod operations;
pub mod readings;
pub mod reads;

pub use hes_model::Plan;
pub use hes_reports::{ClockReport, Dimension, FailureReport, GapReport, SuccessReport};

pub use crate::problem::ProblemBody;
