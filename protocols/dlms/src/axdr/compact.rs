//! Compact arrays: the type of the elements told once, the elements without tags. Green Book clause 9.5, `compact-array`.

use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use super::list::Layouts;
use super::walk::{MAX_DEPTH, fixed_size, sized};
use super::{Data, List, length, octets, tag, write_length, write_octets};
use crate::error::{DecodeError, Parsed, fail};

/// Most types one description may name: with the rule that no array repeats what takes no octet, it bounds the work on
/// every octet of the contents.
const MAX_TYPES: usize = 128;

/// The description of a type, checked when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout<'a> {
    /// A type that is not made of others.
    Simple(u8),
    /// A number of values of one type.
    Array {
        /// How many.
        count: u16,
        /// The description of their type.
        of: &'a [u8],
    },
    /// Values of the types described one after the other.
    Structure {
        /// How many.
        count: usize,
        /// The descriptions.
        of: &'a [u8],
    },
}

/// How far a description has been looked at.
struct Budget {
    types: usize,
    depth: usize,
}

/// Checks one description: the rest after it, and whether a value of it takes at least one octet.
fn check<'a>(input: &'a [u8], budget: &mut Budget) -> Parsed<'a, bool> {
    budget.types = budget.types.checked_sub(1).ok_or(nom::Err::Error(DecodeError::Depth))?;
    let (rest, tag) = be_u8(input)?;
    match tag {
        tag::ARRAY | tag::STRUCTURE => {
            budget.depth = budget.depth.checked_sub(1).ok_or(nom::Err::Error(DecodeError::Depth))?;
            let found = if tag == tag::ARRAY {
                let (rest, count) = be_u16(rest)?;
                let (rest, takes_room) = check(rest, budget)?;
                if !takes_room && count > 1 {
                    return fail(DecodeError::Value);
                }
                (rest, takes_room && count > 0)
            } else {
                let (mut rest, count) = length(rest)?;
                let mut any = false;
                for _ in 0..count {
                    let (after, takes_room) = check(rest, budget)?;
                    (rest, any) = (after, any | takes_room);
                }
                (rest, any)
            };
            budget.depth += 1;
            Ok(found)
        }
        tag::OCTET_STRING | tag::VISIBLE_STRING | tag::UTF8_STRING | tag::BIT_STRING => Ok((rest, true)),
        simple => match fixed_size(simple) {
            Some(size) => Ok((rest, size > 0)),
            None => fail(DecodeError::Tag(simple)),
        },
    }
}

impl<'a> Layout<'a> {
    /// Reads a description at the start of `input`.
    pub(crate) fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (end, _) = check(input, &mut Budget { types: MAX_TYPES, depth: MAX_DEPTH })?;
        let (inner, tag) = be_u8(input)?;
        let up_to_end = |from: &'a [u8]| from.split_at(from.len() - end.len()).0;
        let layout = match tag {
            tag::ARRAY => {
                let (of, count) = be_u16(inner)?;
                Layout::Array { count, of: up_to_end(of) }
            }
            tag::STRUCTURE => {
                let (of, count) = length(inner)?;
                Layout::Structure { count, of: up_to_end(of) }
            }
            simple => Layout::Simple(simple),
        };
        Ok((end, layout))
    }

    /// Walks over a value of this type.
    fn skip<'c>(&self, input: &'c [u8]) -> Parsed<'c, ()> {
        let mut rest = input;
        match *self {
            Layout::Simple(tag) => {
                rest = match fixed_size(tag) {
                    Some(size) => take(size)(rest)?.0,
                    None => sized(tag, rest)?.0,
                };
            }
            Layout::Array { count, of } => {
                let (_, one) = Layout::parse(of).map_err(|_| nom::Err::Error(DecodeError::Value))?;
                for _ in 0..count {
                    (rest, ()) = one.skip(rest)?;
                }
            }
            Layout::Structure { count, of } => {
                let mut descriptions = of;
                for _ in 0..count {
                    let (others, one) = Layout::parse(descriptions).map_err(|_| nom::Err::Error(DecodeError::Value))?;
                    (rest, ()) = one.skip(rest)?;
                    descriptions = others;
                }
            }
        }
        Ok((rest, ()))
    }

    /// Reads a value of this type.
    pub(super) fn read(&self, input: &'a [u8]) -> Parsed<'a, Data<'a>> {
        if let Layout::Simple(tag) = *self {
            return Data::parse_untagged(tag, input);
        }
        let (rest, ()) = self.skip(input)?;
        let contents = input.split_at(input.len() - rest.len()).0;
        let data = match *self {
            Layout::Array { count, of } => {
                let (_, one) = Layout::parse(of)?;
                Data::Array(List::untagged(count.into(), Layouts::Same(one), contents))
            }
            Layout::Structure { count, of } => Data::Structure(List::untagged(count, Layouts::Each(of), contents)),
            Layout::Simple(_) => Data::Null,
        };
        Ok((rest, data))
    }

    /// The descriptions of the members of a structure.
    pub fn members(&self) -> impl Iterator<Item = Layout<'a>> {
        let (mut left, mut rest) = match *self {
            Layout::Simple(_) => (0, &[][..]),
            Layout::Array { of, .. } => (1, of),
            Layout::Structure { count, of } => (count, of),
        };
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let (others, one) = Layout::parse(rest).ok()?;
            rest = others;
            Some(one)
        })
    }
}

