//! What every back end of the store must do, written once against `Store`. A back end is added in `bench`.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod archive;
mod bench;
mod durability;
mod model;
mod readings;
mod work;
