//! `hes read`: one meter, now. Through the server's queue, or directly over a line of this machine.

mod answer;
mod direct;
mod server;
mod what;

use std::time::Duration;

use clap::Args;
use hes_model::MeterNo;

use crate::cli::Common;
use crate::exit::{Exit, UsageError};
use crate::text::{help, say};

use self::direct::DirectArgs;
use self::what::WhatArgs;

#[derive(Debug, Args)]
pub(crate) struct Read {
    #[arg(value_name = "METER|REGISTER", help = help::read_names())]
    names: Vec<String>,
    #[command(flatten)]
    what: WhatArgs,
    #[command(flatten)]
    direct: DirectArgs,
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600), help = help::read_wait())]
    wait: u64,
}

impl Read {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        if self.direct.is_given() {
            return self.direct.read(common, &self.names, &self.what);
        }
        let Some((meter, registers)) = self.names.split_first() else {
            return Err(UsageError(say::read_of_what()).into());
        };
        let meter: MeterNo = meter.parse().map_err(|error| UsageError(format!("{meter:?}: {error}")))?;
        let zone = common.settings()?.zone;
        let what = self.what.for_server(registers, zone.time_zone())?;
        server::read(common, meter, what, Duration::from_secs(self.wait))
    }
}
