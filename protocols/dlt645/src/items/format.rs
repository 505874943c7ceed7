//! Formats of fields in the standard's own notation, as `XXXXXX.XX` or `YYMMDDhhmm`, and what they read to.

use std::fmt::{self, Display, Formatter};

use hes_wire::bcd;

use super::word::{Word, WordTable};
use crate::{Data, Date, DateTime, Time};

/// Whether the top bit of a number's highest byte is its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sign {
    /// All bits are digits.
    #[default]
    None,
    /// The top bit set means negative.
    TopBit,
}

/// How a field's bytes are to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// `X…X[.X…X]`: packed digits, low byte first.
    Number(NumberFormat),
    /// A number and the moment it occurred, `YYMMDDhhmm`: maximum demands.
    NumberAt(NumberFormat),
    /// `YYMMDDhhmm`.
    Minute,
    /// `YYMMDDhhmmss`.
    Second,
    /// `YYMMDD`.
    Date,
    /// `YYMMDDWW`, Sunday is 0.
    DateWeekday,
    /// `hhmmss`.
    Time,
    /// Packed digits that are no quantity: addresses, operator codes, partial dates. Any other letters of the standard.
    Digits(usize),
    /// `ASCII n`: text, sent last character first.
    Text(usize),
    /// `HEX n`: bytes that are only shown.
    Raw(usize),
    /// `WORD name`: named bits, low byte first.
    Word(WordTable),
}

/// Bytes of `YYMMDDhhmm`.
const MOMENT_BYTES: usize = 5;

/// The shape of a packed number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NumberFormat {
    /// Bytes, 1 to 8.
    pub bytes: usize,
    /// Decimal places.
    pub scale: u8,
    /// Whether it can be negative.
    pub sign: Sign,
}

/// An exact number, `mantissa × 10^-scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// All digits.
    pub mantissa: i64,
    /// How many of them are decimal places.
    pub scale: u8,
}

/// Why a field of the right length has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoValue {
    /// All bytes are FF: the meter has no such value.
    Absent,
    /// A digit above nine.
    NotBcd,
    /// Digits that are no date or time, as all zeros where nothing has happened yet.
    NoSuchTime,
    /// The length is not the one the item has.
    Malformed,
}

/// What a field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number, in its field's unit.
    Number(Decimal),
    /// A moment shown to the minute.
    Minute(DateTime),
    /// A moment shown to the second.
    Second(DateTime),
    /// A date.
    Date(Date),
    /// A date with the weekday the meter says, Sunday is 0. The two need not agree. None for 7: meters that send it count from
    /// Monday as 1, others from Sunday.
    DateWeekday(Date, Option<u8>),
    /// A time of day.
    Time(Time),
    /// Digits that are no quantity.
    Digits(Digits<'a>),
    /// Text.
    Text(Text<'a>),
    /// Named bits.
    Word(Word<'a>),
    /// Bytes that are only shown: of unknown items and of fields that are opaque.
    Raw(Data<'a>),
    /// Nothing usable.
    None(NoValue),
}

/// Packed digits, checked; shown most significant first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits<'a>(Data<'a>);

/// Characters as sent; shown in reading order, without the padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a>(Data<'a>);

impl NumberFormat {
    fn parse(text: &str, sign: Sign) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = whole.len() + decimals.len();
        let all_digits = whole.bytes().chain(decimals.bytes()).all(|b| b == b'X');
        let valid = all_digits && digits > 0 && digits % 2 == 0 && digits <= bcd::MAX_DIGITS;
        valid.then_some(Self { bytes: digits / 2, scale: u8::try_from(decimals.len()).ok()?, sign })
    }

    /// Reads exactly [`NumberFormat::bytes`] bytes.
    #[inline]
    pub fn read(self, data: Data<'_>) -> Result<Decimal, NoValue> {
        if data.len() != self.bytes || data.is_empty() {
            return Err(NoValue::Malformed);
        }
        let packed = data.packed().ok_or(NoValue::Malformed)?;
        let top = 1_u64 << (8 * self.bytes - 1);
        let (negative, digits) = match self.sign {
            Sign::None => (false, packed),
            Sign::TopBit => (packed & top != 0, packed & !top),
        };
        let Some(number) = bcd::from_packed(digits) else {
            return Err(if data.is_all(0xFF) { NoValue::Absent } else { NoValue::NotBcd });
        };
        // Sixteen digits always fit.
        let magnitude = i64::try_from(number).map_err(|_| NoValue::Malformed)?;
        Ok(Decimal { mantissa: if negative { -magnitude } else { magnitude }, scale: self.scale })
    }

    #[inline]
    fn value<'a>(self, data: Data<'_>) -> Value<'a> {
        self.read(data).map_or_else(Value::None, Value::Number)
    }

    /// Writes `mantissa`, the inverse of [`NumberFormat::read`]; `None` where it does not fit.
    pub fn write(self, mantissa: i64, out: &mut [u8]) -> Option<()> {
        let out = out.get_mut(..self.bytes)?;
        let top = 0x80;
        match (self.sign, mantissa < 0) {
            (Sign::None, true) => return None,
            (Sign::None, false) => bcd::write_le(mantissa.unsigned_abs(), out)?,
            (Sign::TopBit, negative) => {
                bcd::write_le(mantissa.unsigned_abs(), out)?;
                let last = out.last_mut()?;
                if *last & top != 0 {
                    return None;
                }
                *last |= if negative { top } else { 0 };
            }
        }
        Some(())
    }
}

