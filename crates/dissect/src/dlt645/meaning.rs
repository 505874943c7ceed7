//! What a frame means as a whole.

use hes_dlt645::items::{History, NoValue, Reading, Value, items};
use hes_dlt645::{
    Answer, Authority, Command, Data, DataId, DateTime, Dialect, Direction, Errors, Follow, Frame, FreezeAt, Password,
    RelayCommand, Service,
};

use super::labels;
use crate::Secrets;
use crate::decoded::{Bit, Explained, Item, Label, Link};

/// What is shown instead of a password.
const STARS: &str = "******";

/// Everything about a frame but its fields.
pub(super) fn explain(frame: &Frame<'_>, dialect: Dialect, secrets: Secrets) -> Explained {
    let (protocol, version) = match dialect {
        Dialect::V2007 => ("dlt645-2007", "2007"),
        Dialect::V1997 => ("dlt645-1997", "1997"),
    };
    let direction = match frame.control.direction() {
        Direction::Request => "down",
        Direction::Answer => "up",
    };
    let link = Link {
        address: frame.address.to_string(),
        ctrl: frame.control.to_string(),
        len: frame.data.len(),
        wake_bytes: frame.wake_bytes,
        data: data_text(frame, dialect, secrets),
    };
    let mut out = Explained { ok: true, protocol, version, direction, link, ..Explained::default() };
    let mut about = About { out: &mut out, dialect, secrets };
    if let Some(service) = dialect.service(frame.control.function()) {
        about.service(service);
    }
    match frame.control.direction() {
        Direction::Request => about.command(Command::parse(dialect, frame)),
        Direction::Answer => about.answer(Answer::parse(dialect, frame)),
    }
    out
}

/// The data without mask; passwords as stars if they are to be hidden.
fn data_text(frame: &Frame<'_>, dialect: Dialect, secrets: Secrets) -> String {
    let hidden = match secrets {
        Secrets::Shown => Vec::new(),
        Secrets::Hidden => super::fields::passwords(frame, dialect),
    };
    let byte = |(at, byte): (usize, u8)| {
        if hidden.iter().any(|range| range.contains(&at)) { "**".to_owned() } else { format!("{byte:02X}") }
    };
    frame.data.iter().enumerate().map(byte).collect()
}

struct About<'o> {
    out: &'o mut Explained,
    dialect: Dialect,
    secrets: Secrets,
}

