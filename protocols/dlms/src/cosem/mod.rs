//! Interface classes: the objects of a meter, Blue Book clause 4.
//!
//! [`class`] knows the names of classes, attributes and methods. The other modules have the values of attributes as types,
//! read with [`Value::read`] and written with [`Value::append`], for clients and for meters alike. What an attribute holds
//! that has no type here is a [`crate::axdr::Data`].

pub mod association;
pub mod calendar;
pub mod class;
pub mod clock;
pub mod disconnect;
pub mod image;
pub mod limiter;
pub mod prepayment;
pub mod profile;
pub mod push;
pub mod register;
pub mod sap;
pub mod script;
pub mod security_setup;
pub mod short_name;
#[cfg(test)]
mod tests;
mod unit;
mod value;

pub use unit::{ScalerUnit, Unit};
pub use value::{Bits, Value, WrongType};
