//! What the end-to-end tests stand on: the real binaries as child processes, and the world around them.
//!
//! A test here starts `hes-sim` and `hes serve`, works through the command line and the HTTP interface as a user
//! would, breaks something, and looks at what the store holds in the end.
#![expect(clippy::unwrap_used, reason = "this package is tests only; a failed expectation ends the test")]

pub mod binaries;
pub mod clock;
pub mod collected;
pub mod fleet;
pub mod frame;
pub mod head_end;
pub mod past;
pub mod process;
pub mod small_disk;