impl Format {
    /// Reads the notation of the table; `word` finds a table of named bits. `None` where the notation is unknown.
    pub(super) fn parse(text: &str, sign: Sign, word: impl Fn(&str) -> Option<WordTable>) -> Option<Self> {
        let format = match text.split_once(' ') {
            Some(("ASCII", bytes)) => Format::Text(bytes.parse().ok()?),
            Some(("HEX", bytes)) => Format::Raw(bytes.parse().ok()?),
            Some(("WORD", name)) => Format::Word(word(name)?),
            Some((number, "YYMMDDhhmm")) => Format::NumberAt(NumberFormat::parse(number, sign)?),
            Some(_) => return None,
            None => match text {
                "YYMMDDhhmm" => Format::Minute,
                "YYMMDDhhmmss" => Format::Second,
                "YYMMDD" => Format::Date,
                "YYMMDDWW" => Format::DateWeekday,
                "hhmmss" => Format::Time,
                text if text.starts_with(['X', '.']) => Format::Number(NumberFormat::parse(text, sign)?),
                text => {
                    let pairs = text.len().is_multiple_of(2) && text.bytes().all(|b| b"YMDhmsWN".contains(&b));
                    Format::Digits(pairs.then_some(text.len() / 2).filter(|&bytes| bytes > 0)?)
                }
            },
        };
        Some(format)
    }

    /// How many bytes a field has.
    #[expect(clippy::len_without_is_empty, reason = "no format is empty")]
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Format::Number(number) => number.bytes,
            Format::NumberAt(number) => number.bytes + MOMENT_BYTES,
            Format::Minute => MOMENT_BYTES,
            Format::Second => 6,
            Format::DateWeekday => 4,
            Format::Date | Format::Time => 3,
            Format::Digits(bytes) | Format::Text(bytes) | Format::Raw(bytes) => *bytes,
            Format::Word(table) => table.bytes(),
        }
    }

    /// Reads a field.
    #[inline]
    pub fn read<'a>(&'a self, data: Data<'a>) -> Value<'a> {
        match self {
            Format::Number(format) => format.value(data),
            _ => self.read_other(data),
        }
    }

    /// The moment a field's value occurred, where it has one.
    #[inline]
    pub fn occurred(&self, data: Data<'_>) -> Option<DateTime> {
        match self {
            Format::NumberAt(format) => data.split_at(format.bytes)?.1.exactly().and_then(DateTime::from_wire_minute),
            _ => None,
        }
    }

    /// Why a field that has such a moment does not show one.
    pub fn occurred_no_value(&self, data: Data<'_>) -> Option<NoValue> {
        let Format::NumberAt(format) = self else { return None };
        match Format::Minute.read(data.split_at(format.bytes)?.1) {
            Value::None(why) => Some(why),
            _ => None,
        }
    }

    /// Everything but numbers, which are nearly all there is.
    fn read_other<'a>(&'a self, data: Data<'a>) -> Value<'a> {
        let moment = |value: Option<Value<'a>>| {
            value.unwrap_or_else(|| {
                Value::None(if data.is_all(0xFF) {
                    NoValue::Absent
                } else if data.iter().any(|byte| bcd::from_byte(byte).is_none()) {
                    NoValue::NotBcd
                } else {
                    NoValue::NoSuchTime
                })
            })
        };
        if data.len() != self.len() {
            return Value::None(NoValue::Malformed);
        }
        match self {
            Format::Number(format) => format.value(data),
            Format::NumberAt(format) => match data.split_at(format.bytes) {
                Some((number, _)) => format.value(number),
                None => Value::None(NoValue::Malformed),
            },
            Format::Minute => moment(data.exactly().and_then(DateTime::from_wire_minute).map(Value::Minute)),
            Format::Second => moment(data.exactly().and_then(DateTime::from_wire).map(Value::Second)),
            Format::Date => moment(data.exactly().and_then(Date::from_wire).map(Value::Date)),
            Format::DateWeekday => moment(data.exactly().and_then(|[weekday, date @ ..]: [u8; 4]| {
                let weekday = bcd::from_byte(weekday).filter(|&day| day <= 7)?;
                Some(Value::DateWeekday(Date::from_wire(date)?, Some(weekday).filter(|&day| day < 7)))
            })),
            Format::Time => moment(data.exactly().and_then(Time::from_wire).map(Value::Time)),
            Format::Digits(_) => match Digits::new(data) {
                Some(digits) => Value::Digits(digits),
                None if data.is_all(0xFF) => Value::None(NoValue::Absent),
                None => Value::None(NoValue::NotBcd),
            },
            Format::Text(_) => Value::Text(Text(data)),
            Format::Raw(_) => Value::Raw(data),
            Format::Word(table) => Value::Word(Word::new(table, data)),
        }
    }
}

