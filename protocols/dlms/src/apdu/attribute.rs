//! What a service is about: attributes, methods, and which part of an attribute. Green Book clause 9.5.

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::{map, map_res};
use nom::number::complete::{be_i8, be_u8, be_u16};

use crate::Obis;
use crate::axdr::{Data, Element, element, optional, write_optional};
use crate::error::{DecodeError, Parsed};

/// Reads class, logical name and number: the layout of both descriptors.
fn descriptor(input: &[u8]) -> Parsed<'_, (u16, Obis, i8)> {
    let obis = map_res(take(6_usize), |octets: &[u8]| Obis::from_octets(octets).ok_or(DecodeError::Truncated));
    (be_u16, obis, be_i8).parse(input)
}

fn write_descriptor(class: u16, instance: Obis, number: i8, out: &mut Vec<u8>) {
    out.extend(class.to_be_bytes());
    out.extend(instance.octets());
    out.extend(number.to_be_bytes());
}

/// An attribute of an object: Cosem-Attribute-Descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// Interface class.
    pub class: u16,
    /// Logical name.
    pub instance: Obis,
    /// 1 is the logical name, 0 means all; below 0 are the maker's own.
    pub number: i8,
}

impl Attribute {
    /// An attribute of an object.
    pub const fn new(class: u16, instance: Obis, number: i8) -> Self {
        Self { class, instance, number }
    }
}

impl<'a> Element<'a> for Attribute {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map(descriptor, |(class, instance, number)| Self { class, instance, number }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_descriptor(self.class, self.instance, self.number, out);
    }
}

/// A method of an object: Cosem-Method-Descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method {
    /// Interface class.
    pub class: u16,
    /// Logical name.
    pub instance: Obis,
    /// From 1 on; below 0 are the maker's own.
    pub number: i8,
}

impl Method {
    /// A method of an object.
    pub const fn new(class: u16, instance: Obis, number: i8) -> Self {
        Self { class, instance, number }
    }
}

impl<'a> Element<'a> for Method {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map(descriptor, |(class, instance, number)| Self { class, instance, number }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_descriptor(self.class, self.instance, self.number, out);
    }
}

/// Which part of an attribute: Selective-Access-Descriptor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Selection<'a> {
    /// How is selected; each class has its own numbers.
    pub selector: u8,
    /// What is selected.
    pub parameters: Data<'a>,
}

impl<'a> Element<'a> for Selection<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((be_u8, element), |(selector, parameters)| Self { selector, parameters }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.selector);
        self.parameters.write(out);
    }
}

/// An attribute, or the selected part of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Selected<'a> {
    /// Of what.
    pub attribute: Attribute,
    /// Which part; `None` for all of it.
    pub selection: Option<Selection<'a>>,
}

impl From<Attribute> for Selected<'_> {
    fn from(attribute: Attribute) -> Self {
        Self { attribute, selection: None }
    }
}

impl<'a> Element<'a> for Selected<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((element, optional(element)), |(attribute, selection)| Self { attribute, selection }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.attribute.write(out);
        write_optional(self.selection, out, |selection, out| selection.write(out));
    }
}
