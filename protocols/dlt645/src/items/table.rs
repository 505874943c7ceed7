//! The compiled table of items.

use std::collections::HashMap;

use super::format::{Format, Sign};
use super::reading::Readings;
use super::source::{DimensionSource, FieldSource, ItemSource, ObisSource, Role, Source};
use super::word::{BitField, WordTable};
use crate::{Data, DataId, Dialect};

/// What is wrong with a table.
#[derive(Debug, thiserror::Error)]
pub enum ItemsError {
    /// Not TOML, or a key missing, unknown or of the wrong kind.
    #[error("table of data items is not readable")]
    Syntax(#[from] toml::de::Error),
    /// A row that says something that cannot be.
    #[error("row {row:?}: {why}")]
    Row {
        /// The identification or name of the row.
        row: String,
        /// What is wrong.
        why: String,
    },
    /// Two rows for one identification.
    #[error("{first:?} and {second:?} share identifications")]
    Overlap {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
}

/// A table of data items of one dialect.
#[derive(Debug)]
pub struct Items {
    dialect: Dialect,
    pub(super) dimensions: Vec<Dimension>,
    entries: Vec<Entry>,
    nodes: Vec<Node>,
    root: u16,
    pub(super) load_classes: Vec<Box<[Field]>>,
    pub(super) unknown: Field,
    pub(super) rest: Tail,
    pub(super) nameless: Field,
    by_obis: HashMap<[u8; 6], Vec<Spot>>,
}

type Node = [u16; 256];
/// No node, no entry.
const NONE: u16 = u16::MAX;

/// Where a code stands in the table.
#[derive(Debug, Clone, Copy)]
struct Spot {
    entry: usize,
    /// In the list dimension, or among several fields.
    index: usize,
}

/// One field of an item.
#[derive(Debug, Clone)]
pub struct Field {
    pub(super) name: Box<str>,
    format: Format,
    unit: Box<str>,
    obis: Box<[[u8; 6]]>,
    en: Box<str>,
    zh: Box<str>,
}

impl Field {
    /// How its bytes are read.
    pub fn format(&self) -> &Format {
        &self.format
    }
    /// The symbol of its unit as the industry prints it; empty for none.
    pub fn unit(&self) -> &str {
        &self.unit
    }
    /// English label, without tariff or phase.
    pub fn en(&self) -> &str {
        &self.en
    }
    /// Chinese label, without tariff or phase.
    pub fn zh(&self) -> &str {
        &self.zh
    }
    fn raw(name: &str, en: &str, zh: &str) -> Self {
        let (name, unit, en, zh) = (name.into(), "".into(), en.into(), zh.into());
        Self { name, format: Format::Raw(0), unit, obis: Box::default(), en, zh }
    }
    pub(super) fn obis(&self, index: usize) -> Option<[u8; 6]> {
        self.obis.get(index).copied()
    }
}

/// A kind of freeze: DI2 of the items 05.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FreezeKind {
    /// At the times set by a freeze command or parameter.
    Timed,
    /// At once, by a freeze command.
    Immediate,
    /// When the tables of year zones were switched.
    ZoneSwitch,
    /// When the tables of day periods were switched.
    PeriodSwitch,
    /// At every full hour.
    Hourly,
    /// When the tables of prices were switched.
    PriceSwitch,
    /// At midnight.
    Daily,
    /// When the tables of steps were switched.
    StepSwitch,
}

const FREEZES: [FreezeKind; 8] = [
    FreezeKind::Timed,
    FreezeKind::Immediate,
    FreezeKind::ZoneSwitch,
    FreezeKind::PeriodSwitch,
    FreezeKind::Hourly,
    FreezeKind::PriceSwitch,
    FreezeKind::Daily,
    FreezeKind::StepSwitch,
];

/// Which of its values in time a register shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum History {
    /// The value of now.
    #[default]
    Now,
    /// As of so many settlements ago; 1 is the last.
    Settlement(u8),
    /// As of so many freezes of a kind ago; 1 is the last.
    Freeze(FreezeKind, u8),
    /// Of so many events ago; 1 is the last.
    Record(u8),
    /// Of a load-profile record; its time is in the record.
    Load,
}

