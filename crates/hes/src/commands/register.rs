//! `hes register`: which registers there are, and how they are called on the command line.

use clap::Subcommand;
use hes_model::{Obis, Register, RegisterKind, registers};

use crate::cli::Common;
use crate::exit::Exit;
use crate::output::{Table, Tone, left};
use crate::text::{Language, column, help, language, say};

#[derive(Debug, Subcommand)]
pub(crate) enum RegisterCommand {
    #[command(about = help::register_list())]
    List,
}

impl RegisterCommand {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let RegisterCommand::List = self;
        let out = common.output();
        if out.is_json() {
            out.document(registers().all())?;
            return Ok(Exit::Done);
        }
        let columns = [column::register(), column::obis(), column::unit(), column::kind(), column::name()];
        let mut table = Table::new(columns.map(left));
        for register in registers().all() {
            table.row(
                Tone::Plain,
                [
                    register.alias.clone(),
                    register.obis.to_string(),
                    register.unit.symbol().to_owned(),
                    kind(register.kind),
                    name(register).to_owned(),
                ],
            );
        }
        out.table(&table)?;
        Ok(Exit::Done)
    }
}

fn kind(kind: RegisterKind) -> String {
    match kind {
        RegisterKind::Counter => say::kind_counter(),
        RegisterKind::Balance => say::kind_balance(),
        RegisterKind::Gauge => say::kind_gauge(),
        RegisterKind::Demand => say::kind_demand(),
    }
}

/// A register's name in the chosen language.
pub(crate) fn name(register: &Register) -> &str {
    match language() {
        Language::English => &register.en,
        Language::Chinese => &register.zh,
    }
}

/// A register given by alias or by OBIS code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RegisterArg(pub(crate) Obis);

impl std::str::FromStr for RegisterArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match registers().by_name(text) {
            Some(register) => Ok(Self(register.obis)),
            None => Err(say::register_unknown(text)),
        }
    }
}
