//! `hes area`: transformer areas and who reads them.

use clap::Subcommand;
use hes_api::dto::archive::AreaRow;

use crate::cli::Common;
use crate::commands::archive::{Import, list, or_dash};
use crate::exit::Exit;
use crate::output::{Table, Tone, left};
use crate::text::{column, help};

#[derive(Debug, Subcommand)]
pub(crate) enum AreaCommand {
    #[command(about = help::area_import(), long_about = help::area_import_long())]
    Import(Import),
    #[command(about = help::area_list())]
    List,
}

impl AreaCommand {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        match self {
            AreaCommand::Import(import) => import.run(common, "areas"),
            AreaCommand::List => {
                let columns = [column::area(), column::name(), column::reader(), column::reader_name()];
                list(common, &["areas"], &[], Table::new(columns.map(left)), |table, row: AreaRow| {
                    let cells = [row.code.to_string(), row.name, or_dash(row.reader), or_dash(row.reader_name)];
                    table.row(Tone::Plain, cells);
                })
            }
        }
    }
}
