//! The API over a real store and real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod documentation;
mod exports;
mod golden;
mod guards;
mod imports;
mod reads;
mod reports;
mod support;
