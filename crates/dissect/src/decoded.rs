//! The shape of an explanation. Field names are the contract of `hes decode`.

use serde::Serialize;

/// What bytes mean, or why they mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Decoded {
    /// A good frame.
    Explained(Box<Explained>),
    /// Not one.
    Rejected(Rejected),
}

impl Decoded {
    /// Whether the bytes are a good frame.
    pub fn is_ok(&self) -> bool {
        matches!(self, Decoded::Explained(_))
    }
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// `false`.
    pub ok: bool,
    /// The stable kind, as `checksum`.
    pub error: &'static str,
    /// For a person, one lowercase fragment.
    pub detail: String,
}

impl Rejected {
    pub(crate) fn new(error: &'static str, detail: impl Into<String>) -> Self {
        Self { ok: false, error, detail: detail.into() }
    }
}

/// A good frame explained. What a frame does not have is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Explained {
    /// `true`.
    pub ok: bool,
    /// `dlt645-2007` or `dlt645-1997`.
    pub protocol: &'static str,
    /// `2007` or `1997`.
    pub version: &'static str,
    /// `down`: from a master; `up`: from a meter.
    pub direction: &'static str,
    /// What the frame is about: `read`, `write`, `control` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Label>,
    /// The header.
    pub link: Link,
    /// The data item, highest byte first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub di: Option<String>,
    /// Name of the data item in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub di_label: Option<Label>,
    /// A 1997 item under the reading code of 2007: seen in the field, answered with an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ctrl_11_with_2_byte_di: Option<String>,
    /// Values, in wire order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Item>>,
    /// Ends a block of 1997.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminator: Option<String>,
    /// Number of a follow-up frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u8>,
    /// More frames of this answer are to be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
    /// Load-profile records asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<u8>,
    /// From which time on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// A date that is the whole value of the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Its weekday as the meter says it, Sunday is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekday: Option<u8>,
    /// A time of day that is the whole value of the item, or the moment of a broadcast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// When a freeze was latched, to the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze_time: Option<String>,
    /// When to freeze: `MM-DD hh:mm`, stars for every.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze_at: Option<String>,
    /// A meter's address as data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Password level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pa: Option<String>,
    /// Password, highest byte first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Level of the new password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_pa: Option<String>,
    /// The new password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_password: Option<String>,
    /// Operator code, highest byte first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Relay control code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n1: Option<String>,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_label: Option<Label>,
    /// Reserved byte, or a time of later supplements.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n2: Option<String>,
    /// Until when a relay command counts, by the meter's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// The same bytes in wire order, where they are no moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until_raw: Option<String>,
    /// A value written, or data that is only shown, in wire order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// A speed, in bits a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baud: Option<u32>,
    /// The meter refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<bool>,
    /// Its error byte or word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub err: Option<String>,
    /// The bits that are set, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub err_bits: Option<Vec<&'static str>>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub err_labels: Option<Vec<Label>>,
    /// Every field, in wire order; together they are the whole input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<Field>>,
}

/// In words, in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Label {
    pub(crate) fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Twelve digits, highest first.
    pub address: String,
    /// Control byte.
    pub ctrl: String,
    /// Data bytes.
    pub len: usize,
    /// Wake-up bytes before the frame.
    pub wake_bytes: usize,
    /// Data in wire order, without mask.
    pub data: String,
}

/// One value of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The stable name.
    pub name: String,
    /// The value; `null` where there is none.
    pub value: Option<String>,
    /// Its unit; empty for none.
    pub unit: String,
    /// Why there is no value: `absent`, `not_bcd`, `no_such_time`, `malformed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_value: Option<&'static str>,
    /// OBIS code of the register.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obis: Option<String>,
    /// Which of the register's values in time, where it is not that of now: `settlement 1`, `daily freeze 1` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<String>,
    /// When the value occurred (maximum demands).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred: Option<String>,
    /// Why the moment it occurred is not shown: as `no_value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_no_value: Option<&'static str>,
    /// When it was latched (freezes, load-profile records).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latched: Option<String>,
    /// English label.
    pub en: String,
    /// Chinese label.
    pub zh: String,
    /// Its bytes in wire order, without mask.
    pub raw: String,
    /// Named bits of a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<Vec<Bit>>,
}

/// One or several bits of a word with one meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bit {
    /// The lowest bit; 0 is the lowest of the first byte sent.
    pub bit: u8,
    /// How many bits.
    pub width: u8,
    /// The stable name.
    pub name: String,
    /// The bits as a number.
    pub value: u64,
    /// What that means, where the table says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
    /// English label.
    pub en: String,
    /// Chinese label.
    pub zh: String,
}

/// One field of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// First byte, from 0.
    pub offset: usize,
    /// Bytes.
    pub len: usize,
    /// As on the wire.
    pub raw: String,
    /// Without the mask, for data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain: Option<String>,
    /// The stable name.
    pub name: String,
    /// What it says.
    pub value: String,
    /// English label.
    pub en: String,
    /// Chinese label.
    pub zh: String,
}
