//! Profiles: class 7, Blue Book clause 4.3.6. Which part of the buffer is read, and what its rows say.

use super::value::{enumeration, structure};
use super::{Value, WrongType};
use crate::Obis;
use crate::apdu::Selection;
use crate::axdr::{Data, DateTime, Element, ListIter, tag, write_length};

/// The class.
pub const CLASS: u16 = 7;
/// The rows.
pub const BUFFER: i8 = 2;
/// Array of [`CaptureObject`]: the columns.
pub const CAPTURE_OBJECTS: i8 = 3;
/// Seconds between rows; 0 for rows that come with events.
pub const CAPTURE_PERIOD: i8 = 4;
/// A [`SortMethod`].
pub const SORT_METHOD: i8 = 5;
/// The column rows are sorted by.
pub const SORT_OBJECT: i8 = 6;
/// Rows there are.
pub const ENTRIES_IN_USE: i8 = 7;
/// Rows there can be.
pub const PROFILE_ENTRIES: i8 = 8;
/// Empties the buffer; the parameter is integer 0.
pub const RESET: i8 = 1;
/// Captures a row now; the parameter is integer 0.
pub const CAPTURE: i8 = 2;

structure! {
    /// An attribute that is captured.
    CaptureObject {
        /// Its class.
        class: u16,
        /// Its object.
        instance: Obis,
        /// Its number.
        attribute: i8,
        /// 0 for all of it, else the member of its structure or array, from 1.
        index: u16,
    }
}

impl CaptureObject {
    /// All of an attribute.
    pub const fn new(class: u16, instance: Obis, attribute: i8) -> Self {
        Self { class, instance, attribute, index: 0 }
    }
    /// The time of the meter's clock, which most profiles are sorted by.
    pub const CLOCK: Self = Self::new(super::clock::CLASS, Obis::new(0, 0, 1, 0, 0, 255), super::clock::TIME);
}

enumeration! {
    /// How rows are sorted.
    SortMethod {
        /// The oldest first.
        Fifo = 1,
        /// The newest first.
        Lifo = 2,
        /// The largest first.
        Largest = 3,
        /// The smallest first.
        Smallest = 4,
        /// The nearest to zero first.
        NearestToZero = 5,
        /// The farthest from zero first.
        FarthestFromZero = 6,
    }
}

/// The form in which a meter wants the ends of a range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum MomentForm {
    /// Twelve octets in an octet-string, as almost all.
    #[default]
    OctetString,
    /// With the tag of a date-time. A named quirk of the model.
    Tagged,
    /// Seconds of Unix time, where the column has them.
    Unix,
}

/// An end of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    /// By the meter's clock.
    Civil(DateTime),
    /// Seconds of Unix time.
    Unix(u32),
}

impl Moment {
    fn append_as(&self, form: MomentForm, out: &mut Vec<u8>) {
        match (self, form) {
            (Moment::Civil(at), MomentForm::Tagged) => Data::DateTime(*at).write(out),
            (Moment::Civil(at), _) => Data::OctetString(at.octets()).write(out),
            (Moment::Unix(seconds), _) => Data::DoubleLongUnsigned(*seconds).write(out),
        }
    }
}

impl<'a> Value<'a> for Moment {
    fn read(data: Data<'a>) -> Result<Self, WrongType> {
        match data.number() {
            Some(seconds) => Ok(Moment::Unix(seconds)),
            None => DateTime::read(data).map(Moment::Civil),
        }
    }
    fn append(&self, out: &mut Vec<u8>) {
        self.append_as(MomentForm::default(), out);
    }
}

