//! `hes meter`: the archive's meters.

use clap::{Args, Subcommand};
use hes_api::dto::archive::{MeterDetail, MeterRow, Replacement};
use hes_model::{AreaCode, ChannelName, CommAddress, GroupName, MeterNo, MeterState, ModelName, Protocol};

use crate::cli::{Common, on_one_thread};
use crate::commands::archive::{Import, list, or_dash};
use crate::commands::raw::protocol;
use crate::day::Day;
use crate::exit::Exit;
use crate::output::{Output, Table, Tone, left, right};
use crate::text::{column, help, say};

#[derive(Debug, Subcommand)]
pub(crate) enum MeterCommand {
    #[command(about = help::meter_import(), long_about = help::meter_import_long())]
    Import(Import),
    #[command(about = help::meter_list())]
    List(List),
    #[command(about = help::meter_show())]
    Show {
        #[arg(value_name = "METER", help = help::meter_no())]
        meter: MeterNo,
    },
    #[command(about = help::meter_replace(), long_about = help::meter_replace_long())]
    Replace(Replace),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[arg(long, value_name = "CODE", help = help::meter_list_area())]
    area: Option<AreaCode>,
    #[arg(long, value_name = "CHANNEL", help = help::meter_list_channel())]
    channel: Option<ChannelName>,
    #[arg(long, value_name = "GROUP", help = help::meter_list_group())]
    group: Option<GroupName>,
}

#[derive(Debug, Args)]
pub(crate) struct Replace {
    #[arg(value_name = "OLD", help = help::meter_no())]
    old: MeterNo,
    #[arg(value_name = "NEW", help = help::replace_new())]
    new: MeterNo,
    #[arg(long, value_name = "ADDRESS", help = help::replace_address())]
    address: CommAddress,
    #[arg(long, value_name = "DAY", default_value = "today", help = help::replace_on())]
    on: Day,
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol, help = help::replace_protocol())]
    protocol: Option<Protocol>,
    #[arg(long, value_name = "MODEL", help = help::replace_model())]
    model: Option<ModelName>,
    #[arg(long, value_name = "FACTOR", help = help::replace_ct())]
    ct: Option<u32>,
    #[arg(long, value_name = "FACTOR", help = help::replace_pt())]
    pt: Option<u32>,
}

impl Replace {
    fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let zone = common.settings()?.zone;
        let client = common.client()?;
        let replacement = Replacement {
            meter_no: self.new,
            address: self.address,
            from: Some(self.on.date(zone.time_zone())),
            protocol: self.protocol,
            model: self.model,
            ct: self.ct,
            pt: self.pt,
            // A password on a command line would stand in the shell's history; an import takes it from a file.
            password: None,
        };
        let path = ["meters", self.old.as_str(), "replacement"];
        let detail: MeterDetail = on_one_thread(client.post(&path, &replacement))?;
        show(common.output(), &detail)?;
        Ok(Exit::Done)
    }
}

impl MeterCommand {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        match self {
            MeterCommand::Import(import) => import.run(common, "meters"),
            MeterCommand::List(list) => list.run(common),
            MeterCommand::Replace(replace) => replace.run(common),
            MeterCommand::Show { meter } => {
                let client = common.client()?;
                let detail: MeterDetail = on_one_thread(client.get(&["meters", meter.as_str()], &[]))?;
                show(common.output(), &detail)?;
                Ok(Exit::Done)
            }
        }
    }
}

impl List {
    fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let query: Vec<(&str, String)> = [
            ("area", self.area.map(String::from)),
            ("channel", self.channel.map(String::from)),
            ("group", self.group.map(String::from)),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect();
        let columns = [
            column::meter(),
            column::address(),
            column::protocol(),
            column::model(),
            column::channel(),
            column::area(),
            column::service_point(),
            column::state(),
        ];
        list(common, &["meters"], &query, Table::new(columns.map(left)), |table, row: MeterRow| {
            let tone = if row.state == MeterState::Active { Tone::Plain } else { Tone::Faint };
            table.row(
                tone,
                [
                    row.meter_no.to_string(),
                    row.address.to_string(),
                    row.protocol.to_string(),
                    row.model.to_string(),
                    or_dash(row.channel),
                    or_dash(row.area),
                    or_dash(row.service_point),
                    state(row.state),
                ],
            );
        })
    }
}

fn state(state: MeterState) -> String {
    match state {
        MeterState::NotCommissioned => say::state_not_commissioned(),
        MeterState::Active => say::state_active(),
        MeterState::Suspended => say::state_suspended(),
        MeterState::Retired => say::state_retired(),
    }
}

/// A meter and where it was.
pub(crate) fn show(out: Output, detail: &MeterDetail) -> anyhow::Result<()> {
    if out.is_json() {
        return out.document(detail);
    }
    let meter = &detail.meter;
    let groups: Vec<&str> = meter.groups.iter().map(|group| group.as_str()).collect();
    let mut facts = Table::new([left(column::meter()), left(meter.meter_no.to_string())]);
    for (name, value) in [
        (column::protocol(), meter.protocol.to_string()),
        (column::address(), meter.address.to_string()),
        (column::model(), meter.model.to_string()),
        (column::channel(), or_dash(meter.channel.as_ref())),
        (column::state(), state(meter.state)),
        (column::groups(), if groups.is_empty() { "-".to_owned() } else { groups.join(";") }),
        (column::area(), or_dash(meter.area.as_ref())),
        (column::customer(), or_dash(meter.customer.as_ref())),
        (column::customer_name(), or_dash(meter.customer_name.as_ref())),
    ] {
        facts.row(Tone::Plain, [name, value]);
    }
    out.table(&facts)?;
    out.line("")?;
    let mut stays = Table::new([
        left(column::service_point()),
        left(column::from()),
        left(column::until()),
        right("CT".to_owned()),
        right("PT".to_owned()),
    ]);
    for stay in &detail.installations {
        let tone = if stay.until.is_none() { Tone::Plain } else { Tone::Faint };
        let cells = [
            stay.service_point.to_string(),
            stay.from.to_string(),
            or_dash(stay.until),
            stay.ct.to_string(),
            stay.pt.to_string(),
        ];
        stays.row(tone, cells);
    }
    out.table(&stays)
}
