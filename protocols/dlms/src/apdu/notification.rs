//! What a meter says unasked: Green Book clauses 9.3.11 and 9.3.12.

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::map;

use super::{Attribute, LongInvokeId};
use crate::axdr::{Data, DateTime, Element, element, octets, optional, tag, write_octets, write_optional};
use crate::error::Parsed;

/// The time in the header of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderTime<'a> {
    /// As the standard says: empty, or twelve octets; anything else is kept as it is.
    Plain(&'a [u8]),
    /// Quirk `tagged_header_time`: with the tag of an octet-string before its length, as some meters send it.
    Tagged(&'a [u8]),
}

impl HeaderTime<'_> {
    /// None.
    pub const ABSENT: Self = HeaderTime::Plain(&[]);

    /// The octets.
    pub const fn octets(&self) -> &[u8] {
        match self {
            HeaderTime::Plain(octets) | HeaderTime::Tagged(octets) => octets,
        }
    }
    /// The moment, where there is one.
    pub fn date_time(&self) -> Option<DateTime> {
        DateTime::from_octets(self.octets())
    }
}

impl<'a> Element<'a> for HeaderTime<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        match input {
            // Nine octets that begin with 0C are no time of any form: it is the tag.
            [tag::OCTET_STRING, 12, rest @ ..] => map(take(12_usize), Self::Tagged).parse(rest),
            _ => map(octets, Self::Plain).parse(input),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        if let Self::Tagged(_) = self {
            out.push(tag::OCTET_STRING);
        }
        write_octets(self.octets(), out);
    }
}

/// DATA-NOTIFICATION: a push.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DataNotification<'a> {
    /// Its number.
    pub invoke: LongInvokeId,
    /// When it was sent.
    pub date_time: HeaderTime<'a>,
    /// What it says; its shape is the push set-up's affair.
    pub body: Data<'a>,
}

impl<'a> Element<'a> for DataNotification<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((element, element, element), |(invoke, date_time, body)| Self { invoke, date_time, body }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.invoke.write(out);
        self.date_time.write(out);
        self.body.write(out);
    }
}

/// EVENT-NOTIFICATION: an attribute has changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventNotification<'a> {
    /// When.
    pub time: Option<&'a [u8]>,
    /// Which.
    pub attribute: Attribute,
    /// To what.
    pub value: Data<'a>,
}

impl<'a> Element<'a> for EventNotification<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((optional(octets), element, element), |(time, attribute, value)| Self { time, attribute, value })
            .parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_optional(self.time, out, write_octets);
        self.attribute.write(out);
        self.value.write(out);
    }
}