/// Where a register's value is to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The item that shows this value and no other.
    pub single: Option<DataId>,
    /// The item that shows it among others of its list.
    pub block: Option<DataId>,
    /// Its place in the block, from 0.
    pub index: usize,
}

#[derive(Debug)]
pub(super) struct Dimension {
    name: String,
    values: Vec<u8>,
    block: Option<u8>,
    pub(super) role: Role,
    suffix: Vec<Box<str>>,
    en: Vec<Box<str>>,
    zh: Vec<Box<str>>,
    /// Where each value stands in `values`: the inverse, so that it need not be searched for.
    indices: Box<[Option<u8>; 256]>,
}

impl Dimension {
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
    pub(super) fn value(&self, index: usize) -> Option<u8> {
        self.values.get(index).copied()
    }
    pub(super) fn suffix(&self, index: usize) -> &str {
        self.suffix.get(index).map_or("", |text| text)
    }
    pub(super) fn en(&self, index: usize) -> &str {
        self.en.get(index).map_or("", |text| text)
    }
    pub(super) fn zh(&self, index: usize) -> &str {
        self.zh.get(index).map_or("", |text| text)
    }
    #[inline]
    fn index(&self, value: u8) -> Option<u8> {
        self.indices.get(usize::from(value)).copied().flatten()
    }
    /// The value that asks for the `index`-th of a list, or for a history.
    fn value_for(&self, index: usize, history: History) -> Option<u8> {
        match (self.role, history) {
            (Role::List, _) => self.value(index),
            (Role::Settlement, History::Now) => self.value(0),
            (Role::Settlement, History::Settlement(back)) => self.value(back.into()),
            (Role::FreezeKind, History::Freeze(kind, _)) => self.value(FREEZES.iter().position(|&own| own == kind)?),
            (Role::Freeze, History::Freeze(_, back)) => self.values.contains(&back).then_some(back),
            _ => None,
        }
    }
    /// Whether a place along it may hold `value`. The parts of a compound are items of their own.
    fn has(&self, value: u8) -> bool {
        self.block == Some(value) || self.role != Role::Part && self.values.contains(&value)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Position {
    Exact(u8),
    Along(usize),
}

#[derive(Debug)]
pub(super) struct Entry {
    di: String,
    en: Box<str>,
    zh: Box<str>,
    positions: [Position; 4],
    pub(super) layout: Layout,
    pub(super) stamps: bool,
}

#[derive(Debug)]
pub(super) enum Layout {
    /// Fields one after the other.
    Fields(Fields),
    /// Other items, one after the other.
    Parts {
        /// The place in the identification that counts them.
        position: usize,
        dimension: usize,
        separator: Option<u8>,
    },
    /// Load-profile records.
    LoadProfile,
}

/// The fields of an item.
#[derive(Debug)]
pub(super) struct Fields {
    /// The name that comes before those of several fields, and of malformed data.
    pub(super) name: Box<str>,
    pub(super) fields: Box<[Field]>,
    /// Bytes of all fields together.
    pub(super) bytes: usize,
    /// Repeated over this dimension.
    pub(super) repeat: Option<usize>,
    /// What may follow them, if anything may.
    pub(super) tail: Option<Box<Tail>>,
}

/// What stands after the fields of an item.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    /// For bytes that have another length than the fields.
    pub(super) raw: Field,
    /// None where nothing is known of them.
    pub(super) fields: Box<[Field]>,
    /// Bytes of all fields together.
    pub(super) bytes: usize,
}

impl Tail {
    fn new(fields: Box<[Field]>) -> Self {
        let bytes = fields.iter().map(|field| field.format.len()).sum();
        Self { raw: Field::raw("rest", "Further bytes", "其余字节"), fields, bytes }
    }
}

/// What an identification was found to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) entry: &'a Entry,
    pub(super) places: [u8; 4],
    /// The list dimension and the index in it.
    pub(super) list: Option<(&'a Dimension, usize)>,
    /// The dimension that the identification leaves open.
    pub(super) open: Option<&'a Dimension>,
    pub(super) history: History,
}

impl Items {
    /// Reads a table in the format explained in `config/dlt645/items-2007.toml`.
    pub fn parse(dialect: Dialect, text: &str) -> Result<Self, ItemsError> {
        Compiler::new(dialect, toml::from_str(text)?)?.finish()
    }