impl<'a> Digits<'a> {
    fn new(data: Data<'a>) -> Option<Self> {
        data.iter().all(|byte| bcd::from_byte(byte).is_some()).then_some(Self(data))
    }
    /// The bytes in wire order.
    pub fn bytes(self) -> Data<'a> {
        self.0
    }
}

impl Display for Digits<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().rev().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl<'a> Text<'a> {
    /// The bytes in wire order.
    pub fn bytes(self) -> Data<'a> {
        self.0
    }
}

impl Display for Text<'_> {
    /// In reading order. Leading and trailing padding (spaces, 00, FF) is left out; what is not printable shows as a dot.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let padding = |byte: &u8| matches!(byte, 0 | b' ' | 0xFF);
        let leading = self.0.iter().rev().take_while(padding).count();
        let trailing = self.0.iter().take_while(padding).count();
        let shown = self.0.len().saturating_sub(leading + trailing);
        self.0.iter().rev().skip(leading).take(shown).try_for_each(|byte| {
            let printable = byte == b' ' || byte.is_ascii_graphic();
            write!(f, "{}", if printable { char::from(byte) } else { '.' })
        })
    }
}

impl Display for Decimal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs();
        let (unit, places) = (10_u64.saturating_pow(self.scale.into()), usize::from(self.scale));
        match places {
            0 => write!(f, "{sign}{digits}"),
            _ => write!(f, "{sign}{}.{:0places$}", digits / unit, digits % unit),
        }
    }
}

impl Display for NoValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl NoValue {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            NoValue::Absent => "absent",
            NoValue::NotBcd => "not_bcd",
            NoValue::NoSuchTime => "no_such_time",
            NoValue::Malformed => "malformed",
        }
    }
}

