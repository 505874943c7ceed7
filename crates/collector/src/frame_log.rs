//! Where frames go to be looked at while the system runs.
//!
//! This crate carries bytes and cannot read them; whoever starts it passes in somebody who can.

use hes_model::{ChannelName, DecodeLevel};

/// Which way a frame went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the meter.
    Sent,
    /// From the line.
    Received,
}

/// Takes frames for the log. Called on the path of the bytes: must not block.
pub trait FrameLog: Send + Sync + std::fmt::Debug {
    /// A frame, on a channel whose level is above [`DecodeLevel::Off`].
    fn frame(&self, channel: &ChannelName, direction: Direction, bytes: &[u8], level: DecodeLevel);
}

/// Forgets every frame.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFrameLog;

impl FrameLog for NoFrameLog {
    fn frame(&self, _channel: &ChannelName, _direction: Direction, _bytes: &[u8], _level: DecodeLevel) {}
}