    /// Which dialect's items these are.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether the table knows an item.
    pub fn knows(&self, id: DataId) -> bool {
        self.find(id).is_some()
    }

    /// The label of the row an item belongs to, English and Chinese, for requests too; without tariff or phase.
    pub fn label(&self, id: DataId) -> Option<(&str, &str)> {
        self.find(id).map(|found| (&*found.entry.en, &*found.entry.zh))
    }

    /// Reads the data behind an item's identification. Never fails: what is unknown comes out raw.
    #[inline]
    pub fn read<'a>(&'a self, id: DataId, data: Data<'a>) -> Readings<'a> {
        Readings::new(self, self.find(id), data)
    }

    /// Where a register's value is to be asked for; `None` where the dialect has no such register or history.
    ///
    /// Records of events and of load profiles are not found here: they are asked for by number or by time.
    pub fn place(&self, obis: [u8; 6], history: History) -> Option<Place> {
        self.by_obis.get(&obis)?.iter().find_map(|spot| self.place_at(*spot, history))
    }

    /// The class of load-profile records, from 1, in which a register stands.
    pub fn load_class(&self, obis: [u8; 6]) -> Option<u8> {
        let class =
            self.load_classes.iter().position(|fields| fields.iter().any(|field| field.obis(0) == Some(obis)))?;
        u8::try_from(class + 1).ok()
    }

    fn place_at(&self, spot: Spot, history: History) -> Option<Place> {
        let entry = self.entries.get(spot.entry)?;
        let Layout::Fields(Fields { fields, repeat, .. }) = &entry.layout else { return None };
        let (mut places, mut block_places, mut is_list) = ([0; 4], [0; 4], false);
        for ((position, single), block) in entry.positions.iter().zip(&mut places).zip(&mut block_places) {
            *single = match *position {
                Position::Exact(value) => value,
                Position::Along(dimension) => self.dimensions.get(dimension)?.value_for(spot.index, history)?,
            };
            *block = *single;
            if let Position::Along(dimension) = *position {
                let dimension = self.dimensions.get(dimension)?;
                if let (Role::List, Some(value)) = (dimension.role, dimension.block) {
                    (*block, is_list) = (value, true);
                }
            }
        }
        // The item must really show this history, not merely have no place for one.
        if self.find_places(places)?.history != history {
            return None;
        }
        let all_in_one = repeat.is_some() || fields.len() > 1;
        Some(Place {
            single: (!all_in_one).then(|| self.id(places)),
            block: (all_in_one || is_list).then(|| self.id(block_places)),
            index: spot.index,
        })
    }

    #[inline]
    fn places(&self, id: DataId) -> Option<[u8; 4]> {
        match (self.dialect, id) {
            (Dialect::V2007, DataId::V2007(di)) => Some(di.to_be_bytes()),
            (Dialect::V1997, DataId::V1997(di)) => {
                let [high, low] = di.to_be_bytes();
                Some([high >> 4, high & 0x0F, low >> 4, low & 0x0F])
            }
            _ => None,
        }
    }

    fn id(&self, places: [u8; 4]) -> DataId {
        match self.dialect {
            Dialect::V2007 => DataId::V2007(u32::from_be_bytes(places)),
            Dialect::V1997 => {
                let [a, b, c, d] = places;
                DataId::V1997(u16::from_be_bytes([(a << 4) | b, (c << 4) | d]))
            }
        }
    }

    #[inline]
    fn find(&self, id: DataId) -> Option<Found<'_>> {
        self.find_places(self.places(id)?)
    }

