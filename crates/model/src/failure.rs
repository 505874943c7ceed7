//! Why a value was not obtained. A failure is a normal result: recorded, counted, and the slot stays open.

/// The closed set of causes, for counting and for reports. Order is by how close to the meter the cause lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The channel could not be opened or is down: 通道离线.
    ChannelDown,
    /// The meter said nothing within the longest answer time.
    NoReply,
    /// Bytes came, but no whole frame before the time was up.
    Incomplete,
    /// A frame came, its check sum wrong.
    Checksum,
    /// A frame came from another address than was asked.
    WrongAddress,
    /// A frame came from the right meter that answers another question: control code, data item, sequence or time.
    WrongItem,
    /// The meter answered with an error; the bits are in the detail.
    Refused,
    /// The meter (or our driver for its model) has no such value.
    NotSupported,
    /// The value is no longer in the meter: older than its memory, or never latched.
    NotHeld,
    /// Only values that broke a plausibility rule were obtained.
    Suspect,
    /// The meter's clock makes the value unusable.
    Clock,
    /// Password or key missing, wrong or locked.
    Key,
    /// The dialogue was given up for more urgent work or at shutdown; asked again.
    Interrupted,
}

impl FailureKind {
    /// Every cause.
    pub const ALL: [FailureKind; 13] = [
        FailureKind::ChannelDown,
        FailureKind::NoReply,
        FailureKind::Incomplete,
        FailureKind::Checksum,
        FailureKind::WrongAddress,
        FailureKind::WrongItem,
        FailureKind::Refused,
        FailureKind::NotSupported,
        FailureKind::NotHeld,
        FailureKind::Suspect,
        FailureKind::Clock,
        FailureKind::Key,
        FailureKind::Interrupted,
    ];
    /// The stable name used in the store, JSON, metrics and reports.
    pub const fn code(self) -> &'static str {
        match self {
            FailureKind::ChannelDown => "channel_down",
            FailureKind::NoReply => "no_reply",
            FailureKind::Incomplete => "incomplete",
            FailureKind::Checksum => "checksum",
            FailureKind::WrongAddress => "wrong_address",
            FailureKind::WrongItem => "wrong_item",
            FailureKind::Refused => "refused",
            FailureKind::NotSupported => "not_supported",
            FailureKind::NotHeld => "not_held",
            FailureKind::Suspect => "suspect",
            FailureKind::Clock => "clock",
            FailureKind::Key => "key",
            FailureKind::Interrupted => "interrupted",
        }
    }
    /// The cause named `code`.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }
    /// Whether asking the same again can't help: the slot is given up with this reason.
    pub const fn is_final(self) -> bool {
        matches!(self, FailureKind::NotSupported | FailureKind::NotHeld)
    }
}

impl std::fmt::Display for FailureKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.code())
    }
}

/// A cause with what a person needs to act on it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct Failure {
    /// The cause.
    pub kind: FailureKind,
    /// What was seen: error bits by name, the foreign address, how many bytes. One lowercase fragment.
    pub detail: String,
    /// Bytes received that led to it, for the dissector; at most one frame.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bytes: Vec<u8>,
}

impl Failure {
    /// A failure without bytes.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), bytes: Vec::new() }
    }
    /// The same failure with the bytes that led to it.
    pub fn with_bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes = bytes.to_vec();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::FailureKind;

    #[test]
    fn every_cause_is_found_by_its_code() {
        for kind in FailureKind::ALL {
            assert_eq!(FailureKind::from_code(kind.code()), Some(kind));
        }
    }
}
