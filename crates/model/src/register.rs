//! The table of registers: OBIS code, readable alias, unit, and what is physically possible.
//!
//! The table is data: `config/registers.toml`. Protocols map their own identifiers to these codes in files of their own.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::{Obis, Unit};

/// How a register behaves over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisterKind {
    /// Only grows, until it rolls over.
    Counter,
    /// Grows and shrinks (combined energies, balances).
    Balance,
    /// A value of the moment.
    Gauge,
    /// Highest value since the last settlement.
    Demand,
}

/// One register of the table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// Its code.
    pub obis: Obis,
    /// Its readable alias, as `import_active_total`.
    pub alias: String,
    /// Its unit.
    pub unit: Unit,
    /// How it behaves.
    pub kind: RegisterKind,
    /// English name.
    pub en: String,
    /// Chinese name.
    pub zh: String,
}

/// What is wrong with a table of registers.
#[derive(Debug, thiserror::Error)]
pub enum RegisterTableError {
    /// Not TOML, or a field missing, unknown or of the wrong kind.
    #[error("table of registers is not readable")]
    Syntax(#[from] toml::de::Error),
    /// Two rows with one code or one alias.
    #[error("register {name} stands twice in the table")]
    Twice {
        /// The code or alias.
        name: String,
    },
}

/// The table, by code and by alias.
#[derive(Debug)]
pub struct RegisterTable {
    rows: Vec<Register>,
    by_name: HashMap<String, usize>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    register: Vec<Register>,
}

impl RegisterTable {
    /// Reads a table in the format of `config/registers.toml`.
    pub fn parse(text: &str) -> Result<Self, RegisterTableError> {
        let File { register: rows } = toml::from_str(text)?;
        let mut by_name = HashMap::new();
        for (row, register) in rows.iter().enumerate() {
            for name in [register.alias.clone(), register.obis.to_string()] {
                if by_name.insert(name.clone(), row).is_some() {
                    return Err(RegisterTableError::Twice { name });
                }
            }
        }
        Ok(Self { rows, by_name })
    }
    /// Every row, in the order of the file.
    pub fn all(&self) -> &[Register] {
        &self.rows
    }
    /// The row of a code.
    pub fn get(&self, obis: Obis) -> Option<&Register> {
        self.by_name(&obis.to_string())
    }
    /// The row whose alias or code is `name`.
    pub fn by_name(&self, name: &str) -> Option<&Register> {
        self.by_name.get(name).and_then(|&row| self.rows.get(row))
    }
    /// The alias of a code, or the code itself where the table has none.
    pub fn name_of(&self, obis: Obis) -> String {
        self.get(obis).map_or_else(|| obis.to_string(), |r| r.alias.clone())
    }
}

/// The table that ships with `hes`.
pub fn registers() -> &'static RegisterTable {
    static TABLE: LazyLock<RegisterTable> = LazyLock::new(|| {
        RegisterTable::parse(include_str!("../../../config/registers.toml"))
            .expect("config/registers.toml is checked by a test")
    });
    &TABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_table_is_readable_and_names_resolve_both_ways() {
        for register in registers().all() {
            assert_eq!(registers().by_name(&register.alias), registers().get(register.obis));
        }
        assert_eq!(registers().name_of("1.0.1.8.0.255".parse().unwrap()), "import_active_total");
    }

    #[test]
    fn a_repeated_alias_is_named() {
        let row = "[[register]]\nobis='1.0.1.8.0.255'\nalias='a'\nunit='kWh'\nkind='counter'\nen='x'\nzh='x'\n";
        let twice = format!("{row}{}", row.replace("1.8.0", "2.8.0"));
        assert_eq!(RegisterTable::parse(&twice).unwrap_err().to_string(), "register a stands twice in the table");
    }
}