    // Always inlined, so that what is found need not pass through memory to be read.
    #[inline(always)]
    pub(super) fn find_places(&self, places: [u8; 4]) -> Option<Found<'_>> {
        let mut at = self.root;
        for place in places {
            at = *self.nodes.get(usize::from(at))?.get(usize::from(place))?;
        }
        let entry = self.entries.get(usize::from(at))?;
        let mut found = Found { entry, places, list: None, open: None, history: History::Now };
        let (mut kind, mut back) = (None, 0);
        for (position, &place) in entry.positions.iter().zip(&places) {
            let Position::Along(dimension) = *position else { continue };
            let dimension = self.dimensions.get(dimension)?;
            if dimension.block == Some(place) && !matches!(dimension.role, Role::Part | Role::Any) {
                // Two open places: nobody says which of them runs first.
                if found.open.replace(dimension).is_some() {
                    return None;
                }
                continue;
            }
            match dimension.role {
                Role::List => found.list = Some((dimension, dimension.index(place)?.into())),
                Role::Settlement => match dimension.index(place)? {
                    0 => {}
                    settlements => found.history = History::Settlement(settlements),
                },
                Role::FreezeKind => kind = FREEZES.get(usize::from(dimension.index(place)?)).copied(),
                Role::Freeze => back = place,
                Role::Record => found.history = History::Record(place),
                Role::Part | Role::Any => {}
            }
        }
        if let Some(kind) = kind {
            found.history = History::Freeze(kind, back);
        }
        Some(found)
    }
}

/// Turns a file into a table, checking every row.
struct Compiler {
    items: Items,
    words: HashMap<String, WordTable>,
    tails: HashMap<String, Tail>,
    rows: Vec<ItemSource>,
}

impl Compiler {
    fn new(dialect: Dialect, source: Source) -> Result<Self, ItemsError> {
        let dimensions = source.dimension.into_iter().map(Dimension::compile).collect::<Result<Vec<_>, _>>()?;
        let mut words = HashMap::new();
        for word in source.word {
            let bits = word.bits.into_iter().map(|bit| BitField {
                low: bit.bit,
                width: bit.width,
                name: bit.name.into(),
                meanings: bit.values.into_iter().map(Into::into).collect(),
                en: bit.en.into(),
                zh: bit.zh.into(),
            });
            let bits: Vec<_> = bits.collect();
            let fits =
                |bit: &BitField| (1..=16).contains(&bit.width) && usize::from(bit.low + bit.width) <= 8 * word.bytes;
            if !(1..=8).contains(&word.bytes) || !bits.iter().all(fits) {
                return Err(wrong(&word.name, "a word has 1 to 8 bytes, and its bits are within them"));
            }
            words.insert(word.name, WordTable::new(word.bytes, bits));
        }
        let items = Items {
            dialect,
            dimensions,
            entries: Vec::new(),
            nodes: Vec::new(),
            root: NONE,
            load_classes: Vec::new(),
            unknown: Field::raw("unknown", "Unknown", "未知"),
            nameless: Field::raw("", "", ""),
            rest: Tail::new(Box::default()),
            by_obis: HashMap::new(),
        };
        let mut compiler = Self { items, words, tails: HashMap::new(), rows: source.item };
        for tail in source.tail {
            let fields = tail.fields.into_iter().map(|field| compiler.field(&tail.name, field, None));
            let fields = fields.collect::<Result<_, _>>()?;
            compiler.tails.insert(tail.name, Tail::new(fields));
        }
        for class in source.load_class {
            let fields = class.fields.into_iter().map(|field| compiler.field("load class", field, None));
            let fields = fields.collect::<Result<_, _>>()?;
            compiler.items.load_classes.push(fields);
        }
        Ok(compiler)
    }

    fn finish(mut self) -> Result<Items, ItemsError> {
        for row in std::mem::take(&mut self.rows) {
            let entry = self.entry(row)?;
            self.items.entries.push(entry);
        }
        self.index_codes();
        let all = (0..self.items.entries.len()).collect();
        self.items.root = self.node(0, all, &mut HashMap::new())?;
        Ok(self.items)
    }