impl About<'_> {
    fn service(&mut self, service: Service) {
        let (name, label) = labels::service(service);
        self.out.command = Some(name);
        self.out.title = Some(label);
    }

    fn item(&mut self, item: DataId) {
        self.out.di = Some(item.to_string());
        self.out.di_label = Some(item_label(item));
    }

    fn authority(&mut self, authority: &Authority) {
        (self.out.pa, self.out.password) = self.password(authority.password);
        self.out.operator = authority.operator.map(|operator| operator.to_string());
    }

    fn password(&self, password: Password) -> (Option<String>, Option<String>) {
        let shown = match self.secrets {
            Secrets::Shown => password.reveal().to_string(),
            Secrets::Hidden => STARS.to_owned(),
        };
        (Some(format!("{:02X}", password.level)), Some(shown))
    }

    fn command(&mut self, command: Command<'_>) {
        match command {
            Command::Read { item, blocks, since } => {
                if self.dialect == Dialect::V2007 && item.dialect() == Dialect::V1997 {
                    self.out.ctrl_11_with_2_byte_di = Some(item.to_string());
                } else {
                    self.item(item);
                }
                self.out.blocks = blocks.map(record_count);
                self.out.since = since.map(minute);
            }
            Command::ReadFollow { item, seq } => {
                self.item(item);
                self.out.seq = seq;
            }
            Command::ReadAgain | Command::ReadAddress => {}
            Command::Write { item, authority, value } => {
                self.item(item);
                self.authority(&authority);
                let hidden = self.secrets == Secrets::Hidden && super::fields::is_password(item);
                self.out.value = Some(if hidden { STARS.to_owned() } else { value.to_string() });
                if let Some(all) = written(item, &authority, value) {
                    self.readings(item, &all);
                }
            }
            Command::WriteAddress { address } => self.out.address = Some(address.to_string()),
            Command::BroadcastTime { time } => self.out.time = Some(time.to_string()),
            Command::Freeze { at } => self.out.freeze_at = Some(freeze_at(at)),
            Command::ChangeBaud { baud } => self.out.baud = baud.speed(),
            Command::ChangePassword { item, old, new } => {
                if let Some(item) = item {
                    self.item(item);
                }
                (self.out.pa, self.out.password) = self.password(old);
                (self.out.new_pa, self.out.new_password) = self.password(new);
            }
            Command::ClearDemand { authority } | Command::ClearMeter { authority } => self.authority(&authority),
            Command::ClearEvents { authority, item } => {
                self.authority(&authority);
                self.item(item);
            }
            Command::Relay(relay) => self.relay(&relay),
            Command::SealedRelay { authority, sealed } => {
                self.authority(&authority);
                self.out.value = Some(sealed.to_string());
            }
            Command::MultiFunction { output } => self.out.value = Some(format!("{output:02X}")),
            Command::Security { item, data } => {
                self.item(item);
                self.out.value = Some(data.to_string());
            }
            Command::Other { control, data } => match self.dialect.service(control.0) {
                None => self.unknown(),
                // What stands behind the item has a form of its own, as where one meter answers for others.
                Some(Service::Read | Service::ReadFollow | Service::Write)
                    if self.secrets == Secrets::Shown || !super::fields::carries_password(control) =>
                {
                    if let Some((item, rest)) = DataId::split(self.dialect, data) {
                        self.item(item);
                        self.out.value = (!rest.is_empty()).then(|| rest.to_string());
                    }
                }
                Some(_) => {}
            },
        }
    }

    /// A control byte that the dialect does not use.
    fn unknown(&mut self) {
        self.out.command = Some("unknown");
        self.out.title = Some(Label::new("Unknown control code", "未知控制码"));
    }

    fn relay(&mut self, relay: &RelayCommand) {
        self.authority(&Authority { password: relay.password, operator: Some(relay.operator) });
        self.out.n1 = Some(format!("{:02X}", relay.action.code()));
        self.out.action = Some(relay.action.name());
        self.out.action_label = Some(labels::action(relay.action));
        self.out.n2 = Some(format!("{:02X}", relay.n2));
        match relay.deadline() {
            Some(deadline) => self.out.valid_until = Some(deadline.to_string()),
            None => self.out.valid_until_raw = Some(Data::plain(&relay.valid_until.0).to_string()),
        }
    }

    fn answer(&mut self, answer: Answer<'_>) {
        match answer {
            Answer::Data { item, data, seq, follow, .. } => {
                self.item(item);
                self.out.seq = seq;
                if follow == Follow::More {
                    self.out.more = Some(true);
                }
                self.data(item, data, seq);
            }
            Answer::Address { address } => match address.number() {
                Some(_) => self.out.address = Some(address.to_string()),
                // An address has no other digits: it is shown as bytes.
                None => self.out.value = Some(Data::plain(&address.0).to_string()),
            },
            Answer::Done { .. } => {}
            Answer::BaudChanged { baud } => self.out.baud = baud.speed(),
            Answer::PasswordChanged { password } => (self.out.pa, self.out.password) = self.password(password),
            Answer::MultiFunction { output } => self.out.value = Some(format!("{output:02X}")),
            Answer::Security { item, data } => {
                self.item(item);
                self.out.value = Some(data.to_string());
            }
            Answer::Refused { errors, service } => self.refused(errors, service),
            Answer::Other { control, .. } => {
                // A refusal whose reason is missing or not of its length is one all the same.
                if control.is_abnormal() {
                    self.out.error = Some(true);
                }
                // Nobody answers a broadcast.
                if matches!(self.dialect.service(control.function()), None | Some(Service::BroadcastTime)) {
                    self.unknown();
                }
            }
        }
    }

    fn refused(&mut self, errors: Errors, service: Service) {
        self.out.error = Some(true);
        let digits = if service == Service::Security { 4 } else { 2 };
        self.out.err = Some(format!("{:0digits$X}", errors.bits()));
        self.out.err_bits = Some(errors.names().collect());
        self.out.err_labels = Some(errors.names().map(labels::error).collect());
    }

    /// The values behind an item. A part of a longer answer says little by itself: it is shown as bytes.
    fn data(&mut self, item: DataId, data: Data<'_>, seq: Option<u8>) {
        if self.out.more.is_some() || seq.is_some() {
            self.out.value = Some(data.to_string());
            return;
        }
        let mut readings = items(item.dialect()).read(item, data);
        let all: Vec<Reading<'_>> = readings.by_ref().collect();
        self.out.terminator = readings.terminator().map(|byte| format!("{byte:02X}"));
        self.readings(item, &all);
    }

    fn readings(&mut self, item: DataId, all: &[Reading<'_>]) {
        for reading in all {
            match reading.value {
                Value::DateWeekday(date, weekday) => {
                    self.out.date = Some(date.to_string());
                    self.out.weekday = weekday;
                }
                Value::Time(time) => self.out.time = Some(time.to_string()),
                Value::Minute(at) if is_freeze(item) && reading.obis.is_none() => {
                    self.out.freeze_time = Some(minute(at));
                }
                _ => {}
            }
        }
        self.out.items = Some(to_items(item, all));
    }
}

