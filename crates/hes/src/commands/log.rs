//! `hes log`: how much of the channels' frames a running server logs.

use clap::Subcommand;
use hes_api::dto::live::{LogLevels, SetLogLevel};
use hes_model::{ChannelName, DecodeLevel};

use crate::cli::{Common, on_one_thread};
use crate::exit::Exit;
use crate::output::{Table, Tone, left};
use crate::text::{column, help, say};

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    #[command(about = help::log_level(), long_about = help::log_level_long())]
    Level {
        #[arg(value_name = "LEVEL", value_parser = level, help = help::log_level_level())]
        level: Option<DecodeLevel>,
        #[arg(long, value_name = "CHANNEL", requires = "level", help = help::log_level_channel())]
        channel: Option<ChannelName>,
    },
}

fn level(code: &str) -> Result<DecodeLevel, String> {
    DecodeLevel::from_code(code).ok_or_else(say::level_unknown)
}

impl LogCommand {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let LogCommand::Level { level, channel } = self;
        let client = common.client()?;
        let levels: LogLevels = on_one_thread(async {
            match level {
                Some(level) => client.put(&["log-levels"], &SetLogLevel { channel, level }).await,
                None => client.get(&["log-levels"], &[]).await,
            }
        })?;
        let out = common.output();
        if out.is_json() {
            out.document(&levels)?;
            return Ok(Exit::Done);
        }
        let mut table = Table::new([left(column::channel()), left(column::level())]);
        for (channel, level) in &levels.channels {
            table.row(Tone::Warn, [channel.to_string(), level.to_string()]);
        }
        table.row(Tone::Plain, [say::all_others(), levels.others.to_string()]);
        out.table(&table)?;
        Ok(Exit::Done)
    }
}
