//! Requests, typed: what a master asks of a meter.

use std::fmt::{self, Debug, Display, Formatter};
use std::ops::RangeInclusive;

use hes_wire::bcd;

use crate::encode::{EncodeError, Envelope, Written, write_frame};
use crate::{Address, Control, Data, DataId, DateTime, Dialect, Effect, Frame, Service};

/// Bytes that are read as one number, kept in wire order and shown most significant first: operator codes, passwords.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code<const N: usize>(pub [u8; N]);

impl<const N: usize> Display for Code<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().rev().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}
impl<const N: usize> Debug for Code<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// A password with its level, `PA P0 P1 P2`. Prints as stars; [`Password::reveal`] shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password {
    /// 00 is the strongest, 09 the weakest; 98 and 99 say that the security module decides.
    pub level: u8,
    code: Code<3>,
}

/// `PA P0 P1 P2 C0 C1 C2 C3`, then 16 bytes enciphered and 4 of authentication code.
const SEALED_RELAY_BYTES: usize = 28;

impl Password {
    const SEALED: u8 = 0x98;
    const AUTHENTICATED: u8 = 0x99;

    /// A password of a level.
    pub const fn new(level: u8, code: Code<3>) -> Self {
        Self { level, code }
    }
    /// Whether what follows is enciphered for the meter's security module: level 98.
    pub const fn is_sealed(self) -> bool {
        self.level == Self::SEALED
    }
    /// Whether the security module decides instead of the password: levels 98 and 99. What follows carries its
    /// authentication code.
    pub const fn is_of_security_module(self) -> bool {
        matches!(self.level, Self::SEALED | Self::AUTHENTICATED)
    }
    /// The password itself. Not for logs.
    pub const fn reveal(self) -> Code<3> {
        self.code
    }
    pub(crate) fn from_wire([level, code @ ..]: [u8; 4]) -> Self {
        Self { level, code: Code(code) }
    }
    pub(crate) fn to_wire(self) -> [u8; 4] {
        let Code([p0, p1, p2]) = self.code;
        [self.level, p0, p1, p2]
    }
}

impl Debug for Password {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X} ***", self.level)
    }
}

/// Who asks: password, and in 2007 the operator's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority {
    /// The password.
    pub password: Password,
    /// The operator, four bytes; the 1997 edition has none.
    pub operator: Option<Code<4>>,
}

impl Authority {
    /// Splits it off the front of `data`.
    fn split(dialect: Dialect, data: Data<'_>) -> Option<(Self, Data<'_>)> {
        let (password, rest) = data.take::<4>()?;
        let (operator, rest) = match dialect {
            Dialect::V2007 => rest.take::<4>().map(|(operator, rest)| (Some(Code(operator)), rest))?,
            Dialect::V1997 => (None, rest),
        };
        Some((Self { password: Password::from_wire(password), operator }, rest))
    }
    fn whole(dialect: Dialect, data: Data<'_>) -> Option<Self> {
        Self::split(dialect, data).and_then(|(authority, rest)| rest.is_empty().then_some(authority))
    }
    fn operator(&self) -> &[u8] {
        self.operator.as_ref().map_or(&[], |code| &code.0)
    }
}

/// What a relay command does: `N1`, DL/T 645-2007 supplement on cost control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelayAction {
    /// 1A: opens the relay.
    Trip,
    /// 1B: lets a person close it by a button.
    CloseAllow,
    /// 1C: closes it.
    Close,
    /// 2A: warns the customer.
    AlarmOn,
    /// 2B: ends the warning.
    AlarmOff,
    /// 3A: refuses trips from now on.
    KeepPowerOn,
    /// 3B: allows trips again.
    KeepPowerOff,
    /// Any other code. 1D and 1E are said to trip with a delay or to close again by themselves; nobody has shown us one.
    Other(u8),
}

