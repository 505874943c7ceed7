//! Meters, channels, areas and what an import of them did.

use hes_model::{
    AreaCode, ChannelConfig, ChannelName, CommAddress, CustomerNo, GroupName, MeterNo, MeterState, ModelName, Protocol,
    ReaderCode, ServicePointNo,
};
use jiff::civil::Date;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Page<T> {
    /// The rows, in the order of their key.
    pub items: Vec<T>,
    /// What to give as `after` for the next page; `null` on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The only page of a list that is short by its nature.
    pub fn whole(items: impl Iterator<Item = T>) -> Self {
        Self { items: items.collect(), next: None }
    }
}

/// A meter as it stands in the archive today.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MeterRow {
    /// Its number.
    pub meter_no: MeterNo,
    /// What it speaks.
    pub protocol: Protocol,
    /// Its address on the wire.
    pub address: CommAddress,
    /// Profile of its model.
    pub model: ModelName,
    /// Its channel.
    pub channel: Option<ChannelName>,
    /// Its state.
    pub state: MeterState,
    /// Groups it is in.
    pub groups: Vec<GroupName>,
    /// Whether a password is stored; it is never shown.
    pub has_password: bool,
    /// Where it is installed today.
    pub service_point: Option<ServicePointNo>,
    /// The area of that service point.
    pub area: Option<AreaCode>,
    /// The area's name.
    pub area_name: Option<String>,
    /// The reader responsible for the area.
    pub reader: Option<ReaderCode>,
    /// The customer of that service point.
    pub customer: Option<CustomerNo>,
    /// The customer's name.
    pub customer_name: Option<String>,
    /// Current transformer factor.
    pub ct: Option<u32>,
    /// Voltage transformer factor.
    pub pt: Option<u32>,
    /// Installed there since.
    pub installed_from: Option<Date>,
}

/// One period of a meter at a service point.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InstallationRow {
    /// Where.
    pub service_point: ServicePointNo,
    /// First day.
    pub from: Date,
    /// First day no longer; `null` while it is there.
    pub until: Option<Date>,
    /// Current transformer factor.
    pub ct: u32,
    /// Voltage transformer factor.
    pub pt: u32,
}

/// A meter with its history.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MeterDetail {
    /// As it stands today.
    pub meter: MeterRow,
    /// Where it was, oldest first.
    pub installations: Vec<InstallationRow>,
}

/// A channel and how it does.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChannelRow {
    /// Its configuration.
    pub channel: ChannelConfig,
    /// How its link does; `null` where nobody runs it yet.
    pub live: Option<super::live::ChannelLive>,
}

/// A transformer area.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AreaRow {
    /// Its code.
    pub code: AreaCode,
    /// What people call it.
    pub name: String,
    /// The reader responsible for it.
    pub reader: Option<ReaderCode>,
    /// The reader's name.
    pub reader_name: Option<String>,
    /// Meters installed there now.
    pub meters: u64,
}

/// What the text of a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Encoding {
    /// UTF-8, as the interface itself.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// GB 18030 with all of GBK and GB 2312 in it.
    #[serde(rename = "gb18030")]
    Gb18030,
}

/// What an import did. Rows that were refused changed nothing; every other row is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct ImportReport {
    /// What the file's text was written in.
    pub encoding: Encoding,
    /// Rows of the file, without the head line and empty lines.
    pub rows: u64,
    /// New in the archive.
    pub created: u64,
    /// Known, and changed.
    pub updated: u64,
    /// Known, and the same.
    pub unchanged: u64,
    /// Every row that was refused, in the order of the file.
    pub refused: Vec<RefusedRow>,
    /// What a person should know about rows that were taken (a meter that took another's place).
    pub notes: Vec<RowNote>,
}

/// A remark on a row that was taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RowNote {
    /// Line of the file.
    pub line: u64,
    /// What it caused.
    pub note: String,
}

/// One row of a file that was refused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RefusedRow {
    /// Line of the file on which the row starts, the head line being 1.
    pub line: u64,
    /// What the row names (its meter number, channel name, area code), where that can be read.
    pub key: Option<String>,
    /// Everything that is wrong with it.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fault {
    /// The column; `null` where the row as a whole is meant.
    pub column: Option<String>,
    /// What stands there, cut to a readable length.
    pub value: Option<String>,
    /// Why it was refused. One fragment that tells what is accepted.
    pub reason: String,
}

/// A meter takes the place of another (换表).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// Number of the new meter.
    pub meter_no: MeterNo,
    /// Its address on the wire.
    pub address: CommAddress,
    /// First day of the new meter; today where not given.
    #[serde(default)]
    pub from: Option<Date>,
    /// As the old meter's where not given.
    #[serde(default)]
    pub protocol: Option<Protocol>,
    /// As the old meter's where not given.
    #[serde(default)]
    pub model: Option<ModelName>,
    /// As the old meter's where not given.
    #[serde(default)]
    pub ct: Option<u32>,
    /// As the old meter's where not given.
    #[serde(default)]
    pub pt: Option<u32>,
    /// Hex digits; the new meter has none where not given.
    #[serde(default)]
    pub password: Option<String>,
}
