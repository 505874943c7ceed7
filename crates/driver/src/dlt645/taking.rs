//! From an answer's bytes to values of registers: the table of items knows what they mean.

use hes_dlt645::items::{NoValue as Unusable, Reading, Value, items};
use hes_dlt645::{Data, DataId};
use hes_model::{MeterClock, NoValue, Obis, Observed, Quantity, Unit};

use jiff::civil::DateTime;

use super::civil;

/// A register's value as an answer has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) register: Obis,
    pub(super) value: Observed,
    /// When it occurred, for maximum demands.
    pub(super) occurred: Option<MeterClock>,
}

impl Taken {
    fn new(reading: &Reading<'_>) -> Option<Self> {
        let register = Obis(reading.obis?);
        let value = match reading.value {
            Value::Number(number) => {
                let unit = Unit::from_symbol(reading.field.unit())?;
                Observed::Number(Quantity::new(number.mantissa, number.scale, unit))
            }
            Value::None(Unusable::Absent) => Observed::None(NoValue::Absent),
            Value::None(Unusable::NotBcd) => Observed::None(NoValue::NotBcd),
            _ => Observed::None(NoValue::Malformed),
        };
        let occurred = reading.occurred.and_then(civil::moment).map(MeterClock);
        Some(Self { register, value, occurred })
    }
}

/// Values of registers, in the order they stand.
pub(super) fn values(item: DataId, data: &[u8]) -> Vec<Taken> {
    let readings = items(item.dialect()).read(item, Data::plain(data));
    readings.filter_map(|reading| Taken::new(&reading)).collect()
}

/// Values latched at one moment, and the moment, as freeze blocks and load-profile records have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Latched {
    pub(super) at: DateTime,
    pub(super) values: Vec<Taken>,
}

/// The values of each moment the data tells of, in the order they stand. Values whose moment cannot be read are left out:
/// nobody could say where they belong.
pub(super) fn latched(item: DataId, data: &[u8]) -> Vec<Latched> {
    let mut all: Vec<Latched> = Vec::new();
    for reading in items(item.dialect()).read(item, Data::plain(data)) {
        let stamp = match reading.value {
            Value::Minute(at) if reading.obis.is_none() && reading.latched.is_none() => Some(at),
            _ => reading.latched,
        };
        let Some(at) = stamp.and_then(civil::moment) else { continue };
        if all.last().is_none_or(|last| last.at != at) {
            all.push(Latched { at, values: Vec::new() });
        }
        if let (Some(last), Some(taken)) = (all.last_mut(), Taken::new(&reading)) {
            last.values.push(taken);
        }
    }
    all
}