/// Values of one type, which is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactArray<'a> {
    description: &'a [u8],
    contents: &'a [u8],
    count: usize,
}

/// Why values cannot be packed into a compact array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompactError {
    /// There is no value to take the type from.
    #[error("there is no value to take the type from")]
    Empty,
    /// Not all values have the type of the first.
    #[error("value {at} is not of the type of the first")]
    Mixed {
        /// Which, from 0.
        at: usize,
    },
    /// A type that no description can say, or an element without contents.
    #[error("a compact array cannot hold such values")]
    Unfit,
}

impl<'a> CompactArray<'a> {
    /// Reads description and contents.
    pub(crate) fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, layout) = Layout::parse(input)?;
        let description = input.split_at(input.len() - rest.len()).0;
        let (rest, contents) = octets(rest)?;
        let (mut left, mut count) = (contents, 0);
        while !left.is_empty() {
            let (after, ()) = layout.skip(left)?;
            if after.len() == left.len() {
                return fail(DecodeError::Value);
            }
            (left, count) = (after, count + 1);
        }
        Ok((rest, Self { description, contents, count }))
    }
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.description);
        write_octets(self.contents, out);
    }

    /// The type of the elements.
    pub fn layout(&self) -> Layout<'a> {
        Layout::parse(self.description).map_or(Layout::Simple(tag::NULL), |(_, layout)| layout)
    }
    /// The elements, each as if it had its tags.
    pub const fn elements(&self) -> List<'a> {
        List::untagged(self.count, Layouts::Described(self.description), self.contents)
    }

    /// Packs values of one type, with tag, description and length, at the end of `out`.
    pub fn pack(values: &[Data<'_>], out: &mut Vec<u8>) -> Result<(), CompactError> {
        let first = values.first().ok_or(CompactError::Empty)?;
        let mut description = Vec::new();
        describe(first, &mut description)?;
        let mut budget = Budget { types: MAX_TYPES, depth: MAX_DEPTH };
        if !matches!(check(&description, &mut budget), Ok(([], true))) {
            return Err(CompactError::Unfit);
        }
        let mut contents = Vec::new();
        let mut own = Vec::with_capacity(description.len());
        for (at, value) in values.iter().enumerate() {
            own.clear();
            describe(value, &mut own)?;
            if own != description {
                return Err(CompactError::Mixed { at });
            }
            strip(value, &mut contents);
        }
        out.push(tag::COMPACT_ARRAY);
        out.extend(description);
        write_octets(&contents, out);
        Ok(())
    }
}