const ACTIONS: [(u8, RelayAction, &str); 7] = [
    (0x1A, RelayAction::Trip, "trip"),
    (0x1B, RelayAction::CloseAllow, "close_allow"),
    (0x1C, RelayAction::Close, "close"),
    (0x2A, RelayAction::AlarmOn, "alarm_on"),
    (0x2B, RelayAction::AlarmOff, "alarm_off"),
    (0x3A, RelayAction::KeepPowerOn, "keep_power_on"),
    (0x3B, RelayAction::KeepPowerOff, "keep_power_off"),
];

impl RelayAction {
    /// The action of a code.
    pub fn from_code(code: u8) -> Self {
        ACTIONS.iter().find(|row| row.0 == code).map_or(RelayAction::Other(code), |row| row.1)
    }
    /// The code of the action.
    pub fn code(self) -> u8 {
        match self {
            RelayAction::Other(code) => code,
            known => ACTIONS.iter().find(|row| row.1 == known).map_or(0, |row| row.0),
        }
    }
    /// The stable name; `unknown` for other codes.
    pub fn name(self) -> &'static str {
        ACTIONS.iter().find(|row| row.1 == self).map_or("unknown", |row| row.2)
    }
}

/// When to freeze; `None` in a place means every.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FreezeAt {
    /// The month.
    pub month: Option<u8>,
    /// The day of the month.
    pub day: Option<u8>,
    /// The hour.
    pub hour: Option<u8>,
    /// The minute.
    pub minute: Option<u8>,
}

impl FreezeAt {
    /// Freeze now.
    pub const NOW: Self = Self { month: None, day: None, hour: None, minute: None };
    const EVERY: u8 = 99;

    fn from_wire(wire: [u8; 4]) -> Option<Self> {
        let place = |byte| bcd::from_byte(byte).map(|n| (n != Self::EVERY).then_some(n));
        let [minute, hour, day, month] = wire;
        let at = Self { month: place(month)?, day: place(day)?, hour: place(hour)?, minute: place(minute)? };
        at.exists().then_some(at)
    }
    fn to_wire(self) -> Option<[u8; 4]> {
        let place = |part: Option<u8>| bcd::to_byte(part.unwrap_or(Self::EVERY));
        self.exists().then_some([place(self.minute)?, place(self.hour)?, place(self.day)?, place(self.month)?])
    }
    /// Whether clocks ever show it.
    fn exists(self) -> bool {
        let within = |part: Option<u8>, range: RangeInclusive<u8>| part.is_none_or(|part| range.contains(&part));
        within(self.month, 1..=12)
            && within(self.day, 1..=31)
            && within(self.hour, 0..=23)
            && within(self.minute, 0..=59)
    }
}

/// The byte that names a speed, `Z`: one bit a speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Baud(pub u8);

impl Baud {
    const SPEEDS: [(u8, u32); 6] =
        [(1 << 1, 600), (1 << 2, 1200), (1 << 3, 2400), (1 << 4, 4800), (1 << 5, 9600), (1 << 6, 19_200)];

    /// The byte for a speed in bits a second.
    pub fn from_speed(speed: u32) -> Option<Self> {
        Self::SPEEDS.iter().find(|row| row.1 == speed).map(|row| Self(row.0))
    }
    /// The speed in bits a second; `None` where not exactly one known bit is set.
    pub fn speed(self) -> Option<u32> {
        Self::SPEEDS.iter().find(|row| row.0 == self.0).map(|row| row.1)
    }
}

