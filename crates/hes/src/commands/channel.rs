//! `hes channel`: the shared media over which meters are reached.

use clap::Subcommand;
use hes_api::dto::archive::ChannelRow;
use hes_api::dto::live::{LinkState, UnknownDevice};
use hes_model::{Endpoint, Parity, Registration};

use crate::cli::Common;
use crate::commands::archive::{Import, list, or_dash};
use crate::exit::Exit;
use crate::output::{Table, Tone, left, right};
use crate::text::{column, help, say, told};

#[derive(Debug, Subcommand)]
pub(crate) enum ChannelCommand {
    #[command(about = help::channel_import(), long_about = help::channel_import_long())]
    Import(Import),
    #[command(about = help::channel_list())]
    List,
    #[command(about = help::channel_unknown())]
    Unknown,
}

impl ChannelCommand {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        match self {
            ChannelCommand::Import(import) => import.run(common, "channels"),
            ChannelCommand::List => channels(common),
            ChannelCommand::Unknown => unknown(common),
        }
    }
}

fn channels(common: &Common) -> anyhow::Result<Exit> {
    let table = Table::new([
        left(column::channel()),
        left(column::endpoint()),
        left(column::line_settings()),
        left(column::link()),
        right(column::silent_meters()),
        left(column::reason()),
    ]);
    list(common, &["channels"], &[], table, |table, row: ChannelRow| {
        let line = row.channel.line;
        let parity = match line.parity() {
            Parity::None => 'N',
            Parity::Even => 'E',
            Parity::Odd => 'O',
        };
        let live = row.live.as_ref();
        let cells = [
            row.channel.name.to_string(),
            endpoint(&row.channel.endpoint),
            format!("{} {}{parity}1", line.baud(), line.data_bits()),
            or_dash(live.map(|live| link(live.link))),
            or_dash(live.map(|live| live.silent_meters)),
            live.and_then(|live| live.why.as_ref()).map(told).unwrap_or_default(),
        ];
        table.row(live.map_or(Tone::Faint, |live| link_tone(live.link)), cells);
    })
}

/// Where a channel's bytes go, in one cell.
fn endpoint(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Serial { path } => format!("serial:{path}"),
        Endpoint::Dial { host, port } => format!("tcp:{host}:{port}"),
        Endpoint::DialIn(dial_in) => match &dial_in.registration {
            Registration::Packet(packet) => format!("dial_in packet:{packet}"),
            Registration::FirstFrame(address) => format!("dial_in frame:{address}"),
        },
    }
}

/// A link's state in words.
pub(crate) fn link(state: LinkState) -> String {
    match state {
        LinkState::Idle => say::link_idle(),
        LinkState::Connecting => say::link_connecting(),
        LinkState::Up => say::link_up(),
        LinkState::Down => say::link_down(),
    }
}

fn link_tone(state: LinkState) -> Tone {
    match state {
        LinkState::Idle => Tone::Plain,
        LinkState::Connecting => Tone::Warn,
        LinkState::Up => Tone::Good,
        LinkState::Down => Tone::Bad,
    }
}

fn unknown(common: &Common) -> anyhow::Result<Exit> {
    let zone = common.settings()?.zone;
    let table = Table::new([
        left(column::announced()),
        left(column::peer()),
        right(column::attempts()),
        left(column::first()),
        left(column::last()),
    ]);
    list(common, &["unknown-devices"], &[], table, |table, device: UnknownDevice| {
        let (first, last) = (zone.local(device.first_at), zone.local(device.last_at));
        table.row(Tone::Warn, [device.announced, device.peer, device.attempts.to_string(), first, last]);
    })
}