/// Which rows and columns of a buffer: selective access, Blue Book clause 4.3.6.2.
#[derive(Debug, Clone, PartialEq)]
pub enum BufferSelection {
    /// Selector 1: rows whose restricting column lies between two values, both included.
    Range {
        /// The column, usually the clock.
        restricting: CaptureObject,
        /// From.
        from: Moment,
        /// To.
        to: Moment,
        /// The columns wanted; none for all.
        columns: Vec<CaptureObject>,
    },
    /// Selector 2: rows by their number.
    Entries {
        /// From; 1 is the first, usually the oldest.
        from: u32,
        /// To; 0 for the last.
        to: u32,
        /// First column; 1 is the first.
        first_column: u16,
        /// Last column; 0 for the last.
        last_column: u16,
    },
}

/// Selector of a range.
const RANGE: u8 = 1;
/// Selector of entries.
const ENTRIES: u8 = 2;

impl BufferSelection {
    /// All columns of a stretch of time.
    pub const fn range(from: DateTime, to: DateTime) -> Self {
        let (from, to) = (Moment::Civil(from), Moment::Civil(to));
        BufferSelection::Range { restricting: CaptureObject::CLOCK, from, to, columns: Vec::new() }
    }
    /// All columns of some rows.
    pub const fn entries(from: u32, to: u32) -> Self {
        BufferSelection::Entries { from, to, first_column: 1, last_column: 0 }
    }
    /// The number of the selector.
    pub const fn selector(&self) -> u8 {
        match self {
            BufferSelection::Range { .. } => RANGE,
            BufferSelection::Entries { .. } => ENTRIES,
        }
    }
    /// The parameters; a request borrows them as [`Selection`].
    pub fn parameters(&self, form: MomentForm) -> Vec<u8> {
        let mut out = vec![tag::STRUCTURE];
        write_length(4, &mut out);
        match self {
            BufferSelection::Range { restricting, from, to, columns } => {
                Value::append(restricting, &mut out);
                from.append_as(form, &mut out);
                to.append_as(form, &mut out);
                Value::append(columns, &mut out);
            }
            BufferSelection::Entries { from, to, first_column, last_column } => {
                Value::append(from, &mut out);
                Value::append(to, &mut out);
                Value::append(first_column, &mut out);
                Value::append(last_column, &mut out);
            }
        }
        out
    }
    /// What a request selects, at the meter.
    pub fn read(selection: &Selection<'_>) -> Result<Self, WrongType> {
        let wrong = || WrongType::new("range or entry descriptor", &selection.parameters);
        let Data::Structure(list) = selection.parameters else { return Err(wrong()) };
        let [a, b, c, d] = list.exactly::<4>().ok_or_else(wrong)?;
        match selection.selector {
            RANGE => Ok(BufferSelection::Range {
                restricting: Value::read(a)?,
                from: Value::read(b)?,
                to: Value::read(c)?,
                columns: Value::read(d)?,
            }),
            ENTRIES => Ok(BufferSelection::Entries {
                from: Value::read(a)?,
                to: Value::read(b)?,
                first_column: Value::read(c)?,
                last_column: Value::read(d)?,
            }),
            _ => Err(wrong()),
        }
    }
}

/// What null-data in a row means at a meter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum NullData {
    /// There is no value.
    #[default]
    Absent,
    /// As in the row before; in the column of the clock, a capture period later.
    AsBefore,
}

/// In which order rows come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum RowOrder {
    /// The oldest first.
    #[default]
    OldestFirst,
    /// The newest first.
    NewestFirst,
}

/// Where the value of a cell is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It stands there.
    Given,
    /// It is that of the row before.
    AsBefore,
    /// It is counted from the row before: a capture period, or a difference.
    Counted,
    /// There is none.
    Absent,
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell<'a> {
    /// What it is; null-data where there is none.
    pub value: Data<'a>,
    /// Where it is from.
    pub origin: Origin,
}

/// Why a row cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// It is no structure.
    #[error("a row is no structure, but {found}")]
    NoRow {
        /// What it is.
        found: &'static str,
    },
    /// It has another number of columns than the capture objects: they were changed, and are to be read again.
    #[error("a row has {found} columns, the capture objects {expected}")]
    Width {
        /// Capture objects.
        expected: usize,
        /// Values.
        found: usize,
    },
}