/// What a value to be written says: where the item is known, the value has its form, and it is not for a security module.
pub(super) fn written<'a>(item: DataId, authority: &Authority, value: Data<'a>) -> Option<Vec<Reading<'a>>> {
    let table = items(item.dialect());
    if authority.password.is_of_security_module() || !table.knows(item) {
        return None;
    }
    let all: Vec<Reading<'_>> = table.read(item, value).collect();
    let malformed = |reading: &Reading<'_>| matches!(reading.value, Value::None(NoValue::Malformed));
    (!all.iter().any(malformed)).then_some(all)
}

/// The values behind an item, put together from all frames of an answer.
pub(crate) fn values(item: DataId, data: &[u8]) -> Vec<Item> {
    let all: Vec<Reading<'_>> = items(item.dialect()).read(item, Data::plain(data)).collect();
    to_items(item, &all)
}

fn to_items(item: DataId, readings: &[Reading<'_>]) -> Vec<Item> {
    let naming = Naming::of(item, readings);
    readings.iter().map(|reading| to_item(reading, naming)).collect()
}

/// Items 05: freezes.
fn is_freeze(item: DataId) -> bool {
    matches!(item, DataId::V2007(di) if di >> 24 == 0x05)
}

/// How the values of an answer are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// Item and tariff or phase: `forward_active_energy_total`.
    Full,
    /// In a block over the tariffs of one item, the tariff alone: `total`, `tariff1` …
    Tariff,
}

impl Naming {
    fn of(item: DataId, readings: &[Reading<'_>]) -> Self {
        let open = match item {
            DataId::V2007(di) => di >> 8 & 0xFF == 0xFF && matches!(di >> 24, 0x00 | 0x01),
            DataId::V1997(di) => di & 0x0F == 0x0F && matches!(di >> 12, 0x9..=0xB),
        };
        let tariff = |reading: &Reading<'_>| {
            reading.name.suffix() == "total" || reading.name.suffix().strip_prefix("tariff").is_some()
        };
        if open && !readings.is_empty() && readings.iter().all(tariff) { Naming::Tariff } else { Naming::Full }
    }
}

fn to_item(reading: &Reading<'_>, naming: Naming) -> Item {
    let name = match naming {
        Naming::Full => reading.name.to_string(),
        Naming::Tariff => reading.name.suffix().to_owned(),
    };
    let (value, no_value) = match &reading.value {
        Value::None(why) => (None, Some(why.code())),
        value => (Some(value.to_string()), None),
    };
    let label = reading_label(reading);
    Item {
        name,
        value,
        unit: reading.field.unit().to_owned(),
        no_value,
        obis: reading.obis.map(|[a, b, c, d, e, f]| format!("{a}.{b}.{c}.{d}.{e}.{f}")),
        history: history(reading.history),
        occurred: reading.occurred.map(minute),
        occurred_no_value: reading.field.format().occurred_no_value(reading.bytes).map(NoValue::code),
        latched: reading.latched.map(minute),
        en: label.en,
        zh: label.zh,
        raw: reading.bytes.to_string(),
        bits: bits(&reading.value),
    }
}