/// A request. Data that does not have the form its control byte promises comes out as [`Command::Other`], never guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command<'a> {
    /// Read a data item.
    Read {
        /// Which. Two bytes under the 2007 code are seen in the field; a 2007 meter answers them with an error.
        item: DataId,
        /// How many load-profile records; the byte as sent.
        blocks: Option<u8>,
        /// From which time on; needs `blocks`.
        since: Option<DateTime>,
    },
    /// Read the next frame of an answer.
    ReadFollow {
        /// The item being read.
        item: DataId,
        /// The frame wanted, counted from 1; the 1997 edition does not count.
        seq: Option<u8>,
    },
    /// 1997: read the last answer again.
    ReadAgain,
    /// Read the communication address.
    ReadAddress,
    /// Write a data item.
    Write {
        /// Which.
        item: DataId,
        /// By whom.
        authority: Authority,
        /// The new value.
        value: Data<'a>,
    },
    /// Set the communication address.
    WriteAddress {
        /// The new one.
        address: Address,
    },
    /// Set the clock of everybody who hears it.
    BroadcastTime {
        /// The time.
        time: DateTime,
    },
    /// Freeze now, or at these times from now on.
    Freeze {
        /// When.
        at: FreezeAt,
    },
    /// Change the speed of the line.
    ChangeBaud {
        /// The new speed.
        baud: Baud,
    },
    /// Change a password.
    ChangePassword {
        /// 2007: which password, 04000C0n.
        item: Option<DataId>,
        /// The password that allows it.
        old: Password,
        /// The new one.
        new: Password,
    },
    /// Clear the maximum demand.
    ClearDemand {
        /// By whom.
        authority: Authority,
    },
    /// Clear the meter.
    ClearMeter {
        /// By whom.
        authority: Authority,
    },
    /// Clear events.
    ClearEvents {
        /// By whom.
        authority: Authority,
        /// Which: FFFFFFFF for all, or one kind with DI0 = FF.
        item: DataId,
    },
    /// Relay, alarm, keep power on.
    Relay(RelayCommand),
    /// The same, enciphered for the meter's security module: nobody else can tell which.
    SealedRelay {
        /// Level 98, and by whom.
        authority: Authority,
        /// `N1 … N8` enciphered, and their authentication code; in which order they are sent, sources disagree.
        sealed: Data<'a>,
    },
    /// Choose what the multi-function output shows: 0 clock second, 1 demand period, 2 period switch.
    MultiFunction {
        /// The choice.
        output: u8,
    },
    /// Security authentication, opaque to us.
    Security {
        /// Which step.
        item: DataId,
        /// Operator, ciphers and the rest.
        data: Data<'a>,
    },
    /// A control byte that the dialect does not use, or data that does not fit it.
    Other {
        /// The control byte.
        control: Control,
        /// The data.
        data: Data<'a>,
    },
}

/// The body of a relay command in clear: `PA P0 P1 P2 C0 C1 C2 C3 N1 N2 N3 … N8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayCommand {
    /// By whom.
    pub password: Password,
    /// By which operator.
    pub operator: Code<4>,
    /// What to do.
    pub action: RelayAction,
    /// `N2`, 00.
    pub n2: u8,
    /// `N3 … N8`, the moment until which the command counts, by the meter's clock: `ss mm hh DD MM YY` as sent.
    pub valid_until: Code<6>,
}

impl RelayCommand {
    /// The moment until which the command counts; `None` where the bytes name none.
    pub fn deadline(&self) -> Option<DateTime> {
        DateTime::from_wire(self.valid_until.0)
    }
    fn from_wire(wire: [u8; 16]) -> Self {
        let [pa, p0, p1, p2, c0, c1, c2, c3, n1, n2, until @ ..] = wire;
        Self {
            password: Password::from_wire([pa, p0, p1, p2]),
            operator: Code([c0, c1, c2, c3]),
            action: RelayAction::from_code(n1),
            n2,
            valid_until: Code(until),
        }
    }
}

impl<'a> Command<'a> {
    /// Reads a request. Total: what does not fit is [`Command::Other`].
    pub fn parse(dialect: Dialect, frame: &Frame<'a>) -> Self {
        let (control, data) = (frame.control, frame.data);
        dialect
            .service(control.0)
            .and_then(|service| Self::typed(dialect, service, data))
            .unwrap_or(Command::Other { control, data })
    }