    fn entry(&self, row: ItemSource) -> Result<Entry, ItemsError> {
        let fail = |why: &str| wrong(&row.di, why);
        let mut places = row.di.split_ascii_whitespace().map(|place| self.position(place));
        let mut next = || places.next().flatten();
        let positions = match (next(), next(), next(), next(), next()) {
            (Some(a), Some(b), Some(c), Some(d), None) => [a, b, c, d],
            _ => return Err(fail("four places, each a hexadecimal value or the name of a dimension")),
        };
        let dimension = |name: &str| self.dimension(name).ok_or_else(|| fail("no such dimension"));
        let repeat = row.repeat.as_deref().map(dimension).transpose()?;
        let list = repeat.or_else(|| {
            positions.iter().find_map(|position| match *position {
                Position::Along(at) => self.items.dimensions.get(at).filter(|d| d.role == Role::List).map(|_| at),
                Position::Exact(_) => None,
            })
        });
        let list = list.and_then(|at| self.items.dimensions.get(at));

        let layout = if let Some(parts) = &row.parts {
            let part = dimension(parts)?;
            let is_part = |position: &Position| matches!(position, Position::Along(at) if *at == part);
            Layout::Parts {
                position: positions.iter().position(is_part).ok_or_else(|| fail("the parts are not in a place"))?,
                dimension: part,
                separator: row
                    .separator
                    .as_deref()
                    .map(|text| hex_byte(text).ok_or_else(|| fail("the separator is a byte")))
                    .transpose()?,
            }
        } else if row.load_profile {
            Layout::LoadProfile
        } else {
            let sources = match (&row.format, row.fields.is_empty()) {
                (Some(format), true) => vec![FieldSource {
                    name: row.name.clone(),
                    format: format.clone(),
                    unit: row.unit.clone(),
                    signed: row.signed,
                    obis: row.obis.clone(),
                    en: row.en.clone(),
                    zh: row.zh.clone(),
                }],
                (None, false) => row.fields,
                _ => return Err(fail("either a format or fields")),
            };
            let fields =
                sources.into_iter().map(|field| self.field(&row.di, field, list)).collect::<Result<Box<[_]>, _>>()?;
            let bytes = fields.iter().map(|field| field.format.len()).sum();
            let tail = match &row.then {
                Some(name) => Some(self.tails.get(name).ok_or_else(|| wrong(&row.di, "no such tail"))?),
                None => row.tail.then_some(&self.items.rest),
            };
            let tail = tail.cloned().map(Box::new);
            Layout::Fields(Fields { name: row.name.into(), fields, bytes, repeat, tail })
        };
        Ok(Entry { di: row.di, en: row.en.into(), zh: row.zh.into(), positions, layout, stamps: row.stamps })
    }

    fn position(&self, place: &str) -> Option<Position> {
        let digits = match self.items.dialect {
            Dialect::V2007 => 2,
            Dialect::V1997 => 1,
        };
        match self.dimension(place) {
            Some(dimension) => Some(Position::Along(dimension)),
            None => hex_byte(place).filter(|_| place.len() == digits).map(Position::Exact),
        }
    }

    fn dimension(&self, name: &str) -> Option<usize> {
        self.items.dimensions.iter().position(|own| own.name == name)
    }

    fn field(&self, row: &str, source: FieldSource, list: Option<&Dimension>) -> Result<Field, ItemsError> {
        let sign = if source.signed { Sign::TopBit } else { Sign::None };
        let format = Format::parse(&source.format, sign, |word| self.words.get(word).cloned())
            .ok_or_else(|| wrong(row, &format!("no format is written {:?}", source.format)))?;
        let ObisSource(codes) = source.obis.unwrap_or(ObisSource(Vec::new()));
        let codes = match (codes.as_slice(), list) {
            ([one], Some(list)) if one.contains("{n}") => {
                list.values.iter().map(|n| one.replace("{n}", &n.to_string())).collect()
            }
            _ => codes,
        };
        let obis = codes.iter().map(|code| obis(code).ok_or_else(|| wrong(row, &format!("{code:?} is no OBIS code"))));
        Ok(Field {
            name: source.name.into(),
            format,
            unit: source.unit.into(),
            obis: obis.collect::<Result<_, _>>()?,
            en: source.en.into(),
            zh: source.zh.into(),
        })
    }

    /// Notes where each code stands, rows of the file in order.
    fn index_codes(&mut self) {
        for (entry, row) in self.items.entries.iter().enumerate() {
            let Layout::Fields(Fields { fields, .. }) = &row.layout else { continue };
            for (at, field) in fields.iter().enumerate() {
                for (along, code) in field.obis.iter().enumerate() {
                    let index = if fields.len() > 1 { at } else { along };
                    self.items.by_obis.entry(*code).or_default().push(Spot { entry, index });
                }
            }
        }
    }

