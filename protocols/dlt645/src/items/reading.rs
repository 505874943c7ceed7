//! Walking through the data of an answer, value by value.

use std::fmt::{self, Display, Formatter};

use super::format::{NoValue, Value};
use super::source::Role;
use super::table::{Dimension, Field, Fields, Found, History, Items, Layout, Tail};
use crate::{Data, DateTime};

/// One value of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The stable name.
    pub name: Name<'a>,
    /// How it is read, its unit and labels.
    pub field: &'a Field,
    /// The register's OBIS code, group F 255, where it has one.
    pub obis: Option<[u8; 6]>,
    /// Which of the register's values in time.
    pub history: History,
    /// The value.
    pub value: Value<'a>,
    /// When the value occurred, by the meter's clock: maximum demands.
    pub occurred: Option<DateTime>,
    /// When the value was latched, where the same data says so and is to be believed: freeze blocks and load-profile
    /// records.
    pub latched: Option<DateTime>,
    /// Whether it stands in a load-profile record that does not fit its own sum. What is read from one all the same, because
    /// the sums of its answer mean nothing, is worth less: nothing that cannot be undone may rest on it.
    pub sum_failed: bool,
    /// The bytes it was read from.
    pub bytes: Data<'a>,
}

/// A value's name: the item's, then the field's, then the tariff or phase. Prints in snake case.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    item: &'a str,
    field: &'a Field,
    list: Option<(&'a Dimension, usize)>,
}

impl<'a> Name<'a> {
    /// `total`, `tariff1`, `a` …; empty where the item has no such choice.
    pub fn suffix(self) -> &'a str {
        self.list.map_or("", |(dimension, at)| dimension.suffix(at))
    }
    /// The same in English.
    pub fn suffix_en(self) -> &'a str {
        self.list.map_or("", |(dimension, at)| dimension.en(at))
    }
    /// The same in Chinese.
    pub fn suffix_zh(self) -> &'a str {
        self.list.map_or("", |(dimension, at)| dimension.zh(at))
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.item, &self.field.name, self.suffix()) == (other.item, &other.field.name, other.suffix())
    }
}
impl Eq for Name<'_> {}

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        [self.item, &self.field.name, self.suffix()].into_iter().filter(|part| !part.is_empty()).try_for_each(|part| {
            f.write_str(gap)?;
            gap = "_";
            f.write_str(part)
        })
    }
}

/// The values of an answer, in wire order. Allocates nothing.
#[derive(Debug, Clone)]
pub struct Readings<'a> {
    items: &'a Items,
    source: Source<'a>,
    run: Run<'a>,
    stamp: Stamp,
}

/// What is known of the moment of what is read.
#[derive(Debug, Clone, Copy, Default)]
struct Stamp {
    latched: Option<DateTime>,
    sum_failed: bool,
}

/// What the next run of fields comes from.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    /// Nothing more.
    None,
    Parts(Parts<'a>),
    Load(Load<'a>),
}

/// The parts of a compound that are not read yet.
#[derive(Debug, Clone, Copy)]
struct Parts<'a> {
    data: Data<'a>,
    places: [u8; 4],
    position: usize,
    dimension: &'a Dimension,
    next: usize,
    separator: Option<u8>,
}

/// Load-profile records that are not read yet.
#[derive(Debug, Clone, Copy)]
struct Load<'a> {
    /// What follows the record at hand.
    data: Data<'a>,
    /// What is left of the record at hand.
    classes: Data<'a>,
    /// The class it begins with.
    class: usize,
    sums: Sums,
}

/// What the records' own sums are worth in one answer.
#[derive(Debug, Clone, Copy)]
struct Sums {
    /// The first byte that they count.
    from: usize,
    /// Whether a record that does not fit its sum is damaged.
    decide: bool,
}