    fn typed(dialect: Dialect, service: Service, data: Data<'a>) -> Option<Self> {
        Some(match service {
            Service::Read => Self::read(dialect, data)?,
            Service::ReadFollow => {
                let (item, rest) = DataId::split(dialect, data)?;
                match (dialect, rest.len()) {
                    (Dialect::V2007, 1) => Command::ReadFollow { item, seq: rest.get(0) },
                    (Dialect::V1997, 0) => Command::ReadFollow { item, seq: None },
                    _ => return None,
                }
            }
            Service::ReadAgain => data.is_empty().then_some(Command::ReadAgain)?,
            Service::ReadAddress => data.is_empty().then_some(Command::ReadAddress)?,
            Service::Write => {
                let (item, rest) = DataId::split(dialect, data)?;
                let (authority, value) = Authority::split(dialect, rest)?;
                Command::Write { item, authority, value }
            }
            Service::WriteAddress => Command::WriteAddress { address: Address(data.exactly()?) },
            Service::BroadcastTime => Command::BroadcastTime { time: DateTime::from_wire(data.exactly()?)? },
            Service::Freeze => Command::Freeze { at: FreezeAt::from_wire(data.exactly()?)? },
            Service::ChangeBaud => {
                let [z] = data.exactly()?;
                Command::ChangeBaud { baud: Baud(z) }
            }
            Service::ChangePassword => {
                let (item, rest) = match dialect {
                    Dialect::V2007 => DataId::split(dialect, data).map(|(item, rest)| (Some(item), rest))?,
                    Dialect::V1997 => (None, data),
                };
                let (old, rest) = rest.take::<4>()?;
                Command::ChangePassword {
                    item,
                    old: Password::from_wire(old),
                    new: Password::from_wire(rest.exactly()?),
                }
            }
            Service::ClearDemand => Command::ClearDemand { authority: Authority::whole(dialect, data)? },
            Service::ClearMeter => Command::ClearMeter { authority: Authority::whole(dialect, data)? },
            Service::ClearEvents => {
                let (authority, rest) = Authority::split(dialect, data)?;
                let (item, rest) = DataId::split(dialect, rest)?;
                rest.is_empty().then_some(Command::ClearEvents { authority, item })?
            }
            Service::Relay if data.len() == SEALED_RELAY_BYTES => {
                let (authority, sealed) = Authority::split(dialect, data)?;
                authority.password.is_sealed().then_some(Command::SealedRelay { authority, sealed })?
            }
            Service::Relay => Command::Relay(RelayCommand::from_wire(data.exactly()?)),
            Service::MultiFunction => {
                let [output] = data.exactly()?;
                Command::MultiFunction { output }
            }
            Service::Security => {
                let (item, data) = DataId::split(dialect, data)?;
                Command::Security { item, data }
            }
        })
    }

    fn read(dialect: Dialect, data: Data<'a>) -> Option<Self> {
        if dialect == Dialect::V2007 && data.len() == 2 {
            let (item, _) = DataId::split(Dialect::V1997, data)?;
            return Some(Command::Read { item, blocks: None, since: None });
        }
        let (item, rest) = DataId::split(dialect, data)?;
        Some(match (dialect, rest.len()) {
            (_, 0) => Command::Read { item, blocks: None, since: None },
            (Dialect::V2007, 1) => Command::Read { item, blocks: rest.get(0), since: None },
            (Dialect::V2007, 6) => {
                let ([blocks], rest) = rest.take()?;
                Command::Read { item, blocks: Some(blocks), since: Some(DateTime::from_wire_minute(rest.exactly()?)?) }
            }
            _ => return None,
        })
    }

    /// What sending this may do to a meter.
    pub const fn effect(&self) -> Effect {
        match self {
            Command::Read { .. } => Service::Read.effect(),
            Command::ReadFollow { .. } => Service::ReadFollow.effect(),
            Command::ReadAgain => Service::ReadAgain.effect(),
            Command::ReadAddress => Service::ReadAddress.effect(),
            Command::Write { .. } => Service::Write.effect(),
            Command::WriteAddress { .. } => Service::WriteAddress.effect(),
            Command::BroadcastTime { .. } => Service::BroadcastTime.effect(),
            Command::Freeze { .. } => Service::Freeze.effect(),
            Command::ChangeBaud { .. } => Service::ChangeBaud.effect(),
            Command::ChangePassword { .. } => Service::ChangePassword.effect(),
            Command::ClearDemand { .. } => Service::ClearDemand.effect(),
            Command::ClearMeter { .. } => Service::ClearMeter.effect(),
            Command::ClearEvents { .. } => Service::ClearEvents.effect(),
            Command::Relay(_) | Command::SealedRelay { .. } => Service::Relay.effect(),
            Command::MultiFunction { .. } => Service::MultiFunction.effect(),
            Command::Security { .. } => Service::Security.effect(),
            Command::Other { .. } => Effect::MayActuate,
        }
    }

