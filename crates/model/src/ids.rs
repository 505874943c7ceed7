//! Identities. Each is its own type, so that a meter can't be passed where an area is meant.

use crate::address::NameError;

/// Longest name accepted from a person, in characters.
const NAME_MAX: usize = 64;

macro_rules! row_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
        }
    )*};
}

row_ids! {
    /// A meter's row in the store. Never reused; a person sees the [`MeterNo`](crate::MeterNo).
    MeterId;
    /// One period of one meter at one service point.
    InstallationId;
    /// One stored exchange: the request and answer bytes that prove readings.
    ExchangeId;
    /// Ingest sequence of a reading version: grows with every stored version, never reused; the billing cursor.
    ReadingSeq;
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// 1 to 64 characters, none of them white space or a control character.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);
        impl $name {
            /// Checks and takes over a name.
            pub fn new(name: &str) -> Result<Self, NameError> {
                check_name(name)?;
                Ok(Self(name.into()))
            }
            /// The name as text.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
        }
        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(s: &str) -> Result<Self, NameError> { Self::new(s) }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(s: String) -> Result<Self, NameError> { Self::new(&s) }
        }
        impl From<$name> for String {
            fn from(n: $name) -> String { n.0.as_ref().to_owned() }
        }
    )*};
}

names! {
    /// A channel (通道): one shared medium with one owner.
    ChannelName;
    /// A reading plan.
    PlanName;
    /// A meter model's profile in `config/meters/`.
    ModelName;
    /// A transformer area (台区).
    AreaCode;
    /// A meter reader, the person.
    ReaderCode;
    /// A free group of meters, for plans.
    GroupName;
    /// A customer's number (户号).
    CustomerNo;
    /// A service point: the place of supply, which outlives its meters.
    ServicePointNo;
}

pub(crate) fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.chars().count() > NAME_MAX {
        return Err(NameError::TooLong { max: NAME_MAX });
    }
    match name.chars().find(|c| c.is_whitespace() || c.is_control()) {
        Some(bad) => Err(NameError::Character { bad }),
        None => Ok(()),
    }
}