impl Display for Value<'_> {
    /// The value without its unit; nothing for no value.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => number.fmt(f),
            Value::Minute(DateTime { date, time }) => write!(f, "{date}T{:02}:{:02}", time.hour(), time.minute()),
            Value::Second(at) => at.fmt(f),
            Value::Date(date) | Value::DateWeekday(date, _) => date.fmt(f),
            Value::Time(time) => time.fmt(f),
            Value::Digits(digits) => digits.fmt(f),
            Value::Text(text) => text.fmt(f),
            Value::Word(word) => word.fmt(f),
            Value::Raw(data) => data.fmt(f),
            Value::None(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn format(text: &str, sign: Sign) -> Format {
        Format::parse(text, sign, |_| None).unwrap()
    }

    fn read(text: &str, sign: Sign, bytes: &[u8]) -> String {
        match format(text, sign).read(Data::plain(bytes)) {
            Value::None(why) => why.to_string(),
            value => value.to_string(),
        }
    }

    #[test]
    fn numbers_are_exact_and_signed_only_where_the_table_says_so() {
        assert_eq!(read("XXXXXX.XX", Sign::None, &[0x26, 0, 0, 0]), "0.26");
        assert_eq!(read("XX.XXXX", Sign::TopBit, &[0x45, 0x23, 0x81]), "-1.2345");
        assert_eq!(read("XX.XXXX", Sign::None, &[0x45, 0x23, 0x81]), "81.2345");
        assert_eq!(read("XX.XXXX", Sign::TopBit, &[0, 0, 0x80]), "0.0000");
        assert_eq!(read("XXXX", Sign::None, &[0x20, 0x02]), "220");
        assert_eq!(read(".XXXX", Sign::None, &[0x20, 0x02]), "0.0220");
    }

    #[test]
    fn what_is_no_value_is_never_a_number() {
        for sign in [Sign::None, Sign::TopBit] {
            assert_eq!(read("XXX.X", sign, &[0xFF, 0xFF]), "absent");
            assert_eq!(read("XXX.X", sign, &[0x1A, 0x23]), "not_bcd");
            assert_eq!(read("XXX.X", sign, &[0x10]), "malformed");
        }
        assert_eq!(read("YYMMDDhhmm", Sign::None, &[0; 5]), "no_such_time");
        assert_eq!(read("YYMMDDhhmm", Sign::None, &[0xFF; 5]), "absent");
        assert_eq!(read("YYMMDDhhmm", Sign::None, &[0, 0, 9, 0x1F, 0x15]), "not_bcd");
        assert_eq!(read("NNNN", Sign::None, &[0x0A, 0]), "not_bcd");
    }

    #[test]
    fn moments_and_texts_are_shown_in_reading_order() {
        assert_eq!(read("YYMMDDhhmm", Sign::None, &[0, 0, 9, 0x10, 0x15]), "2015-10-09T00:00");
        for weekday in 0..=9 {
            let date = if weekday <= 7 { "2016-01-11" } else { "no_such_time" };
            assert_eq!(read("YYMMDDWW", Sign::None, &[weekday, 0x11, 1, 0x16]), date);
        }
        let sunday = format("YYMMDDWW", Sign::None);
        assert!(matches!(sunday.read(Data::plain(&[7, 0x10, 1, 0x16])), Value::DateWeekday(_, None)));
        assert_eq!(read("hhmmss", Sign::None, &[0x55, 0x53, 0x21]), "21:53:55");
        assert_eq!(read("NNNNNN", Sign::None, &[1, 2, 3]), "030201");
        assert_eq!(read("ASCII 6", Sign::None, b"\0\0V022"), "220V");
        let demand = format("XX.XXXX YYMMDDhhmm", Sign::None);
        let bytes = [0x34, 0x12, 0, 0x30, 0x18, 0x02, 0x03, 0x24];
        let (value, at) = (demand.read(Data::plain(&bytes)), demand.occurred(Data::plain(&bytes)));
        assert_eq!((value.to_string(), at.unwrap().to_string()), ("0.1234".into(), "2024-03-02T18:30:00".into()));
        assert_eq!(demand.occurred(Data::plain(&[0; 8])), None);
    }

    #[test]
    fn an_unknown_notation_is_refused() {
        for bad in ["", "XXX", "X.X.", "Y", "QQ", "WORD nothing", "ASCII x", "XXXXXXXXXXXXXXXXXX"] {
            assert_eq!(Format::parse(bad, Sign::None, |_| None), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes in 1..=8_usize, mantissa: i64, sign: bool) {
            let format = NumberFormat { bytes, scale: 2, sign: if sign { Sign::TopBit } else { Sign::None } };
            let mut out = [0; 8];
            if format.write(mantissa, &mut out).is_some() {
                prop_assert_eq!(format.read(Data::plain(&out[..bytes])).map(|n| n.mantissa), Ok(mantissa));
            }
        }

        #[test]
        fn no_digit_above_nine_ever_becomes_a_number(bytes in prop::collection::vec(any::<u8>(), 1..=8), sign: bool) {
            let format = NumberFormat { bytes: bytes.len(), scale: 0, sign: if sign { Sign::TopBit } else { Sign::None } };
            if let Ok(number) = format.read(Data::plain(&bytes)) {
                let mut out = vec![0; bytes.len()];
                format.write(number.mantissa, &mut out).unwrap();
                let mut expected = bytes.clone();
                if number.mantissa == 0 && sign {
                    *expected.last_mut().unwrap() &= 0x7F;
                }
                prop_assert_eq!(out, expected);
            }
        }
    }
}
