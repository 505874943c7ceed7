//! A read without any server: one line, one meter, this program.

use clap::Args;
use hes_api::dto::reads::ReadClock;
use hes_dissect::{Item, item_values};
use hes_driver::dlt645::DataId;
use hes_driver::dlt645::direct::{Found, ItemAnswer, detect, read_address, read_item};
use hes_driver::{Model, Outcome, perform};
use hes_model::{
    CommAddress, ExchangeProof, Failure, FailureKind, MeterSpec, ModelName, Obis, Observation, Observed, Protocol,
    UtcMicros,
};
use hes_transport::DirectLink;
use jiff::tz::TimeZone;

use super::answer::{Answer, Missing, Value};
use super::what::{Chosen, WhatArgs, named_or_usual};
use crate::cli::{Common, on_one_thread};
use crate::commands::dissected;
use crate::commands::raw::{exchange_document, protocol, show_exchange};
use crate::direct::{DirectTarget, World};
use crate::exit::{Exit, UsageError};
use crate::output::{Output, Tone};
use crate::settings::Zone;
use crate::text::{help, say, told};

/// Digits of a whole address: what tells an address from a data item.
const ADDRESS_DIGITS: usize = CommAddress::DIGITS;

/// How the meter is reached without a server.
#[derive(Debug, Args)]
pub(crate) struct DirectArgs {
    #[arg(long, value_name = "TARGET", help = help::direct(), long_help = help::direct_long())]
    direct: Option<DirectTarget>,
    #[arg(long, value_name = "ADDRESS", requires = "direct", help = help::direct_address())]
    address: Option<CommAddress>,
    #[arg(long, value_name = "PROTOCOL", requires = "direct", value_parser = protocol, help = help::protocol())]
    protocol: Option<Protocol>,
    #[arg(long, value_name = "MODEL", requires = "direct", help = help::direct_model())]
    model: Option<ModelName>,
    #[arg(short, long, requires = "direct", help = help::direct_verbose())]
    verbose: bool,
}

/// What is asked, sorted by how it is asked.
#[derive(Debug)]
struct Asked {
    chosen: Chosen,
    registers: Vec<Obis>,
    items: Vec<DataId>,
}

/// One data item and what came of asking for it.
#[derive(Debug)]
struct ItemRead {
    item: DataId,
    answer: Result<ItemAnswer, Failure>,
}

/// Everything that was said on the line.
#[derive(Debug, Default)]
struct Heard {
    exchanges: Vec<ExchangeProof>,
    answer: Answer,
    items: Vec<(DataId, Vec<Item>)>,
    refused: Vec<(DataId, String)>,
    hint: Option<String>,
}

impl DirectArgs {
    /// Whether a line was named.
    pub(super) fn is_given(&self) -> bool {
        self.direct.is_some()
    }

    /// Opens the line, finds the meter, asks it.
    pub(super) fn read(&self, common: &Common, names: &[String], what: &WhatArgs) -> anyhow::Result<Exit> {
        let Some(target) = &self.direct else { return Err(UsageError(say::read_of_what()).into()) };
        let settings = common.settings()?;
        let (address, names) = self.address_of(names)?;
        let asked = asked(names, what.chosen(settings.zone.time_zone())?)?;
        let bar = common.progress().waiting(say::asking());
        let mut world = target.world(settings.zone.time_zone().clone());
        let (meter, items) = on_one_thread(async {
            let mut link = target.open(&settings).await?;
            let spoken = self.ask(address, &asked, &mut link, &mut world).await;
            link.close().await;
            Ok(spoken)
        })?;
        bar.finish_and_clear();
        let mut heard = heard(world.into_outcomes(), &asked, settings.zone.time_zone());
        let meter = match meter {
            Ok(meter) => Some(meter),
            Err(failure) => {
                heard.answer.missing.push(Missing { register: None, slot: None, failure });
                None
            }
        };
        for ItemRead { item, answer } in items {
            match answer {
                // The data of all frames: a value may begin in one and end in the next.
                Ok(ItemAnswer::Data { data, .. }) => heard.items.push((item, item_values(item, &data))),
                Ok(ItemAnswer::Refused { errors }) => heard.refused.push((item, errors.to_string())),
                Err(failure) => heard.refused.push((item, failure.to_string())),
            }
        }
        if heard.exchanges.is_empty()
            && heard.answer.missing.iter().any(|missing| missing.failure.kind == FailureKind::NoReply)
        {
            heard.hint = Some(say::nobody_there(target.line()));
        }
        let out = common.output();
        if out.is_json() {
            out.document(&document(meter.as_ref(), &heard))?;
        } else {
            show(out, meter.as_ref(), &heard, self.verbose.then_some(&settings.zone))?;
        }
        Ok(exit(&heard))
    }

