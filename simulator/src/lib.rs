//! A fleet of simulated electricity meters that answers real bytes over real transports.
//!
//! Head-ends are tested against it as against the field: pseudo-terminals and TCP sockets, lines that take their time,
//! meters that are dead, late, wrong or replaced. It knows the truth, and tells it at a back door.
//!
//! It uses the frame codec of `hes-dlt645` and nothing else of the head-end; what a meter answers is decided here.
#![warn(missing_docs)]

mod alarm;
pub mod archive;
mod bus;
pub mod civil;
pub mod clock;
mod config;
mod control;
mod dlt645;
mod fault;
mod fleet;
mod load;
pub mod meter;
mod protocol;
mod pty;
mod seed;
mod session;
mod socket;
mod truth;
mod wire;

pub use bus::{Bus, WireEntry};
pub use config::{
    AreaConfig, ChannelConfig, ClockConfig, ConfigError, FleetConfig, LineConfig, MeterException, MeterGroup,
    RegistrationConfig, Timing, TransportConfig, Turnaround,
};
pub use control::ControlError;
pub use fault::{Fault, FaultConfig, Strike};
pub use fleet::{Endpoint, Fleet, LoadError, RunningChannel, RunningFleet, StartError, StartOptions, load};
pub use load::LoadKind;
pub use truth::{Counts, Hex, Sent};