/// Fields with the bytes they are to be read from.
#[derive(Debug, Clone)]
struct Run<'a> {
    item: &'a str,
    fields: &'a [Field],
    field: usize,
    /// For what stands after the fields.
    rest: &'a Tail,
    /// Repeated over it.
    along: Option<&'a Dimension>,
    /// Fixed by the identification.
    list: Option<(&'a Dimension, usize)>,
    index: usize,
    history: History,
    stamps: bool,
    data: Data<'a>,
    terminator: Option<u8>,
    state: RunState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RunState {
    /// The length is right.
    Fields,
    /// What is left has another length than it should.
    Malformed,
    /// What is left is not described.
    Raw,
}

/// Ends a block in the 1997 edition; no packed decimal begins with it.
const TERMINATOR: u8 = 0xAA;

impl<'a> Readings<'a> {
    #[inline]
    pub(super) fn new(items: &'a Items, found: Option<Found<'a>>, data: Data<'a>) -> Self {
        let raw = || (Source::None, Run::whole(items, RunState::Raw, data));
        let compound = |source| (source, Run::none(items));
        let (source, run) = match found.map(|found| (found, &found.entry.layout)) {
            None => raw(),
            Some((found, Layout::Fields(row))) => (Source::None, Run::of(items, found, row, data)),
            Some((_, Layout::LoadProfile)) => compound(Source::Load(Load::new(data))),
            Some((found, Layout::Parts { position, dimension, separator })) => match items.dimensions.get(*dimension) {
                Some(dimension) => {
                    let (places, position, separator) = (found.places, *position, *separator);
                    let parts = Parts { data, places, position, dimension, next: 0, separator };
                    match parts.may_be_cut(items) {
                        true => compound(Source::Parts(parts)),
                        false => (Source::None, Run::whole(items, RunState::Malformed, data)),
                    }
                }
                None => raw(),
            },
        };
        Self { items, source, run, stamp: Stamp::default() }
    }

    /// The byte AA after the last value of a block, where the meter sent one; it is no part of a value.
    pub fn terminator(&self) -> Option<u8> {
        self.run.terminator
    }

    /// Finds the fields to be read next.
    #[inline]
    fn advance(&mut self) -> Option<Run<'a>> {
        match &mut self.source {
            Source::None => None,
            Source::Parts(parts) => parts.next(self.items),
            Source::Load(load) => load.next(self.items, &mut self.stamp),
        }
    }
}

impl<'a> Iterator for Readings<'a> {
    type Item = Reading<'a>;

    #[inline]
    fn next(&mut self) -> Option<Reading<'a>> {
        loop {
            if let Some(field) = self.run.fields.get(self.run.field) {
                return Some(self.run.next(field, &mut self.stamp));
            }
            self.run = self.advance()?;
        }
    }
}

impl<'a> Run<'a> {
    /// The fields of an item over `data`.
    #[inline]
    fn of(items: &'a Items, found: Found<'a>, row: &'a Fields, data: Data<'a>) -> Self {
        let Fields { name, fields, bytes, repeat, tail } = row;
        let along = repeat.and_then(|at| items.dimensions.get(at)).or(found.open);
        let (data, terminator) = match (along, data.split_last()) {
            (Some(_), Some((TERMINATOR, values))) if data.len() % bytes == 1 => (values, Some(TERMINATOR)),
            _ => (data, None),
        };
        let fits = match along {
            Some(along) => !data.is_empty() && data.len() % bytes == 0 && data.len() / bytes <= along.len(),
            None => data.len() == *bytes || tail.is_some() && data.len() > *bytes,
        };
        // A single field bears the name of its item; of several, none can be named when the length is wrong.
        let (item, fields): (&str, &[Field]) = match (&**fields, along, fits) {
            ([_], None, _) | ([_], _, true) => ("", fields),
            (_, _, true) => (name, fields),
            (_, _, false) => (name, std::slice::from_ref(&items.nameless)),
        };
        Self {
            item,
            fields,
            field: 0,
            rest: tail.as_deref().unwrap_or(&items.rest),
            along,
            list: found.list,
            index: 0,
            history: found.history,
            stamps: found.entry.stamps,
            data,
            terminator,
            state: if fits { RunState::Fields } else { RunState::Malformed },
        }
    }

    /// Nothing to read.
    fn none(items: &'a Items) -> Self {
        Self { fields: &[], ..Self::whole(items, RunState::Raw, Data::default()) }
    }