    /// The address: an option, or twelve digits in front of the registers.
    fn address_of<'n>(&self, names: &'n [String]) -> anyhow::Result<(Option<CommAddress>, &'n [String])> {
        match names.split_first() {
            Some((first, rest)) if first.len() == ADDRESS_DIGITS && first.bytes().all(|b| b.is_ascii_digit()) => {
                if self.address.is_some() {
                    return Err(UsageError(say::address_twice()).into());
                }
                let address = first.parse().map_err(|error| UsageError(format!("{first}: {error}")))?;
                Ok((Some(address), rest))
            }
            _ => Ok((self.address, names)),
        }
    }

    /// One conversation: who is there, then the registers, then the data items. A failure ends what it concerns.
    async fn ask(
        &self,
        address: Option<CommAddress>,
        asked: &Asked,
        link: &mut DirectLink,
        world: &mut World,
    ) -> (Result<MeterSpec, Failure>, Vec<ItemRead>) {
        let meter = match self.meter(address, link, world).await {
            Ok(meter) => meter,
            Err(failure) => return (Err(failure), Vec::new()),
        };
        let mut spoken = Ok(());
        if !asked.registers.is_empty() || asked.chosen == Chosen::Clock {
            let request = WhatArgs::for_driver(asked.chosen.clone(), asked.registers.clone());
            spoken = perform(&meter, &request, link, world).await;
        }
        let mut items = Vec::new();
        for &item in &asked.items {
            let answer = read_item(&meter, item, link, world).await;
            items.push(ItemRead { item, answer });
        }
        (spoken.map(|()| meter), items)
    }

    /// The meter to ask: as given, else whoever is alone on the line.
    async fn meter(
        &self,
        address: Option<CommAddress>,
        link: &mut DirectLink,
        world: &mut World,
    ) -> Result<MeterSpec, Failure> {
        let (protocol, address) = match (address, self.protocol) {
            (Some(address), protocol) => (protocol.unwrap_or(Protocol::Dlt645v2007), address),
            (None, Some(Protocol::Dlt645v2007)) => (Protocol::Dlt645v2007, read_address(link, world).await?),
            (None, _) => {
                let Found { protocol, address } = detect(link, world).await?;
                let unsaid = || Failure::new(FailureKind::WrongAddress, say::address_not_told());
                (protocol, address.ok_or_else(unsaid)?)
            }
        };
        let model = self.model.clone().unwrap_or_else(|| Model::generic(protocol));
        Ok(MeterSpec { protocol, address, model, password: None })
    }
}

/// Sorts names into registers and data items.
fn asked(names: &[String], chosen: Chosen) -> anyhow::Result<Asked> {
    let mut registers = Vec::new();
    let mut items = Vec::new();
    for name in names {
        match name.parse::<DataId>() {
            Ok(item) if chosen == Chosen::Instant => items.push(item),
            _ => registers.push(name.clone()),
        }
    }
    let usual = registers.is_empty() && items.is_empty();
    let registers = if usual || !registers.is_empty() { named_or_usual(&registers, &chosen)? } else { Vec::new() };
    Ok(Asked { chosen, registers, items })
}

