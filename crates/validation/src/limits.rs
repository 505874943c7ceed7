//! The limits of the rules, from `config/validation.toml`.

use std::collections::HashMap;
use std::time::Duration;

use hes_model::{ModelName, Obis, Quantity, Register, Series, Transformers, Unit, registers};
use serde::Deserialize;

/// What is wrong with a file of limits.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// Not TOML, or a field missing, unknown or of the wrong kind.
    #[error("limits of the plausibility rules are not readable")]
    Syntax(#[from] toml::de::Error),
    /// A bound that is no decimal number.
    #[error("range of {of}: {bound:?} is no decimal number")]
    Bound {
        /// The unit or register.
        of: String,
        /// What was given.
        bound: String,
    },
    /// A range whose minimum is above its maximum.
    #[error("range of {of}: the minimum is above the maximum")]
    Empty {
        /// The unit or register.
        of: String,
    },
    /// A register that is not in the table of registers.
    #[error("range of {register}: no such register")]
    Register {
        /// What was given.
        register: String,
    },
    /// A number outside its accepted range.
    #[error("{key} = {found} is not {accepted}")]
    Number {
        /// The key.
        key: &'static str,
        /// What was given.
        found: u64,
        /// What would be accepted.
        accepted: &'static str,
    },
}

/// What a meter's terminals can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// In watts, var or VA.
    pub max_watts: u32,
}

/// A closed range of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    min: Quantity,
    max: Quantity,
}

impl Range {
    pub(crate) fn contains(&self, value: &Quantity) -> bool {
        let same_unit = |bound: &Quantity| Quantity::new(bound.mantissa, bound.scale, value.unit);
        let not = |found: Option<std::cmp::Ordering>, wrong| found.is_some_and(|order| order != wrong);
        not(value.compare(&same_unit(&self.min)), std::cmp::Ordering::Less)
            && not(value.compare(&same_unit(&self.max)), std::cmp::Ordering::Greater)
    }
}

