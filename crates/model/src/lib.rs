//! The utility's vocabulary: meters and their routes, registers, slots, readings, plans, requests, failures.
//!
//! Everything above the protocols speaks in these types; none of them does I/O, knows a clock or is async.
//! A value of a type here is valid by construction: constructors and `serde` go through the same checks.
#![warn(missing_docs)]

mod address;
mod archive;
mod decode_level;
mod failure;
mod ids;
mod obis;
mod plan;
mod quality;
mod quantity;
mod reading;
mod register;
mod request;
mod route;
mod secret;
mod time;

pub use address::{AddressError, CommAddress, MeterNo, NameError};
pub use archive::{Area, Customer, Effective, Installation, Meter, MeterState, Reader, ServicePoint, Transformers};
pub use decode_level::{DecodeLevel, DecodeLevels};
pub use failure::{Failure, FailureKind};
pub use ids::{
    AreaCode, ChannelName, CustomerNo, ExchangeId, GroupName, InstallationId, MeterId, ModelName, PlanName, ReaderCode,
    ReadingSeq, ServicePointNo,
};
pub use obis::{Obis, ObisError};
pub use plan::{ClockSync, Plan, PlanError, Priority, Schedule, Scope, Task, Window};
pub use quality::{Quality, RuleId};
pub use quantity::{ParseQuantityError, Quantity, Unit};
pub use reading::{ExchangeProof, NoValue, Observation, Observed, Reading};
pub use register::{Register, RegisterKind, RegisterTable, RegisterTableError, registers};
pub use request::{Class, MeterSpec, Request, Series, SlotTime};
pub use route::{ChannelConfig, DialIn, Endpoint, LineSettings, LineSettingsError, Parity, Protocol, Registration};
pub use secret::Secret;
pub use time::{CapturedAt, MeterClock, ReceivedAt, UtcMicros};
