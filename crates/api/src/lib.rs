//! The local HTTP API: routes, data transfer types, access control. Loopback only.
//!
//! It answers from the store; what only the running collector knows comes through [`live::Collector`], which `hes`
//! implements. Reports and exports are computed in `hes-reports` and `hes-billing`, evidence is explained by
//! `hes-dissect`. Not here: talking to meters, the client, users and roles.

mod config;
pub mod dto;
pub mod live;
mod problem;
mod token;

pub use config::{ApiConfig, ConfigError};
pub use problem::{Code, PROBLEM_JSON, Problem, ProblemBody};
pub use token::{Token, TokenError, TokenHash};
