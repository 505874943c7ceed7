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

/// What an answer says of registers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    /// Values, in the order they stand.
    pub(super) values: Vec<Taken>,
    /// Whether all of the data could be read.
    pub(super) state: State,
}

/// Whether data could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// Every byte has its meaning.
    #[default]
    Whole,
    /// Some of it has not the form it should: a register that is not found in it may be there all the same.
    Damaged,
}

impl Said {
    /// Of data that cannot be read.
    pub(super) fn nothing_readable() -> Self {
        Self { values: Vec::new(), state: State::Damaged }
    }

    fn add(&mut self, reading: &Reading<'_>) {
        if matches!(reading.value, Value::None(Unusable::Malformed)) {
            self.state = State::Damaged;
        }
        self.values.extend(Taken::new(reading));
    }

    /// What must be said of a register that was asked for and has no value here: out of damaged data, that it cannot be
    /// read; out of good data, nothing.
    pub(super) fn lacks(&self, register: Obis) -> Option<Lack> {
        if self.values.iter().any(|taken| taken.register == register) {
            return None;
        }
        Some(match self.state {
            State::Whole => Lack::Absent,
            State::Damaged => {
                Lack::Unreadable(Taken { register, value: Observed::None(NoValue::Malformed), occurred: None })
            }
        })
    }
}

/// Why an answer has no value of a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lack {
    /// It goes without it.
    Absent,
    /// It cannot be read.
    Unreadable(Taken),
}

/// What the data behind an item says.
pub(super) fn said(item: DataId, data: &[u8]) -> Said {
    let mut said = Said::default();
    for reading in items(item.dialect()).read(item, Data::plain(data)) {
        said.add(&reading);
    }
    said
}

/// What was latched at one moment, as freeze blocks have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Latched {
    pub(super) at: DateTime,
    pub(super) said: Said,
}

/// What a freeze block says of each moment it tells of, in the order they stand. What stands before any moment that could be
/// read is left out: nobody could say where it belongs.
pub(super) fn latched(item: DataId, data: &[u8]) -> Vec<Latched> {
    let mut all: Vec<Latched> = Vec::new();
    for reading in items(item.dialect()).read(item, Data::plain(data)) {
        let stamp = match reading.value {
            Value::Minute(at) if reading.obis.is_none() && reading.latched.is_none() => Some(at),
            _ => reading.latched,
        };
        if let Some(at) = stamp.and_then(civil::moment)
            && all.last().is_none_or(|last| last.at != at)
        {
            all.push(Latched { at, said: Said::default() });
        }
        if let Some(last) = all.last_mut() {
            last.said.add(&reading);
        }
    }
    all
}

/// A load-profile record whose time is to be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) at: DateTime,
    pub(super) said: Said,
    pub(super) standing: Standing,
}

/// What a load-profile record says of the times before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It fits its own sum and follows one that does, or begins the answer: no record is between them.
    Firm,
    /// It does not fit its own sum, or follows a record that does not or whose time is unknown: such a record may be of any
    /// time between its neighbours.
    Doubtful,
}

/// The load-profile records of an answer, in the order they stand. One whose time is not to be believed is left out, and
/// casts doubt on what lies around it.
pub(super) fn records(item: DataId, data: &[u8]) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    let mut after = Standing::Firm;
    for reading in items(item.dialect()).read(item, Data::plain(data)) {
        let Some(at) = reading.latched.and_then(civil::moment) else {
            after = Standing::Doubtful;
            continue;
        };
        if all.last().is_none_or(|last| last.at != at) {
            let own = if reading.sum_failed { Standing::Doubtful } else { Standing::Firm };
            let standing = if own == Standing::Firm { after } else { own };
            after = own;
            all.push(Record { at, said: Said::default(), standing });
        }
        if let Some(last) = all.last_mut() {
            last.said.add(&reading);
        }
    }
    all
}