/// How the rows of a buffer are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout<'c> {
    /// The columns asked for.
    pub columns: &'c [CaptureObject],
    /// Seconds between rows; 0 for rows that come with events.
    pub capture_period_s: u32,
    /// What null-data means.
    pub null_data: NullData,
    /// In which order rows come.
    pub order: RowOrder,
}

impl Eq for CaptureObject {}

impl Layout<'_> {
    /// The column of the meter's clock.
    pub fn clock_column(&self) -> Option<usize> {
        self.columns.iter().position(|column| *column == CaptureObject::CLOCK)
    }
}

/// The rows of a buffer, one after the other. Only the row before is kept.
#[derive(Debug)]
pub struct Rows<'a> {
    rows: ListIter<'a>,
    width: usize,
    clock: Option<usize>,
    /// From a row to the next.
    step_s: i64,
    null_data: NullData,
    row: Vec<Cell<'a>>,
    begun: bool,
}

impl<'a> Rows<'a> {
    /// The rows of a buffer: an array or a compact array of structures.
    pub fn new(buffer: &Data<'a>, layout: &Layout<'_>) -> Result<Self, WrongType> {
        let list = match buffer {
            Data::Array(list) => *list,
            Data::CompactArray(compact) => compact.elements(),
            _ => return Err(WrongType::new("array of rows", buffer)),
        };
        let period = i64::from(layout.capture_period_s);
        Ok(Self {
            rows: list.iter(),
            width: layout.columns.len(),
            clock: layout.clock_column(),
            step_s: match layout.order {
                RowOrder::OldestFirst => period,
                RowOrder::NewestFirst => -period,
            },
            null_data: layout.null_data,
            row: Vec::new(),
            begun: false,
        })
    }

    /// The next row. It is gone with the one after it: a row of a thousand costs no more than one of ten.
    pub fn next_row(&mut self) -> Option<Result<&[Cell<'a>], RowError>> {
        let row = self.rows.next()?;
        Some(self.take(row))
    }

    fn take(&mut self, row: Data<'a>) -> Result<&[Cell<'a>], RowError> {
        let Data::Structure(members) = row else { return Err(RowError::NoRow { found: row.type_name() }) };
        if members.len() != self.width {
            return Err(RowError::Width { expected: self.width, found: members.len() });
        }
        if !self.begun {
            self.row.resize(self.width, Cell { value: Data::Null, origin: Origin::Absent });
            self.begun = true;
        }
        for ((at, cell), value) in self.row.iter_mut().enumerate().zip(members) {
            *cell = match value {
                Data::Null if self.null_data == NullData::Absent || cell.origin == Origin::Absent => {
                    Cell { value, origin: Origin::Absent }
                }
                Data::Null if self.clock == Some(at) => later(cell.value, self.step_s),
                Data::Null => Cell { value: cell.value, origin: Origin::AsBefore },
                Data::DeltaInteger(_)
                | Data::DeltaLong(_)
                | Data::DeltaDoubleLong(_)
                | Data::DeltaUnsigned(_)
                | Data::DeltaLongUnsigned(_)
                | Data::DeltaDoubleLongUnsigned(_) => sum(cell.value, value),
                given => Cell { value: given, origin: Origin::Given },
            };
        }
        Ok(&self.row)
    }
}

/// A moment some seconds after another; nothing where that one is none, or rows do not come by period.
fn later<'a>(before: Data<'a>, seconds: i64) -> Cell<'a> {
    let absent = Cell { value: Data::Null, origin: Origin::Absent };
    if seconds == 0 {
        return absent;
    }
    let unix = before.number::<u32>().and_then(|at| u32::try_from(i64::from(at) + seconds).ok());
    let counted = match (unix, before.date_time()) {
        (Some(at), _) => Some(Data::DoubleLongUnsigned(at)),
        (None, Some(at)) => at.plus_seconds(seconds).ok().map(Data::DateTime),
        (None, None) => None,
    };
    counted.map_or(absent, |value| Cell { value, origin: Origin::Counted })
}

