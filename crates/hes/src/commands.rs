//! The commands, a module a noun.

pub(crate) mod archive;
pub(crate) mod area;
pub(crate) mod channel;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod db;
pub(crate) mod decode;
pub(crate) mod demo;
pub(crate) mod dissected;
pub(crate) mod dissected_dlms;
pub(crate) mod event;
pub(crate) mod evidence;
pub(crate) mod export;
pub(crate) mod log;
pub(crate) mod meter;
pub(crate) mod plan;
pub(crate) mod raw;
pub(crate) mod read;
pub(crate) mod register;
pub(crate) mod report;
pub(crate) mod serve;
pub(crate) mod status;