/// Sorts what was said. A block brings registers nobody asked for; they are left out.
fn heard(outcomes: Vec<Outcome>, asked: &Asked, zone: &TimeZone) -> Heard {
    let mut heard = Heard::default();
    for outcome in outcomes {
        match outcome {
            Outcome::Exchange(proof) => heard.exchanges.push(proof),
            Outcome::Value(value) if asked.registers.contains(&value.register) => {
                heard.answer.values.push(read_value(value))
            }
            Outcome::Value(_) => {}
            Outcome::Missing { register, slot, failure } => {
                let slot = slot.map(|slot| slot.0.to_string());
                heard.answer.missing.push(Missing { register, slot, failure });
            }
            Outcome::Clock { meter, at, .. } => {
                // A civil time that the zone skips or repeats is taken as the zone's rules compromise.
                if let Ok(shown) = zone.to_timestamp(meter.0) {
                    let offset_ms = UtcMicros::from(shown).since(at) / 1000;
                    heard.answer.clock = Some(ReadClock { meter_clock: meter, at, offset_ms });
                }
            }
        }
    }
    heard
}

fn read_value(observation: Observation) -> Value {
    let (quantity, no_value) = match observation.value {
        Observed::Number(quantity) => (Some(quantity), None),
        Observed::None(reason) => (None, Some(reason)),
    };
    Value {
        register: observation.register,
        alias: hes_model::registers().name_of(observation.register),
        series: observation.series.code(),
        slot: observation.slot.map(|slot| slot.0.to_string()),
        quantity,
        no_value,
        occurred: observation.occurred,
        rules: None,
        seq: None,
    }
}

fn exit(heard: &Heard) -> Exit {
    let of_items = match (heard.items.is_empty(), heard.refused.is_empty()) {
        (true, true) => return heard.answer.exit(),
        (false, true) => Exit::Done,
        (true, false) => Exit::Failed,
        (false, false) => Exit::Partly,
    };
    match (heard.answer.is_empty(), heard.answer.exit(), of_items) {
        (true, _, of_items) => of_items,
        (false, Exit::Done, Exit::Done) => Exit::Done,
        (false, Exit::Failed, Exit::Failed) => Exit::Failed,
        _ => Exit::Partly,
    }
}

/// What was read; with a zone, also everything that was said on the line, by its time there.
fn show(out: Output, meter: Option<&MeterSpec>, heard: &Heard, said: Option<&Zone>) -> anyhow::Result<()> {
    let name = match meter {
        Some(meter) => {
            out.toned(Tone::Head, format_args!("{} {}", meter.protocol, meter.address))?;
            meter.address.to_string()
        }
        None => say::the_meter(),
    };
    heard.answer.show(out, &name)?;
    for (item, values) in &heard.items {
        out.toned(Tone::Head, item)?;
        out.table(&dissected::values(values))?;
    }
    for (item, why) in &heard.refused {
        out.toned(Tone::Bad, format_args!("{item}: {}", told(why)))?;
    }
    if let Some(hint) = &heard.hint {
        out.toned(Tone::Faint, hint)?;
    }
    if let Some(zone) = said {
        for exchange in &heard.exchanges {
            out.line("")?;
            show_exchange(out, zone, exchange)?;
        }
    }
    Ok(())
}

fn document(meter: Option<&MeterSpec>, heard: &Heard) -> serde_json::Value {
    let items: Vec<_> = heard
        .items
        .iter()
        .map(|(item, values)| serde_json::json!({ "di": item.to_string(), "items": values }))
        .chain(heard.refused.iter().map(|(item, why)| serde_json::json!({ "di": item.to_string(), "error": why })))
        .collect();
    serde_json::json!({
        "meter": meter.map(|meter| serde_json::json!({ "protocol": meter.protocol, "address": meter.address })),
        "values": heard.answer.values,
        "failures": heard.answer.missing,
        "clock": heard.answer.clock,
        "items": items,
        "exchanges": heard.exchanges.iter().map(exchange_document).collect::<Vec<_>>(),
    })
}
