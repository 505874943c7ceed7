//! By what a report is grouped.

/// A dimension of the archive as of the day reported, or the cause of what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Transformer area (台区).
    #[default]
    Area,
    /// Channel (通道).
    Channel,
    /// Meter reader responsible for the area.
    Reader,
    /// What became of the slot, or why it is missing.
    Cause,
    /// Protocol and dialect.
    Protocol,
    /// Meter model.
    Model,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Dimension; 6] = [
        Dimension::Area,
        Dimension::Channel,
        Dimension::Reader,
        Dimension::Cause,
        Dimension::Protocol,
        Dimension::Model,
    ];
    /// The stable name, as in `by=area`.
    pub const fn code(self) -> &'static str {
        match self {
            Dimension::Area => "area",
            Dimension::Channel => "channel",
            Dimension::Reader => "reader",
            Dimension::Cause => "cause",
            Dimension::Protocol => "protocol",
            Dimension::Model => "model",
        }
    }
}

/// Not the name of a dimension.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not one of area, channel, reader, cause, protocol, model")]
pub struct UnknownDimension {
    found: String,
}

impl std::str::FromStr for Dimension {
    type Err = UnknownDimension;
    fn from_str(s: &str) -> Result<Self, UnknownDimension> {
        let found = || UnknownDimension { found: s.chars().take(40).collect() };
        Self::ALL.into_iter().find(|d| d.code() == s).ok_or_else(found)
    }
}

impl std::fmt::Display for Dimension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.code())
    }
}
