//! The local HTTP API: routes, data transfer types, access control. Loopback only.
//!
//! It answers from the store; what only the running collector knows comes through [`live::Collector`], which `hes`
//! implements. Reports and exports are computed in `hes-reports` and `hes-billing`, evidence is explained by
//! `hes-dissect`. Not here: talking to meters, the client, users and roles.

mod body;
mod config;
pub mod dto;
mod figures;
mod guard;
pub mod import;
pub mod live;
mod loopback;
mod metrics;
mod params;
mod problem;
mod routes;
mod server;
mod stall;
mod state;
mod token;

pub use config::{ApiConfig, ConfigError};
pub use problem::{Code, PROBLEM_JSON, Problem, ProblemBody};
pub use routes::listing as routes;
pub use server::{BindError, ServeError, bind, serve};
pub use state::Parts;
pub use token::{Token, TokenError, TokenHash};
