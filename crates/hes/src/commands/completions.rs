//! `hes completions`: completion scripts for shells.

use clap::Args;
use clap_complete::{Shell, generate};

use crate::cli::localised;
use crate::exit::Exit;
use crate::text::help;

#[derive(Debug, Args)]
pub(crate) struct Completions {
    #[arg(value_name = "SHELL", help = help::shell())]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        // Into memory first: the generator panics when its reader goes away.
        let mut script = Vec::new();
        generate(self.shell, &mut localised(), "hes", &mut script);
        std::io::Write::write_all(&mut std::io::stdout().lock(), &script)?;
        Ok(Exit::Done)
    }
}