/// A difference put on the value before, in the type of the value before.
fn sum<'a>(before: Data<'a>, difference: Data<'a>) -> Cell<'a> {
    let number = before.integer().zip(difference.integer()).map(|(before, difference)| before + difference);
    let value = number.and_then(|number| {
        Some(match before {
            Data::DoubleLong(_) => Data::DoubleLong(number.try_into().ok()?),
            Data::DoubleLongUnsigned(_) => Data::DoubleLongUnsigned(number.try_into().ok()?),
            Data::Integer(_) => Data::Integer(number.try_into().ok()?),
            Data::Long(_) => Data::Long(number.try_into().ok()?),
            Data::Unsigned(_) => Data::Unsigned(number.try_into().ok()?),
            Data::LongUnsigned(_) => Data::LongUnsigned(number.try_into().ok()?),
            Data::Long64(_) => Data::Long64(number.try_into().ok()?),
            Data::Long64Unsigned(_) => Data::Long64Unsigned(number.try_into().ok()?),
            _ => return None,
        })
    });
    match value {
        Some(value) => Cell { value, origin: Origin::Counted },
        None => Cell { value: Data::Null, origin: Origin::Absent },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axdr::{ClockStatus, CompactArray, Date, List, Time};
    use crate::cosem::register;

    const ENERGY: CaptureObject =
        CaptureObject::new(register::REGISTER, Obis::new(1, 0, 1, 8, 0, 255), register::VALUE);

    fn at(hour: u8, minute: u8) -> DateTime {
        let (date, time) = (Date::new(2024, 2, 29).unwrap(), Time::new(hour, minute, 0).unwrap());
        DateTime::new(date, time, Some(-60), ClockStatus(0))
    }

    fn layout(columns: &[CaptureObject]) -> Layout<'_> {
        Layout { columns, capture_period_s: 900, null_data: NullData::AsBefore, order: RowOrder::OldestFirst }
    }

    fn read<'a>(rows: &mut Rows<'a>) -> Vec<Vec<(Data<'a>, Origin)>> {
        let mut all = Vec::new();
        while let Some(row) = rows.next_row() {
            all.push(row.unwrap().iter().map(|cell| (cell.value, cell.origin)).collect());
        }
        all
    }

    #[test]
    fn null_data_is_the_row_before_and_the_clock_goes_on_by_the_period() {
        let first = at(23, 30);
        let columns = [CaptureObject::CLOCK, ENERGY];
        let given = [Data::OctetString(first.octets()), Data::DoubleLongUnsigned(100)];
        let (nulls, delta) = ([Data::Null, Data::Null], [Data::Null, Data::DeltaInteger(-3)]);
        let values = [given, nulls, delta];
        let rows = values.each_ref().map(|row| Data::Structure(List::from(row)));
        let buffer = Data::Array(List::from(&rows));
        let found = read(&mut Rows::new(&buffer, &layout(&columns)).unwrap());
        let next = first.plus_seconds(900).unwrap();
        assert_eq!(
            found[1],
            [(Data::DateTime(next), Origin::Counted), (Data::DoubleLongUnsigned(100), Origin::AsBefore)]
        );
        assert_eq!(
            found[2],
            [
                (Data::DateTime(next.plus_seconds(900).unwrap()), Origin::Counted),
                (Data::DoubleLongUnsigned(97), Origin::Counted)
            ]
        );
        assert_eq!(next.to_string(), "2024-02-29 23:45:00 deviation -60");

        let plain = Layout { null_data: NullData::Absent, ..layout(&columns) };
        let found = read(&mut Rows::new(&buffer, &plain).unwrap());
        assert_eq!(found[1], [(Data::Null, Origin::Absent); 2]);

        let newest = Layout { order: RowOrder::NewestFirst, ..layout(&columns) };
        let found = read(&mut Rows::new(&buffer, &newest).unwrap());
        assert_eq!(found[1][0].0, Data::DateTime(at(23, 15)));

        let by_event = Layout { capture_period_s: 0, ..layout(&columns) };
        let found = read(&mut Rows::new(&buffer, &by_event).unwrap());
        assert_eq!(found[1][0], (Data::Null, Origin::Absent), "nobody knows when");
    }

    #[test]
    fn a_first_row_without_values_has_none() {
        let row = [Data::Null];
        let rows = [Data::Structure(List::from(&row))];
        let buffer = Data::Array(List::from(&rows));
        let found = read(&mut Rows::new(&buffer, &layout(&[CaptureObject::CLOCK])).unwrap());
        assert_eq!(found, [[(Data::Null, Origin::Absent)]]);
    }

    #[test]
    fn rows_of_another_width_or_none_are_named_and_the_rest_goes_on() {
        let (short, fitting) = ([Data::Unsigned(1)], [Data::Unsigned(1), Data::Unsigned(2)]);
        let rows = [Data::Structure(List::from(&short)), Data::Unsigned(1), Data::Structure(List::from(&fitting))];
        let buffer = Data::Array(List::from(&rows));
        let columns = [ENERGY, ENERGY];
        let mut rows = Rows::new(&buffer, &layout(&columns)).unwrap();
        assert_eq!(rows.next_row(), Some(Err(RowError::Width { expected: 2, found: 1 })));
        assert_eq!(rows.next_row(), Some(Err(RowError::NoRow { found: "unsigned" })));
        assert!(rows.next_row().unwrap().is_ok());
        assert!(rows.next_row().is_none());
        assert!(Rows::new(&Data::Unsigned(1), &layout(&columns)).is_err());
    }

    #[test]
    fn a_compact_array_has_the_same_rows() {
        let values = [[Data::DoubleLongUnsigned(1)], [Data::DoubleLongUnsigned(2)]];
        let rows = values.each_ref().map(|row| Data::Structure(List::from(row)));
        let mut packed = Vec::new();
        CompactArray::pack(&rows, &mut packed).unwrap();
        let buffer = Data::decode(&packed).unwrap();
        let found = read(&mut Rows::new(&buffer, &layout(&[ENERGY])).unwrap());
        assert_eq!(found.iter().map(|row| row[0].0).collect::<Vec<_>>(), values.map(|[value]| value));
    }

    #[test]
    fn what_a_client_selects_is_what_a_meter_reads() {
        let by_unix = BufferSelection::Range {
            restricting: CaptureObject::new(1, Obis::new(0, 0, 1, 1, 0, 255), 2),
            from: Moment::Unix(1),
            to: Moment::Unix(2),
            columns: vec![ENERGY],
        };
        for (selection, form) in [
            (BufferSelection::range(at(0, 0), at(12, 0)), MomentForm::OctetString),
            (BufferSelection::range(at(0, 0), at(12, 0)), MomentForm::Tagged),
            (by_unix, MomentForm::Unix),
            (BufferSelection::entries(1, 0), MomentForm::OctetString),
        ] {
            let parameters = selection.parameters(form);
            let parameters = Data::decode(&parameters).unwrap();
            let sent = Selection { selector: selection.selector(), parameters };
            assert_eq!(BufferSelection::read(&sent), Ok(selection));
        }
        let unknown = Selection { selector: 3, parameters: Data::Null };
        assert!(BufferSelection::read(&unknown).is_err());
    }

    #[test]
    fn a_published_range_is_written_octet_by_octet() {
        let mut wire = vec![0; 51];
        let published =
            "0204020412000809060000010000ff0f02120000090c07e2020cff00000000800000090c07e3020cff000000008000000100";
        let wire = hes_wire::hex::read(published, &mut wire).unwrap();
        let sent = Selection { selector: 1, parameters: Data::decode(wire).unwrap() };
        assert_eq!(BufferSelection::read(&sent).unwrap().parameters(MomentForm::OctetString), wire);
    }
}