/// The labels of a value, with its tariff or phase; its name where the table has no label.
pub(super) fn reading_label(reading: &Reading<'_>) -> Label {
    let spelled = || reading.name.to_string().replace('_', " ");
    let with = |label: &str, suffix: &str, gap: &str| match (label, suffix) {
        ("", _) => spelled(),
        (label, "") => label.to_owned(),
        (label, suffix) => format!("{label}{gap}{suffix}"),
    };
    let (name, field) = (reading.name, reading.field);
    Label::new(with(field.en(), name.suffix_en(), ", "), with(field.zh(), name.suffix_zh(), " "))
}

/// What an item is called: by its row of the table, and with its tariff or phase where it is one value.
fn item_label(item: DataId) -> Label {
    let table = items(item.dialect());
    let Some((en, zh)) = table.label(item) else {
        return Label::new("Unknown item", "未知数据项");
    };
    if !is_open(item) {
        let first = table.read(item, Data::default()).next();
        let named = first.filter(|reading| !reading.field.en().is_empty());
        return named.map_or_else(|| Label::new(en, zh), |reading| reading_label(&reading));
    }
    // A block of unlike members has a row of its own, which says so.
    if members(item).into_iter().any(|member| table.label(member) == Some((en, zh))) {
        Label::new(format!("{en} (block)"), format!("{zh}(数据块)"))
    } else {
        Label::new(en, zh)
    }
}

/// The first members of a block: what stands in its open places counts from 0, or from 1.
fn members(item: DataId) -> [DataId; 2] {
    let closed = |first: u8| match item {
        DataId::V2007(di) => {
            DataId::V2007(u32::from_be_bytes(di.to_be_bytes().map(|place| if place == 0xFF { first } else { place })))
        }
        DataId::V1997(di) => DataId::V1997(di & 0xFFF0 | u16::from(first)),
    };
    [closed(0), closed(1)]
}

/// Whether one place of the identification asks for everything.
fn is_open(item: DataId) -> bool {
    match item {
        DataId::V2007(di) => di.to_be_bytes().contains(&0xFF),
        DataId::V1997(di) => di & 0x0F == 0x0F,
    }
}

fn bits(value: &Value<'_>) -> Option<Vec<Bit>> {
    let Value::Word(word) = value else { return None };
    let bit = |(field, value): (&hes_dlt645::items::BitField, u64)| Bit {
        bit: field.low,
        width: field.width,
        name: field.name.to_string(),
        value,
        meaning: field.meaning(value).map(str::to_owned),
        en: field.en.to_string(),
        zh: field.zh.to_string(),
    };
    let reserved = word.reserved().map(|bit| Bit {
        bit,
        width: 1,
        name: "reserved".to_owned(),
        value: 1,
        meaning: None,
        en: "Reserved, but set".to_owned(),
        zh: "保留位被置位".to_owned(),
    });
    let mut bits: Vec<Bit> = word.parts().map(bit).chain(reserved).collect();
    bits.sort_by_key(|bit| bit.bit);
    Some(bits)
}

fn history(history: History) -> Option<String> {
    match history {
        History::Now => None,
        History::Settlement(back) => Some(format!("settlement {back}")),
        History::Freeze(kind, back) => Some(format!("{} freeze {back}", format!("{kind:?}").to_lowercase())),
        History::Record(back) => Some(format!("record {back}")),
        History::Load => Some("load record".to_owned()),
    }
}

/// How many load-profile records are asked for: packed decimal; a byte that is none, as it is.
pub(super) fn record_count(byte: u8) -> u8 {
    hes_wire::bcd::from_byte(byte).unwrap_or(byte)
}

/// To the minute.
pub(super) fn minute(at: DateTime) -> String {
    format!("{}T{:02}:{:02}", at.date, at.time.hour(), at.time.minute())
}

fn freeze_at(at: FreezeAt) -> String {
    let place = |part: Option<u8>| part.map_or_else(|| "**".to_owned(), |n| format!("{n:02}"));
    format!("{}-{} {}:{}", place(at.month), place(at.day), place(at.hour), place(at.minute))
}