    /// Bytes without a description.
    fn whole(items: &'a Items, state: RunState, data: Data<'a>) -> Self {
        Self {
            item: "",
            fields: std::slice::from_ref(&items.unknown),
            field: 0,
            rest: &items.rest,
            along: None,
            list: None,
            index: 0,
            history: History::Now,
            stamps: false,
            data,
            terminator: None,
            state,
        }
    }

    #[inline]
    fn next(&mut self, field: &'a Field, stamp: &mut Stamp) -> Reading<'a> {
        let split = match self.state {
            RunState::Fields => self.data.split_at(field.format().len()),
            RunState::Malformed | RunState::Raw => None,
        };
        let (bytes, left) = split.unwrap_or((self.data, Data::default()));
        let value = match self.state {
            RunState::Fields => field.format().read(bytes),
            RunState::Malformed => Value::None(NoValue::Malformed),
            RunState::Raw => Value::Raw(bytes),
        };
        let (list, history) = self.place();
        // A stamp tells when what follows was latched; it was not latched itself.
        let latched = match value {
            Value::Minute(at) if self.stamps => {
                stamp.latched = Some(at);
                None
            }
            _ => stamp.latched,
        };
        let reading = Reading {
            name: Name { item: self.item, field, list },
            field,
            obis: field.obis(list.map_or(0, |(_, at)| at)),
            history,
            value,
            occurred: field.format().occurred(bytes),
            latched,
            sum_failed: stamp.sum_failed,
            bytes,
        };
        self.data = left;
        self.step();
        reading
    }

    /// Which of a list, and of which moment, the fields are at.
    #[inline]
    fn place(&self) -> (Option<(&'a Dimension, usize)>, History) {
        let Some(along) = self.along.filter(|_| self.state == RunState::Fields) else {
            return (self.list, self.history);
        };
        match along.role {
            Role::Settlement => {
                let back = u8::try_from(self.index).unwrap_or(u8::MAX);
                (self.list, if back == 0 { History::Now } else { History::Settlement(back) })
            }
            Role::Record => (self.list, History::Record(along.value(self.index).unwrap_or_default())),
            _ => (Some((along, self.index)), self.history),
        }
    }

    #[inline]
    fn step(&mut self) {
        self.field += 1;
        if self.state != RunState::Fields {
            self.fields = &[];
        } else if self.field == self.fields.len() && !self.data.is_empty() {
            self.field = 0;
            match self.along {
                Some(_) => self.index += 1,
                None if !self.rest.fields.is_empty() && self.rest.bytes == self.data.len() => {
                    // They name phases of their own.
                    (self.fields, self.list) = (&self.rest.fields, None);
                }
                None => (self.fields, self.state) = (std::slice::from_ref(&self.rest.raw), RunState::Raw),
            }
        }
    }
}

impl<'a> Parts<'a> {
    fn next(&mut self, items: &'a Items) -> Option<Run<'a>> {
        while !self.data.is_empty() {
            let Some(value) = self.dimension.value(self.next) else {
                return Some(Run::whole(items, RunState::Malformed, std::mem::take(&mut self.data)));
            };
            self.next += 1;
            let mut places = self.places;
            *places.get_mut(self.position)? = value;
            let found = items.find_places(places);
            let part = self.cut(found);
            if part.is_empty() {
                continue;
            }
            return Some(match found.map(|found| (found, &found.entry.layout)) {
                Some((found, Layout::Fields(row))) => Run::of(items, found, row, part),
                _ => Run::whole(items, RunState::Raw, part),
            });
        }
        None
    }

    /// Whether it is known where each part ends. Without separators only the whole length tells: where it is another, so is
    /// what each byte means. The last part may be missing, as in the status words of meters made before the eighth.
    fn may_be_cut(&self, items: &Items) -> bool {
        if self.separator.is_some() {
            return true;
        }
        let mut ends = (0, 0);
        for value in (0..self.dimension.len()).filter_map(|index| self.dimension.value(index)) {
            let mut places = self.places;
            let Some(place) = places.get_mut(self.position) else { return false };
            *place = value;
            let Some(Layout::Fields(row)) = items.find_places(places).map(|found| &found.entry.layout) else {
                return false;
            };
            ends = (ends.1, ends.1 + row.bytes);
        }
        self.data.len() == ends.1 || self.data.len() == ends.0
    }

    /// The bytes of the next part, without its separator.
    fn cut(&mut self, found: Option<Found<'a>>) -> Data<'a> {
        let whole = self.data;
        let len = match (self.separator, found.map(|found| &found.entry.layout)) {
            (Some(separator), _) => whole.iter().position(|byte| byte == separator),
            (None, Some(Layout::Fields(row))) => Some(row.bytes),
            (None, _) => None,
        };
        let Some((part, left)) = len.and_then(|len| whole.split_at(len)) else {
            self.data = Data::default();
            return whole;
        };
        self.data = match self.separator {
            Some(_) => left.split_at(1).map_or(left, |(_, left)| left),
            None => left,
        };
        part
    }
}

/// Begins a load-profile record, twice.
const LOAD_START: u8 = 0xA0;
/// In its place: the meter says itself that the record is not good.
const LOAD_BAD: u8 = 0xE0;
/// Ends a load-profile record, after its sum.
const LOAD_END: u8 = 0xE5;
/// Ends a class of a load-profile record. No packed decimal holds it, so it is found whatever the class's length.
const CLASS_END: u8 = 0xAA;
/// Bytes before those that the length byte of a record counts.
const LOAD_HEAD: usize = 3;
/// The sum and the end.
const LOAD_TAIL: usize = 2;
/// A record without a class.
const LOAD_SHORTEST: usize = LOAD_HEAD + 5 + LOAD_TAIL;
/// Where a record's sum may begin: at the first A0, as the standard has it, at the length, or at the time.
const SUM_FROM: [usize; 3] = [0, 2, LOAD_HEAD];

impl<'a> Load<'a> {
    fn new(data: Data<'a>) -> Self {
        Self { data, classes: Data::default(), class: 0, sums: Sums::of(data) }
    }

    /// The next class of the record at hand that has data, or of the next record.
    fn next(&mut self, items: &'a Items, stamp: &mut Stamp) -> Option<Run<'a>> {
        loop {
            while let Some(part) = self.next_class() {
                let fields = items.load_classes.get(self.class)?;
                self.class += 1;
                match part.len() {
                    0 => {}
                    len if len == fields.iter().map(|field| field.format().len()).sum::<usize>() => {
                        return Some(Run::load(items, fields, RunState::Fields, part));
                    }
                    _ => return Some(Run::load_malformed(items, part)),
                }
            }
            let record = Record::split(self.data)?;
            let sum_failed = !record.sum_is_right(self.sums.from);
            self.data = record.left;
            *stamp = Stamp { latched: record.time.filter(|_| record.is_believed(self.sums)), sum_failed };
            let counted = record.classes(self.sums).filter(|classes| {
                let ends = classes.iter().filter(|&byte| byte == CLASS_END).count();
                ends <= items.load_classes.len() && classes.split_last().is_none_or(|(last, _)| last == CLASS_END)
            });
            match counted {
                Some(classes) => (self.classes, self.class) = (classes, 0),
                None => return Some(Run::load_malformed(items, record.whole)),
            }
        }
    }

    /// The bytes of the next class, none for an absent one.
    fn next_class(&mut self) -> Option<Data<'a>> {
        let end = self.classes.iter().position(|byte| byte == CLASS_END)?;
        let (part, left) = self.classes.split_at(end)?;
        self.classes = left.split_at(1)?.1;
        Some(part)
    }
}

impl Sums {
    /// By the rule that most of the records follow. The frame's own check sum has been right already, and meters are known
    /// whose records fit no rule: where less than half of several do, or a single one does not, the sums tell nothing. One
    /// record may fit by chance, so it takes more than one to speak against many.
    fn of(data: Data<'_>) -> Self {
        let (mut left, mut records, mut right) = (data, 0_usize, [0_usize; SUM_FROM.len()]);
        while let Some(record) = Record::split(left) {
            left = record.left;
            // Who marks a record as bad later may leave its sum as it was.
            if record.form == Form::Good {
                records += 1;
                SUM_FROM
                    .iter()
                    .zip(&mut right)
                    .for_each(|(from, right)| *right += usize::from(record.sum_is_right(*from)));
            }
        }
        let (mut from, mut most) = (0, 0);
        for (own, right) in SUM_FROM.into_iter().zip(right) {
            if right > most {
                (from, most) = (own, right);
            }
        }
        Self { from, decide: most > 0 && most * 2 >= records }
    }
}

/// One load-profile record: `A0 A0`, the length, the time, classes each ended by AA, the sum, `E5`.
struct Record<'a> {
    whole: Data<'a>,
    left: Data<'a>,
    form: Form,
    time: Option<DateTime>,
}

/// What a record is by its marks and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// They agree.
    Good,
    /// They agree, and the meter says itself that the record is not good.
    MarkedBad,
    /// They do not: no byte of it is to be believed, not even where it ends.
    Broken,
}

impl<'a> Record<'a> {
    /// Splits it off the front of `data`.
    fn split(data: Data<'a>) -> Option<Self> {
        if data.is_empty() {
            return None;
        }
        let head = data.take::<8>();
        let time = head.and_then(|([_, _, _, time @ ..], _)| DateTime::from_wire_minute(time));
        let end = match head {
            Some(([a, b, len, ..], _)) if Self::starts(a, b) => Self::end(data, len.into()),
            _ => None,
        };
        let Some((whole, left)) = end.and_then(|end| data.split_at(end)) else {
            return Some(Self { whole: data, left: Data::default(), form: Form::Broken, time });
        };
        let form = if whole.get(0) == Some(LOAD_START) { Form::Good } else { Form::MarkedBad };
        Some(Self { whole, left, form, time })
    }

    fn starts(a: u8, b: u8) -> bool {
        a == b && matches!(a, LOAD_START | LOAD_BAD)
    }

    /// Where a record ends that counts `len` bytes: the end mark stands there, and nothing or another record follows. Meter
    /// firmware counts from the time up to the last class; some count the sum with it, or the end too.
    fn end(data: Data<'_>, len: usize) -> Option<usize> {
        (0..=LOAD_TAIL).map(|counted| LOAD_HEAD + len + LOAD_TAIL - counted).find(|&end| {
            let mut bytes = data.iter().skip(end - 1);
            end >= LOAD_SHORTEST
                && bytes.next() == Some(LOAD_END)
                && match (bytes.next(), bytes.next()) {
                    (None, _) => true,
                    (Some(a), Some(b)) => Self::starts(a, b),
                    (Some(_), None) => false,
                }
        })
    }

    /// The sum is of every byte before it, the first `from` left out.
    fn sum_is_right(&self, from: usize) -> bool {
        let summed = self.whole.len().saturating_sub(LOAD_TAIL);
        let sum = self.whole.iter().take(summed).skip(from).fold(0, u8::wrapping_add);
        self.form != Form::Broken && self.whole.get(summed) == Some(sum)
    }

    /// Whether its time is its own. Where its sum does not speak for it, its marks, its length and a time that is one must;
    /// what the meter marked as bad needs the sum.
    fn is_believed(&self, sums: Sums) -> bool {
        let plausible = self.form == Form::Good && !sums.decide && self.time.is_some();
        self.sum_is_right(sums.from) || plausible
    }

    /// Its classes, where they are to be believed.
    fn classes(&self, sums: Sums) -> Option<Data<'a>> {
        if self.form != Form::Good || !self.is_believed(sums) {
            return None;
        }
        let (summed, _) = self.whole.split_at(self.whole.len() - LOAD_TAIL)?;
        Some(summed.take::<8>()?.1)
    }
}

impl<'a> Run<'a> {
    fn load(items: &'a Items, fields: &'a [Field], state: RunState, data: Data<'a>) -> Self {
        Self { fields, history: History::Load, ..Self::whole(items, state, data) }
    }

    fn load_malformed(items: &'a Items, data: Data<'a>) -> Self {
        Self::load(items, std::slice::from_ref(&items.unknown), RunState::Malformed, data)
    }
}