/// Appends the description of a value's type.
fn describe(value: &Data<'_>, out: &mut Vec<u8>) -> Result<(), CompactError> {
    match value {
        Data::Array(list) => {
            let first = list.iter().next().ok_or(CompactError::Unfit)?;
            out.push(tag::ARRAY);
            out.extend(u16::try_from(list.len()).map_err(|_| CompactError::Unfit)?.to_be_bytes());
            let (mut wanted, mut own) = (Vec::new(), Vec::new());
            describe(&first, &mut wanted)?;
            for member in list.iter() {
                own.clear();
                describe(&member, &mut own)?;
                if own != wanted {
                    return Err(CompactError::Unfit);
                }
            }
            out.extend(wanted);
        }
        Data::Structure(list) => {
            out.push(tag::STRUCTURE);
            write_length(list.len(), out);
            list.iter().try_for_each(|member| describe(&member, out))?;
        }
        Data::CompactArray(_) => return Err(CompactError::Unfit),
        simple => out.push(simple.tag()),
    }
    Ok(())
}

/// Appends a value without tags, counts of arrays and structures left out.
fn strip(value: &Data<'_>, out: &mut Vec<u8>) {
    match value {
        Data::Array(list) | Data::Structure(list) => list.iter().for_each(|member| strip(&member, out)),
        simple => simple.write_untagged(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_that_take_no_octet_cannot_make_work_without_end() {
        // Sixty-five thousand times sixty-five thousand times nothing.
        let nothing = [0x13, 1, 0xFF, 0xFF, 1, 0xFF, 0xFF, 0, 1, 0];
        assert_eq!(Data::decode(&nothing), Err(DecodeError::Value));
        assert_eq!(Data::decode(&[0x13, 0, 1, 0]), Err(DecodeError::Value));
        assert_eq!(Data::decode(&[0x13, 2, 0, 1, 0]), Err(DecodeError::Value));
        assert!(Data::decode(&[0x13, 2, 2, 0, 0x11, 1, 7]).is_ok(), "null beside a value is fine");
    }

    #[test]
    fn a_description_that_nests_or_lists_too_much_is_refused() {
        let nested = [vec![0x13], [2, 1].repeat(MAX_DEPTH + 1), vec![0x11, 1, 7]].concat();
        assert_eq!(Data::decode(&nested), Err(DecodeError::Depth));
        let long = [vec![0x13, 2, 0x82, 1, 0x2C], vec![0x11; 300], vec![0x82, 1, 0x2C], vec![0; 300]].concat();
        assert_eq!(Data::decode(&long), Err(DecodeError::Depth));
    }

    #[test]
    fn what_does_not_fit_is_not_packed() {
        let mut out = Vec::new();
        assert_eq!(CompactArray::pack(&[], &mut out), Err(CompactError::Empty));
        let mixed = [Data::Unsigned(1), Data::Integer(1)];
        assert_eq!(CompactArray::pack(&mixed, &mut out), Err(CompactError::Mixed { at: 1 }));
        assert_eq!(CompactArray::pack(&[Data::Null], &mut out), Err(CompactError::Unfit));
        assert!(out.is_empty());
    }

    proptest! {
        #[test]
        fn packed_rows_are_read_back(rows in prop::collection::vec((any::<u32>(), any::<i16>(), prop::collection::vec(any::<u8>(), 0..9)), 1..20)) {
            let members: Vec<[Data; 3]> = rows
                .iter()
                .map(|(a, b, c)| [Data::DoubleLongUnsigned(*a), Data::Long(*b), Data::OctetString(c)])
                .collect();
            let values: Vec<Data> = members.iter().map(|row| Data::Structure(row.into())).collect();
            let mut wire = Vec::new();
            CompactArray::pack(&values, &mut wire).unwrap();
            let read = Data::decode(&wire).unwrap();
            prop_assert_eq!(read.list().unwrap(), List::from(&values[..]));
            prop_assert_eq!(read.encode(), wire);
        }

        #[test]
        fn no_description_panics(wire in prop::collection::vec(prop_oneof![0_u8..0x1C, any::<u8>()], 0..60)) {
            if let Ok(data) = Data::decode(&[&[0x13], &wire[..]].concat()) {
                let list = data.list().unwrap();
                prop_assert_eq!(list.iter().count(), list.len());
            }
        }
    }
}
