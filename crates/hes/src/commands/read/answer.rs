//! What a meter said, for people and for programs: the same whichever way it was asked.

use hes_api::dto::reads::ReadClock;
use hes_model::{Failure, MeterClock, NoValue, Obis, Quantity, ReadingSeq, RuleId};
use serde::{Serialize, Serializer};

use crate::commands::archive::or_dash;
use crate::commands::evidence::no_value;
use crate::commands::raw;
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
    /// A number that broke no rule.
    fn is_good(&self) -> bool {
        self.rules.as_ref().is_none_or(Vec::is_empty) && self.no_value.is_none()
    }
}

/// Something that was not obtained.
#[derive(Debug, Serialize)]
pub(super) struct Missing {
    pub(super) register: Option<Obis>,
    pub(super) slot: Option<String>,
    #[serde(flatten, serialize_with = "failure_document")]
    pub(super) failure: Failure,
}

fn failure_document<S: Serializer>(failure: &Failure, to: S) -> Result<S::Ok, S::Error> {
    raw::failure_document(failure).serialize(to)
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
            (None, reason) => (no_value(reason.as_ref()), String::new()),
        };
        let tone = if value.is_good() { Tone::Good } else { Tone::Warn };
        let quality = match &value.rules {
            _ if value.no_value == Some(NoValue::Absent) => say::quality_absent(),
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

#[cfg(test)]
mod tests {
    use hes_model::{FailureKind, Unit};

    use super::*;

    fn value(quantity: Option<Quantity>, no_value: Option<NoValue>) -> Value {
        Value {
            register: "1.0.32.7.0.255".parse().unwrap(),
            alias: "voltage_a".into(),
            series: "instant".into(),
            slot: None,
            quantity,
            no_value,
            occurred: None,
            rules: Some(Vec::new()),
            seq: None,
        }
    }

    #[test]
    fn a_value_the_meter_does_not_have_is_not_there() {
        let number = || value(Some(Quantity::new(2247, 1, Unit::Volt)), None);
        let absent = || value(None, Some(NoValue::Absent));
        let exit = |values| Answer { values, ..Answer::default() }.exit();
        assert_eq!(exit(vec![number()]), Exit::Done);
        assert_eq!(exit(vec![number(), absent()]), Exit::Partly);
        assert_eq!(exit(vec![absent()]), Exit::Failed);
    }

    #[test]
    fn the_bytes_of_a_failure_are_hexadecimal_digits() {
        let failure = Failure::new(FailureKind::WrongItem, "another answer").with_bytes(&[0x68, 0x0A]);
        let missing = Missing { register: None, slot: None, failure };
        let expected = serde_json::json!(
            { "register": null, "slot": null, "kind": "wrong_item", "detail": "another answer", "bytes": "680A" }
        );
        assert_eq!(serde_json::to_value(missing).unwrap(), expected);
    }
}
