//! What a meter said, shown to a person: the same whichever way it was asked.

use hes_api::dto::reads::{ReadClock, ReadFailure, ReadValue};

use crate::commands::archive::or_dash;
use crate::commands::evidence::no_value;
use crate::commands::report::cause;
use crate::exit::Exit;
use crate::output::{Output, Table, Tone, left, right};
use crate::text::{column, say};

/// Which way a meter was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Through the server: values were judged, and stored with what proves them.
    Server,
    /// Directly: nobody judged the values, and nothing was stored.
    Direct,
}

/// What came of asking one meter.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) way: Way,
    pub(crate) values: &'a [ReadValue],
    pub(crate) failures: &'a [ReadFailure],
    pub(crate) clock: Option<&'a ReadClock>,
}

impl Answer<'_> {
    /// Done when everything asked for is there and good, partly when some is.
    pub(crate) fn exit(&self) -> Exit {
        let good = self.values.iter().filter(|value| is_good(value)).count();
        let obtained = good > 0 || self.clock.is_some();
        if good == self.values.len() && self.failures.is_empty() && obtained {
            Exit::Done
        } else if obtained {
            Exit::Partly
        } else {
            Exit::Failed
        }
    }

    /// Values as a table, then the clock, then what is missing and why.
    pub(crate) fn show(&self, out: Output, meter: &str) -> anyhow::Result<()> {
        if !self.values.is_empty() {
            out.table(&self.table())?;
        }
        if let Some(clock) = self.clock {
            out.line(say::clock_of_meter(clock.meter_clock.0, seconds(clock.offset_ms)))?;
        }
        for failure in self.failures {
            let register = failure.register.map(|obis| hes_model::registers().name_of(obis));
            let about: Vec<String> = register.into_iter().chain(failure.slot.map(|slot| slot.0.to_string())).collect();
            let about = if about.is_empty() { meter.to_owned() } else { about.join(" ") };
            out.toned(Tone::Bad, format_args!("{about}: {}: {}", cause(failure.kind.code()), failure.detail))?;
        }
        Ok(())
    }
}

/// A number, or the meter's word that it has none, that broke no rule.
fn is_good(value: &ReadValue) -> bool {
    value.rules.is_empty() && matches!(value.no_value, None | Some(hes_model::NoValue::Absent))
}

impl Answer<'_> {
    fn table(&self) -> Table {
        let said = [
            left(column::register()),
            left(column::slot()),
            right(column::value()),
            left(column::unit()),
            left(column::occurred()),
        ];
        let mut table = match self.way {
            Way::Direct => Table::new(said),
            Way::Server => {
                let [register, slot, value, unit, occurred] = said;
                Table::new([register, slot, value, unit, occurred, left(column::quality()), right(column::exchange())])
            }
        };
        for value in self.values {
            let (number, unit) = match (&value.quantity, &value.no_value) {
                (Some(quantity), _) => (quantity.decimal().to_string(), quantity.unit.symbol().to_owned()),
                (None, reason) => (say::no_value(reason.as_ref().map_or("-", no_value)), String::new()),
            };
            let (tone, quality) = match (is_good(value), value.rules.is_empty()) {
                (true, _) => (Tone::Good, say::quality_good()),
                (false, true) => (Tone::Warn, "-".to_owned()),
                (false, false) => (Tone::Warn, say::quality_suspect(value.rules.join(","))),
            };
            let slot = value.slot.map_or_else(say::now, |slot| slot.0.to_string());
            let occurred = or_dash(value.occurred.map(|clock| clock.0));
            let alias = value.alias.clone();
            match self.way {
                Way::Direct => table.row(tone, [alias, slot, number, unit, occurred]),
                Way::Server => table.row(tone, [alias, slot, number, unit, occurred, quality, or_dash(value.exchange)]),
            }
        }
        table
    }
}

/// Milliseconds as seconds with sign and three decimals, exact.
fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { '-' } else { '+' };
    let ms = ms.unsigned_abs();
    format!("{sign}{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn an_offset_keeps_its_sign_below_a_second() {
        assert_eq!(seconds(-250), "-0.250");
        assert_eq!(seconds(61_005), "+61.005");
        assert_eq!(seconds(0), "+0.000");
    }
}
