//! The file format of the tables, as it stands in `config/dlt645/`. Explained in the head of `items-2007.toml`.

use serde::Deserialize;

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    #[serde(default)]
    pub(super) dimension: Vec<DimensionSource>,
    #[serde(default)]
    pub(super) word: Vec<WordSource>,
    #[serde(default)]
    pub(super) load_class: Vec<LoadClassSource>,
    #[serde(default)]
    pub(super) tail: Vec<TailSource>,
    pub(super) item: Vec<ItemSource>,
}

/// Values that one place of an identification may take.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DimensionSource {
    pub(super) name: String,
    /// Hexadecimal values and ranges parted by commas, as `00-3F` or `0,4,8`.
    pub(super) values: String,
    /// The value that stands for all of them.
    pub(super) block: Option<String>,
    pub(super) role: Role,
    /// What is added to names; `{n}` is the value, and the last entry serves all further values.
    #[serde(default)]
    pub(super) suffix: Vec<String>,
    #[serde(default)]
    pub(super) en: Vec<String>,
    #[serde(default)]
    pub(super) zh: Vec<String>,
}

/// What a place of an identification tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    /// Which of several registers: tariff, phase, harmonic.
    List,
    /// How many settlements ago; the first value is now.
    Settlement,
    /// Which kind of freeze.
    FreezeKind,
    /// How many freezes ago.
    Freeze,
    /// How many events ago.
    Record,
    /// Which part of a compound.
    Part,
    /// Nothing that matters to what the bytes mean.
    Any,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WordSource {
    pub(super) name: String,
    pub(super) bytes: usize,
    pub(super) bits: Vec<BitSource>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BitSource {
    pub(super) bit: u8,
    #[serde(default = "one")]
    pub(super) width: u8,
    pub(super) name: String,
    #[serde(default)]
    pub(super) values: Vec<String>,
    pub(super) en: String,
    pub(super) zh: String,
}

fn one() -> u8 {
    1
}

/// What may follow the fields of an item.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TailSource {
    pub(super) name: String,
    pub(super) fields: Vec<FieldSource>,
}

/// One class of a load-profile record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoadClassSource {
    pub(super) fields: Vec<FieldSource>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemSource {
    /// Four places parted by blanks: each a hexadecimal value or the name of a dimension.
    pub(super) di: String,
    pub(super) name: String,
    pub(super) en: String,
    pub(super) zh: String,
    pub(super) format: Option<String>,
    #[serde(default)]
    pub(super) unit: String,
    #[serde(default)]
    pub(super) signed: bool,
    pub(super) obis: Option<ObisSource>,
    /// Several fields instead of one `format`.
    #[serde(default)]
    pub(super) fields: Vec<FieldSource>,
    /// The fields are repeated over this dimension to the end of the data.
    pub(super) repeat: Option<String>,
    /// Bytes after the fields are shown raw.
    #[serde(default)]
    pub(super) tail: bool,
    /// Bytes after the fields are read as this tail where they have its length, and shown raw otherwise.
    pub(super) then: Option<String>,
    /// The item is put together from the items of this dimension, in its place.
    pub(super) parts: Option<String>,
    /// What ends each part.
    pub(super) separator: Option<String>,
    /// The data is load-profile records.
    #[serde(default)]
    pub(super) load_profile: bool,
    /// The value is the moment at which what follows it in a compound was latched.
    #[serde(default)]
    pub(super) stamps: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldSource {
    pub(super) name: String,
    pub(super) format: String,
    #[serde(default)]
    pub(super) unit: String,
    #[serde(default)]
    pub(super) signed: bool,
    pub(super) obis: Option<ObisSource>,
    pub(super) en: String,
    pub(super) zh: String,
}

/// One code, in which `{n}` stands for the value of the list dimension, or one code for each of its values.
#[derive(Debug, Clone)]
pub(super) struct ObisSource(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for ObisSource {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> serde::de::Visitor<'de> for OneOrMany {
            type Value = ObisSource;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an OBIS code or a list of them")
            }
            fn visit_str<E>(self, code: &str) -> Result<ObisSource, E> {
                Ok(ObisSource(vec![code.to_owned()]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut codes: A) -> Result<ObisSource, A::Error> {
                let mut all = Vec::new();
                while let Some(code) = codes.next_element()? {
                    all.push(code);
                }
                Ok(ObisSource(all))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}