    /// The node that tells `entries` apart from place `depth` on. Equal sets share a node.
    fn node(
        &mut self,
        depth: usize,
        entries: Vec<usize>,
        made: &mut HashMap<(usize, Vec<usize>), u16>,
    ) -> Result<u16, ItemsError> {
        if let Some(&node) = made.get(&(depth, entries.clone())) {
            return Ok(node);
        }
        let mut node = [NONE; 256];
        for (value, target) in (0..=u8::MAX).zip(&mut node) {
            let fitting: Vec<_> = entries.iter().copied().filter(|&entry| self.fits(entry, depth, value)).collect();
            *target = match fitting.as_slice() {
                [] => NONE,
                [only] if depth == 3 => narrow(*only)?,
                [first, second, ..] if depth == 3 => return Err(self.overlap(*first, *second)),
                _ => self.node(depth + 1, fitting, made)?,
            };
        }
        let number = narrow(self.items.nodes.len())?;
        self.items.nodes.push(node);
        made.insert((depth, entries), number);
        Ok(number)
    }

    fn fits(&self, entry: usize, depth: usize, value: u8) -> bool {
        match self.items.entries.get(entry).and_then(|entry| entry.positions.get(depth)) {
            Some(Position::Exact(own)) => *own == value,
            Some(Position::Along(dimension)) => self.items.dimensions.get(*dimension).is_some_and(|d| d.has(value)),
            None => false,
        }
    }

    fn overlap(&self, first: usize, second: usize) -> ItemsError {
        let di = |entry| self.items.entries.get(entry).map_or_else(String::new, |entry: &Entry| entry.di.clone());
        ItemsError::Overlap { first: di(first), second: di(second) }
    }
}

impl Dimension {
    fn compile(source: DimensionSource) -> Result<Self, ItemsError> {
        let fail = |why| wrong(&source.name, why);
        let mut values = Vec::new();
        for range in source.values.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            match (hex_byte(first.trim()), hex_byte(last.trim())) {
                (Some(first), Some(last)) if first <= last => values.extend(first..=last),
                _ => return Err(fail("values are hexadecimal, as 00-3F or 0,4,8")),
            }
        }
        let block = match &source.block {
            None => None,
            Some(text) => Some(hex_byte(text).ok_or_else(|| fail("the block is a hexadecimal value"))?),
        };
        let kinds_fit = source.role != Role::FreezeKind || values.len() <= FREEZES.len();
        if values.is_empty() || !kinds_fit || block.is_some_and(|block| values.contains(&block)) {
            return Err(fail("no values, more than there are kinds, or the block is one of them"));
        }
        let texts = |texts: &[String]| {
            values
                .iter()
                .enumerate()
                .map(|(at, value)| {
                    let text = texts.get(at).or(texts.last()).map_or("", |text| text);
                    text.replace("{n}", &value.to_string()).into()
                })
                .collect()
        };
        let mut indices = Box::new([None; 256]);
        for (index, &value) in (0..=u8::MAX).zip(&values) {
            if let Some(own) = indices.get_mut(usize::from(value)) {
                own.get_or_insert(index);
            }
        }
        let (suffix, en, zh) = (texts(&source.suffix), texts(&source.en), texts(&source.zh));
        Ok(Self { name: source.name, values, block, role: source.role, suffix, en, zh, indices })
    }
}

fn wrong(row: &str, why: &str) -> ItemsError {
    ItemsError::Row { row: row.to_owned(), why: why.to_owned() }
}

fn narrow(number: usize) -> Result<u16, ItemsError> {
    u16::try_from(number)
        .ok()
        .filter(|&number| number != NONE)
        .ok_or_else(|| wrong("the whole table", "more than 65534 rows or nodes"))
}

fn hex_byte(text: &str) -> Option<u8> {
    u8::from_str_radix(text, 16).ok().filter(|_| !text.starts_with('+'))
}

fn obis(text: &str) -> Option<[u8; 6]> {
    let mut groups = [0; 6];
    let mut parts = text.split('.');
    for group in &mut groups {
        *group = parts.next()?.parse().ok()?;
    }
    parts.next().is_none().then_some(groups)
}