    /// Writes the request as a frame, and returns the bytes written.
    ///
    /// What could move a relay is refused: see [`crate::actuation`].
    pub fn encode<'o>(&self, envelope: &Envelope, out: &'o mut [u8]) -> Result<&'o [u8], EncodeError> {
        match self.effect() {
            Effect::MayActuate => Err(EncodeError::NeedsPermit),
            Effect::Reads | Effect::Sets => self.write(envelope, out),
        }
    }

    /// Writes any request; the permit has been asked for.
    pub(crate) fn write<'o>(&self, envelope: &Envelope, out: &'o mut [u8]) -> Written<'o> {
        let none = Data::default();
        match self {
            Command::Read { item, blocks, since } => {
                let since = since.map(DateTime::to_wire_minute);
                if since.is_some() && blocks.is_none() {
                    return Err(EncodeError::NotInDialect);
                }
                let item = item.wire();
                let parts = [item.as_ref(), blocks.as_slice(), since.as_ref().map_or(&[], |since| since)];
                envelope.request(out, Service::Read, &parts, none)
            }
            Command::ReadFollow { item, seq } => {
                envelope.request(out, Service::ReadFollow, &[item.wire().as_ref(), seq.as_slice()], none)
            }
            Command::ReadAgain => envelope.request(out, Service::ReadAgain, &[], none),
            Command::ReadAddress => envelope.request(out, Service::ReadAddress, &[], none),
            Command::Write { item, authority, value } => {
                let item = item.wire();
                let parts = [item.as_ref(), &authority.password.to_wire(), authority.operator()];
                envelope.request(out, Service::Write, &parts, *value)
            }
            Command::WriteAddress { address } => envelope.request(out, Service::WriteAddress, &[&address.0], none),
            Command::BroadcastTime { time } => envelope.request(out, Service::BroadcastTime, &[&time.to_wire()], none),
            Command::Freeze { at } => {
                let at = at.to_wire().ok_or(EncodeError::NotInDialect)?;
                envelope.request(out, Service::Freeze, &[&at], none)
            }
            Command::ChangeBaud { baud } => envelope.request(out, Service::ChangeBaud, &[&[baud.0]], none),
            Command::ChangePassword { item, old, new } => {
                let item = item.map(DataId::wire);
                let item = item.as_ref().map_or(&[][..], AsRef::as_ref);
                envelope.request(out, Service::ChangePassword, &[item, &old.to_wire(), &new.to_wire()], none)
            }
            Command::ClearDemand { authority } => {
                let parts = [&authority.password.to_wire()[..], authority.operator()];
                envelope.request(out, Service::ClearDemand, &parts, none)
            }
            Command::ClearMeter { authority } => {
                let parts = [&authority.password.to_wire()[..], authority.operator()];
                envelope.request(out, Service::ClearMeter, &parts, none)
            }
            Command::ClearEvents { authority, item } => {
                let item = item.wire();
                let parts = [&authority.password.to_wire()[..], authority.operator(), item.as_ref()];
                envelope.request(out, Service::ClearEvents, &parts, none)
            }
            Command::Relay(relay) => {
                let RelayCommand { password, operator, action, n2, valid_until } = relay;
                let parts = [&password.to_wire()[..], &operator.0, &[action.code(), *n2], &valid_until.0];
                envelope.request(out, Service::Relay, &parts, none)
            }
            Command::SealedRelay { authority, sealed } => {
                let parts = [&authority.password.to_wire()[..], authority.operator()];
                envelope.request(out, Service::Relay, &parts, *sealed)
            }
            Command::MultiFunction { output } => envelope.request(out, Service::MultiFunction, &[&[*output]], none),
            Command::Security { item, data } => {
                envelope.request(out, Service::Security, &[item.wire().as_ref()], *data)
            }
            Command::Other { control, data } => write_frame(out, envelope, *control, &[], *data),
        }
    }
}
