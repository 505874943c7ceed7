//! What a meter said, for people and for programs: the same whichever way it was asked.

use hes_api::dto::reads::ReadClock;
use hes_model::{Failure, MeterClock, NoValue, Obis, Quantity, ReadingSeq, RuleId};
use serde::Serialize;

use crate::commands::archive::or_dash;
use crate::commands::evidence::no_value;
use crate::commands::report::{cause, seconds};
use crate::exit::Exit;
use crate::output::{Output, Table, Tone, left, right};
use crate::text::{column, say, told};

/// One value.
#[derive(Debug, Serialize)]
pub(super) struct Value {
    pub(super) register: Obis,
    pub(super) alias: String,
    /// `instant`, `daily`, `monthly`, `interval_15`…
    pub(super) series: String,
    /// The latch or interval time, civil; `None` for a value of now.
    pub(super) slot: Option<String>,
    pub(super) quantity: Option<Quantity>,
    pub(super) no_value: Option<NoValue>,
    /// When it occurred (a maximum demand), by the meter's clock.
    pub(super) occurred: Option<MeterClock>,
    /// `None` where nobody judged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rules: Option<Vec<RuleId>>,
    /// The stored version, for the evidence; `None` where nothing was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<ReadingSeq>,
}

impl Value {
    /// A number, or the meter's word that it has none, that broke no rule.
    fn is_good(&self) -> bool {
        let judged_good = self.rules.as_ref().is_none_or(Vec::is_empty);
        judged_good && matches!(self.no_value, None | Some(NoValue::Absent))
    }
}

/// Something that was not obtained.
#[derive(Debug, Serialize)]
pub(super) struct Missing {
    pub(super) register: Option<Obis>,
    pub(super) slot: Option<String>,
    #[serde(flatten)]
    pub(super) failure: Failure,
}

/// What came of asking one meter.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) values: Vec<Value>,
    pub(super) missing: Vec<Missing>,
    pub(super) clock: Option<ReadClock>,
}

impl Answer {
    /// Whether nothing was asked that could be answered here.
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.missing.is_empty() && self.clock.is_none()
    }

    /// Done when everything asked for is there and good, partly when some is.
    pub(super) fn exit(&self) -> Exit {
        let good = self.values.iter().filter(|value| value.is_good()).count();
        let obtained = good > 0 || self.clock.is_some();
        if good == self.values.len() && self.missing.is_empty() && obtained {
            Exit::Done
        } else if obtained {
            Exit::Partly
        } else {
            Exit::Failed
        }
    }

    /// Values as a table, then the clock, then what is missing and why.
    pub(super) fn show(&self, out: Output, meter: &str) -> anyhow::Result<()> {
        if !self.values.is_empty() {
            out.table(&table(&self.values))?;
        }
        if let Some(clock) = &self.clock {
            out.line(say::clock_of_meter(clock.meter_clock.0, seconds(clock.offset_ms)))?;
        }
        for Missing { register, slot, failure } in &self.missing {
            let register = register.map(|obis| hes_model::registers().name_of(obis));
            let about: Vec<String> = register.into_iter().chain(slot.clone()).collect();
            let about = if about.is_empty() { meter.to_owned() } else { about.join(" ") };
            out.toned(Tone::Bad, format_args!("{about}: {}: {}", cause(failure.kind.code()), told(&failure.detail)))?;
        }
        Ok(())
    }
}

fn table(values: &[Value]) -> Table {
    let mut table = Table::new([
        left(column::register()),
        left(column::slot()),
        right(column::value()),
        left(column::unit()),
        left(column::occurred()),
        left(column::quality()),
        right(column::seq()),
    ]);
    for value in values {
        let (number, unit) = match (&value.quantity, &value.no_value) {
            (Some(quantity), _) => (quantity.decimal().to_string(), quantity.unit.symbol().to_owned()),
            (None, reason) => (say::no_value(reason.as_ref().map_or("-", no_value)), String::new()),
        };
        let tone = if value.is_good() { Tone::Good } else { Tone::Warn };
        let quality = match &value.rules {
            None => say::quality_not_judged(),
            Some(rules) if rules.is_empty() => say::quality_good(),
            Some(rules) => say::quality_suspect(rules.join(",")),
        };
        let slot = value.slot.clone().unwrap_or_else(say::now);
        let occurred = or_dash(value.occurred.map(|clock| clock.0));
        table.row(tone, [value.alias.clone(), slot, number, unit, occurred, quality, or_dash(value.seq)]);
    }
    table
}