/// Typed limits of every rule.
#[derive(Debug, Clone)]
pub struct Limits {
    by_unit: HashMap<Unit, Range>,
    by_register: HashMap<Obis, Range>,
    by_model: HashMap<ModelName, Connection>,
    pub(crate) counter: Counter,
    connection: ConnectionDefaults,
    pub(crate) clock: Clock,
    pub(crate) tariffs: Tariffs,
    pub(crate) demand: Demand,
    identity: IdentityCheck,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counter {
    pub(crate) digits: u32,
    pub(crate) rollover_near_percent: u32,
}

impl Counter {
    /// One more than the highest mantissa.
    pub(crate) fn modulus(self) -> i64 {
        10_i64.saturating_pow(self.digits)
    }
}

#[derive(Debug, Clone, Copy)]
struct ConnectionDefaults {
    direct: Connection,
    behind_ct: Connection,
    behind_ct_and_pt: Connection,
    slack_minutes: u32,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clock {
    pub(crate) daily_max_offset_seconds: u32,
    pub(crate) interval_max_offset_percent: u32,
    pub(crate) future_max_seconds: u32,
    pub(crate) check_max_age_hours: u32,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityCheck {
    compare_number: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tariffs {
    pub(crate) extra_digits: u32,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Demand {
    pub(crate) max_age_days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    range: FileRanges,
    counter: Counter,
    connection: FileConnection,
    clock: Clock,
    tariffs: Tariffs,
    demand: Demand,
    identity: IdentityCheck,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRanges {
    #[serde(default)]
    unit: Vec<UnitRange>,
    #[serde(default)]
    register: Vec<RegisterRange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitRange {
    unit: Unit,
    min: String,
    max: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegisterRange {
    register: String,
    min: String,
    max: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileConnection {
    direct_max_watts: u32,
    behind_ct_max_watts: u32,
    behind_ct_and_pt_max_watts: u32,
    slack_minutes: u32,
    #[serde(default)]
    model: Vec<ModelConnection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelConnection {
    model: ModelName,
    max_watts: u32,
}

impl Limits {
    /// Reads limits in the format of `config/validation.toml`.
    pub fn parse(text: &str) -> Result<Self, LimitsError> {
        let file: File = toml::from_str(text)?;
        check_number("counter.digits", file.counter.digits, 4, 18, "4 to 18")?;
        check_number("counter.rollover_near_percent", file.counter.rollover_near_percent, 1, 50, "1 to 50")?;
        check_number(
            "clock.interval_max_offset_percent",
            file.clock.interval_max_offset_percent,
            1,
            100,
            "1 to 100 (percent of an interval)",
        )?;
        check_number("clock.check_max_age_hours", file.clock.check_max_age_hours, 1, 8760, "1 to 8760")?;
        let mut by_unit = HashMap::new();
        for row in file.range.unit {
            by_unit.insert(row.unit, range(row.unit.symbol(), row.unit, &row.min, &row.max)?);
        }
        let mut by_register = HashMap::new();
        for row in file.range.register {
            let register = registers()
                .by_name(&row.register)
                .ok_or_else(|| LimitsError::Register { register: row.register.clone() })?;
            by_register.insert(register.obis, range(&row.register, register.unit, &row.min, &row.max)?);
        }
        let connection = |max_watts| Connection { max_watts };
        Ok(Self {
            by_unit,
            by_register,
            by_model: file.connection.model.into_iter().map(|m| (m.model, connection(m.max_watts))).collect(),
            counter: file.counter,
            connection: ConnectionDefaults {
                direct: connection(file.connection.direct_max_watts),
                behind_ct: connection(file.connection.behind_ct_max_watts),
                behind_ct_and_pt: connection(file.connection.behind_ct_and_pt_max_watts),
                slack_minutes: file.connection.slack_minutes,
            },
            clock: file.clock,
            tariffs: file.tariffs,
            demand: file.demand,
            identity: file.identity,
        })
    }

    /// What a meter of this model, installed behind these transformers, can carry.
    pub fn connection(&self, model: &ModelName, transformers: Transformers) -> Connection {
        match (self.by_model.get(model), transformers) {
            (Some(connection), _) => *connection,
            (None, Transformers { ct: 0 | 1, pt: 0 | 1 }) => self.connection.direct,
            (None, Transformers { pt: 0 | 1, .. }) => self.connection.behind_ct,
            (None, _) => self.connection.behind_ct_and_pt,
        }
    }

    /// Whether a meter's clock is so far off that its values of a series belong to another time.
    pub fn is_too_far_off(&self, offset_seconds: i64, series: Series) -> bool {
        let offset = offset_seconds.unsigned_abs();
        match series {
            Series::Daily | Series::Monthly => offset > self.clock.daily_max_offset_seconds.into(),
            Series::Interval(minutes) => {
                offset.saturating_mul(100) > u64::from(minutes) * 60 * u64::from(self.clock.interval_max_offset_percent)
            }
            Series::Instant => false,
        }
    }

    /// How old a check of a meter's clock may be to convict its values.
    pub fn clock_check_max_age(&self) -> Duration {
        Duration::from_secs(3600 * u64::from(self.clock.check_max_age_hours))
    }

    /// Whether the number a meter tells of its own is to be that of the archive.
    pub fn compares_numbers(&self) -> bool {
        self.identity.compare_number
    }

    pub(crate) fn range(&self, register: &Register) -> Option<&Range> {
        self.by_register.get(&register.obis).or_else(|| self.by_unit.get(&register.unit))
    }

    pub(crate) fn slack_micros(&self) -> i64 {
        i64::from(self.connection.slack_minutes) * 60_000_000
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::parse(include_str!("../../../config/validation.toml"))
            .expect("config/validation.toml is checked by a test")
    }
}

fn range(of: &str, unit: Unit, min: &str, max: &str) -> Result<Range, LimitsError> {
    let bound = |text: &str| {
        Quantity::parse_decimal(text, unit)
            .map_err(|_| LimitsError::Bound { of: of.to_owned(), bound: text.to_owned() })
    };
    let range = Range { min: bound(min)?, max: bound(max)? };
    match range.min.compare(&range.max) {
        Some(std::cmp::Ordering::Greater) => Err(LimitsError::Empty { of: of.to_owned() }),
        _ => Ok(range),
    }
}

fn check_number(
    key: &'static str,
    found: u32,
    least: u32,
    most: u32,
    accepted: &'static str,
) -> Result<(), LimitsError> {
    if (least..=most).contains(&found) {
        Ok(())
    } else {
        Err(LimitsError::Number { key, found: found.into(), accepted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../config/validation.toml");

    #[test]
    fn the_shipped_limits_are_readable_and_cover_every_register_with_a_unit() {
        let limits = Limits::parse(SHIPPED).unwrap();
        for register in registers().all() {
            assert!(limits.range(register).is_some(), "{} has no range", register.alias);
        }
    }

    #[test]
    fn transformers_narrow_what_the_meter_can_see() {
        let limits = Limits::default();
        let of = |ct, pt| limits.connection(&ModelName::new("x").unwrap(), Transformers { ct, pt }).max_watts;
        assert!(of(1, 1) > of(100, 1));
        assert!(of(100, 1) > of(100, 100));
    }

    #[test]
    fn a_model_of_its_own_goes_before_the_defaults() {
        let text = format!("{SHIPPED}\n[[connection.model]]\nmodel = 'small'\nmax_watts = 15840\n");
        // The extra table must stand inside `connection`, wherever in the file: TOML allows it once, at the end.
        let limits = Limits::parse(&text).unwrap();
        assert_eq!(limits.connection(&ModelName::new("small").unwrap(), Transformers::DIRECT).max_watts, 15840);
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let with = |from: &str, to: &str| Limits::parse(&SHIPPED.replacen(from, to, 1)).unwrap_err().to_string();
        assert_eq!(with("min = \"45\"", "min = \"x\""), "range of Hz: \"x\" is no decimal number");
        assert_eq!(with("min = \"45\"", "min = \"56\""), "range of Hz: the minimum is above the maximum");
        assert_eq!(with("\"clock_battery_voltage\"", "\"nonsense\""), "range of nonsense: no such register");
        assert_eq!(with("digits = 8", "digits = 40"), "counter.digits = 40 is not 4 to 18");
    }
}
