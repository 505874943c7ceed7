//! Profiles of meter models: what a model holds, how far back, and where it departs from the standard.
//!
//! The profiles are data, `config/meters/*.toml`, and part of the program: a model nobody wrote a profile for is used
//! under the generic one of its protocol.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hes_model::{MeterSpec, ModelName, Protocol};

/// Profiles that ship with `hes`: the name is the file's.
const SHIPPED: [(&str, &str); 4] = [
    ("generic-2007", include_str!("../../../config/meters/generic-2007.toml")),
    ("one-by-one-2007", include_str!("../../../config/meters/one-by-one-2007.toml")),
    ("wildcard-answers-2007", include_str!("../../../config/meters/wildcard-answers-2007.toml")),
    ("generic-1997", include_str!("../../../config/meters/generic-1997.toml")),
];

/// Why a meter has no usable profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// No profile of that name.
    #[error("no meter model is named {name}; known: {known}")]
    Unknown {
        /// What was asked for.
        name: ModelName,
        /// The names there are.
        known: String,
    },
    /// The profile is for another protocol than the meter speaks.
    #[error("meter model {name} speaks {profile}, the meter {meter}")]
    Protocol {
        /// The model.
        name: ModelName,
        /// Of the profile.
        profile: Protocol,
        /// Of the meter.
        meter: Protocol,
    },
}

/// A known departure from the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quirk {
    /// Answers carry the wildcard address AA×6 instead of the meter's own, whatever was asked.
    AnswersFromWildcard,
}

/// Whether values that differ in one place of their identifier are asked for together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blocks {
    /// By a block identifier, FF in that place.
    Together,
    /// Each by its own identifier.
    OneByOne,
}

/// How a daily freeze is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreezeForm {
    /// Freeze time and all values in one answer.
    Block,
    /// Freeze time and each value by its own identifier.
    Items,
}

/// Daily freezes of a model.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DailyFreeze {
    /// How many are kept.
    pub depth_days: u8,
    /// How they are read.
    pub form: FreezeForm,
}

/// Settlements of a model.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// How many are kept.
    pub depth: u8,
    /// Day of the month, where the meter does not tell.
    pub settlement_day: i8,
    /// Hour of that day, where the meter does not tell.
    pub settlement_hour: i8,
}

/// Load profile of a model.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadProfile {
    /// How far back it reaches.
    pub depth_days: u16,
    /// How many records are asked for at a time.
    pub records_per_request: u8,
}

/// A meter model's profile.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What it speaks.
    pub protocol: Protocol,
    /// English name.
    pub en: String,
    /// Chinese name.
    pub zh: String,
    /// Whether blocks are used.
    pub blocks: Blocks,
    /// Departures from the standard.
    pub quirks: Vec<Quirk>,
    /// Daily freezes; none where absent.
    pub daily: Option<DailyFreeze>,
    /// Settlements; none where absent.
    pub monthly: Option<Settlement>,
    /// Load profile; none where absent.
    pub profile: Option<LoadProfile>,
}

impl Model {
    /// Reads a profile in the format of `config/meters/generic-2007.toml`.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
    /// The profile of this meter's model.
    pub fn of(meter: &MeterSpec) -> Result<&'static Self, ModelError> {
        let name = &meter.model;
        let model = shipped().get(name).ok_or_else(|| ModelError::Unknown { name: name.clone(), known: known() })?;
        if model.protocol != meter.protocol {
            return Err(ModelError::Protocol { name: name.clone(), profile: model.protocol, meter: meter.protocol });
        }
        Ok(model)
    }
    /// The generic model of a protocol.
    pub fn generic(protocol: Protocol) -> ModelName {
        let name = match protocol {
            Protocol::Dlt645v2007 => "generic-2007",
            Protocol::Dlt645v1997 => "generic-1997",
        };
        ModelName::new(name).expect("a literal without white space")
    }
    /// Every model that has a profile, by name.
    pub fn all() -> impl Iterator<Item = (&'static ModelName, &'static Model)> {
        shipped().iter()
    }
    /// Whether it has a quirk.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }
}

fn shipped() -> &'static BTreeMap<ModelName, Model> {
    static MODELS: LazyLock<BTreeMap<ModelName, Model>> = LazyLock::new(|| {
        SHIPPED
            .into_iter()
            .map(|(name, text)| {
                let name = ModelName::new(name).expect("a literal without white space");
                (name, Model::parse(text).expect("config/meters is checked by a test"))
            })
            .collect()
    });
    &MODELS
}

fn known() -> String {
    shipped().keys().map(ModelName::as_str).collect::<Vec<_>>().join(", ")
}

/// What a meter can be asked for, for planning. Zero means never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// Daily freezes held, the newest counted.
    pub daily_depth_days: u16,
    /// Settlements held, the newest counted.
    pub monthly_depth: u16,
    /// How far back the load profile reaches.
    pub interval_depth_days: u16,
}

/// What this meter can be asked for, by its model's profile.
pub fn capabilities(meter: &MeterSpec) -> Result<Capabilities, ModelError> {
    let model = Model::of(meter)?;
    Ok(Capabilities {
        daily_depth_days: model.daily.as_ref().map_or(0, |d| u16::from(d.depth_days)),
        monthly_depth: model.monthly.as_ref().map_or(0, |m| u16::from(m.depth)),
        interval_depth_days: model.profile.as_ref().map_or(0, |p| p.depth_days),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(protocol: Protocol, model: &str) -> MeterSpec {
        let address = "161".parse().unwrap();
        MeterSpec { protocol, address, model: ModelName::new(model).unwrap(), password: None }
    }

    #[test]
    fn every_protocol_has_its_generic_model_and_every_profile_is_readable() {
        for protocol in Protocol::ALL {
            let meter = spec(protocol, Model::generic(protocol).as_str());
            assert_eq!(Model::of(&meter).unwrap().protocol, protocol);
        }
        assert_eq!(Model::all().count(), SHIPPED.len());
    }

    #[test]
    fn depths_come_from_the_profile() {
        let new = capabilities(&spec(Protocol::Dlt645v2007, "generic-2007")).unwrap();
        assert_eq!((new.daily_depth_days, new.monthly_depth), (62, 12));
        let old = capabilities(&spec(Protocol::Dlt645v1997, "generic-1997")).unwrap();
        assert_eq!((old.daily_depth_days, old.monthly_depth, old.interval_depth_days), (0, 2, 0));
    }

    #[test]
    fn an_unknown_model_is_refused_with_the_known_ones_and_a_wrong_protocol_by_name() {
        let unknown = Model::of(&spec(Protocol::Dlt645v2007, "acme")).unwrap_err();
        assert!(unknown.to_string().starts_with("no meter model is named acme; known: generic-1997, generic-2007, "));
        let wrong = Model::of(&spec(Protocol::Dlt645v1997, "generic-2007")).unwrap_err();
        assert!(matches!(wrong, ModelError::Protocol { .. }));
    }
}
