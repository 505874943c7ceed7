//! The archive (档案): who is supplied where, through which meter, from when to when.
//!
//! Everything that changes is effective-dated by civil day, so that a past day can be recomputed as it was.

use jiff::civil::Date;

use crate::{
    AreaCode, ChannelName, CommAddress, CustomerNo, GroupName, InstallationId, MeterId, MeterNo, ModelName, Protocol,
    ReaderCode, ServicePointNo,
};

/// From a day on, until before another, or open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Effective {
    /// First day.
    pub from: Date,
    /// First day no longer; `None` while it holds.
    pub until: Option<Date>,
}

impl Effective {
    /// Whether it holds on `day`.
    pub fn on(&self, day: Date) -> bool {
        self.from <= day && self.until.is_none_or(|until| day < until)
    }
}

/// A transformer area (台区).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Area {
    /// Its code.
    pub code: AreaCode,
    /// What people call it.
    pub name: String,
    /// The reader responsible for it now.
    pub reader: Option<ReaderCode>,
}

/// A meter reader.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reader {
    /// Staff code.
    pub code: ReaderCode,
    /// Name.
    pub name: String,
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Customer {
    /// Customer number.
    pub no: CustomerNo,
    /// Name.
    pub name: String,
}

/// A place of supply.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ServicePoint {
    /// Its number.
    pub no: ServicePointNo,
    /// Whose supply it is now.
    pub customer: Option<CustomerNo>,
    /// Which area feeds it now.
    pub area: AreaCode,
}

/// What a meter's state in the archive means for plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeterState {
    /// In the archive, not yet on the wall: excluded from plans, and listed as such.
    NotCommissioned,
    /// In service.
    Active,
    /// Excluded from plans for now, and listed as such.
    Suspended,
    /// Taken down.
    Retired,
}

impl MeterState {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            MeterState::NotCommissioned => "not_commissioned",
            MeterState::Active => "active",
            MeterState::Suspended => "suspended",
            MeterState::Retired => "retired",
        }
    }
}

/// A meter, the device.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Meter {
    /// Its row.
    pub id: MeterId,
    /// Its number.
    pub no: MeterNo,
    /// What it speaks.
    pub protocol: Protocol,
    /// Its address on the wire.
    pub address: CommAddress,
    /// Profile of its model in `config/meters/`.
    pub model: ModelName,
    /// The channel it hangs on.
    pub channel: Option<ChannelName>,
    /// Its state.
    pub state: MeterState,
    /// Free groups it is in.
    pub groups: Vec<GroupName>,
}

/// Ratios of the current and voltage transformers in front of the meter: `primary / secondary` as one whole factor each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Transformers {
    /// Current transformer factor, at least 1.
    pub ct: u32,
    /// Voltage transformer factor, at least 1.
    pub pt: u32,
}

impl Transformers {
    /// A meter connected directly.
    pub const DIRECT: Transformers = Transformers { ct: 1, pt: 1 };
    /// What a register difference is multiplied by.
    pub fn factor(self) -> u64 {
        u64::from(self.ct) * u64::from(self.pt)
    }
}

/// Which meter was at which service point, from when to when, behind which transformers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Installation {
    /// Its row.
    pub id: InstallationId,
    /// The meter.
    pub meter: MeterId,
    /// The place.
    pub service_point: ServicePointNo,
    /// When.
    pub effective: Effective,
    /// Factors.
    pub transformers: Transformers,
}
