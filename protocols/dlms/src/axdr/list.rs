//! Lists: a stretch of bytes taken apart when looked at, or a slice of values made by the program.

use std::fmt::{self, Debug, Formatter};

use super::walk::skip;
use super::{Data, Layout, length, write_length};
use crate::error::{DecodeError, Parsed, fail};

/// What lists of services are made of.
pub trait Element<'a>: Copy {
    /// Reads one at the start of `input`.
    fn parse(input: &'a [u8]) -> Parsed<'a, Self>;
    /// Walks over one without keeping it.
    fn skip(input: &'a [u8]) -> Parsed<'a, ()> {
        Self::parse(input).map(|(rest, _)| (rest, ()))
    }
    /// Appends it to `out`.
    fn write(&self, out: &mut Vec<u8>);
}

/// A counted list of a service: `SEQUENCE OF` in the standard's notation.
pub struct Sequence<'a, T>(Form<'a, T>);

enum Form<'a, T> {
    /// `count` elements, checked when the list was read.
    Wire {
        count: usize,
        bytes: &'a [u8],
    },
    Slice(&'a [T]),
}

impl<T> Clone for Sequence<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Sequence<'_, T> {}
impl<T> Clone for Form<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Form<'_, T> {}

impl<'a, T: Element<'a>> Sequence<'a, T> {
    /// Reads the count and that many elements.
    pub(crate) fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (elements, count) = length(input)?;
        // No element is empty: a count beyond the bytes left cannot be kept.
        if count > elements.len() {
            return fail(DecodeError::Truncated);
        }
        let mut rest = elements;
        for _ in 0..count {
            (rest, ()) = T::skip(rest)?;
        }
        let bytes = elements.split_at(elements.len() - rest.len()).0;
        Ok((rest, Self(Form::Wire { count, bytes })))
    }
    /// Writes the count and the elements.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        match self.0 {
            Form::Wire { bytes, .. } => out.extend_from_slice(bytes),
            Form::Slice(elements) => elements.iter().for_each(|element| element.write(out)),
        }
    }
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self.0 {
            Form::Wire { count, .. } => count,
            Form::Slice(elements) => elements.len(),
        }
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The elements in order.
    pub fn iter(&self) -> SequenceIter<'a, T> {
        SequenceIter(self.0)
    }
}

impl<'a, T> From<&'a [T]> for Sequence<'a, T> {
    fn from(elements: &'a [T]) -> Self {
        Self(Form::Slice(elements))
    }
}
impl<'a, T: Element<'a> + PartialEq> PartialEq for Sequence<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
impl<'a, T: Element<'a> + Debug> Debug for Sequence<'a, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
impl<'a, T: Element<'a>> IntoIterator for Sequence<'a, T> {
    type Item = T;
    type IntoIter = SequenceIter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The elements of a [`Sequence`].
pub struct SequenceIter<'a, T>(Form<'a, T>);

impl<T> Debug for SequenceIter<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("SequenceIter").finish_non_exhaustive()
    }
}
impl<'a, T: Element<'a>> Iterator for SequenceIter<'a, T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            Form::Wire { count, bytes } => {
                *count = count.checked_sub(1)?;
                let (rest, element) = T::parse(bytes).ok()?;
                *bytes = rest;
                Some(element)
            }
            Form::Slice(elements) => {
                let (first, rest) = elements.split_first()?;
                *elements = rest;
                Some(*first)
            }
        }
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self.0 {
            Form::Wire { count, .. } => count,
            Form::Slice(elements) => elements.len(),
        };
        (0, Some(left))
    }
}

/// The members of an array or a structure.
#[derive(Clone, Copy)]
pub struct List<'a>(Members<'a>);

#[derive(Clone, Copy)]
enum Members<'a> {
    /// Values with tags, checked when the list was read.
    Wire { count: usize, bytes: &'a [u8] },
    /// Values made by the program.
    Slice(&'a [Data<'a>]),
    /// Values whose types stand elsewhere: inside of a compact array.
    Untagged { count: usize, layout: Layouts<'a>, bytes: &'a [u8] },
}

/// The types of members that have no tags.
#[derive(Clone, Copy)]
pub(super) enum Layouts<'a> {
    /// One for all.
    Same(Layout<'a>),
    /// One for all, as described.
    Described(&'a [u8]),
    /// One after the other.
    Each(&'a [u8]),
}

impl<'a> List<'a> {
    pub(super) const fn wire(count: usize, bytes: &'a [u8]) -> Self {
        Self(Members::Wire { count, bytes })
    }
    pub(super) const fn untagged(count: usize, layout: Layouts<'a>, bytes: &'a [u8]) -> Self {
        Self(Members::Untagged { count, layout, bytes })
    }
    /// How many members there are.
    pub const fn len(&self) -> usize {
        match self.0 {
            Members::Wire { count, .. } | Members::Untagged { count, .. } => count,
            Members::Slice(members) => members.len(),
        }
    }
    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The members in order.
    pub const fn iter(&self) -> ListIter<'a> {
        ListIter(self.0)
    }
    /// The member at `at`. It is looked for from the start: to see all members, iterate.
    pub fn get(&self, at: usize) -> Option<Data<'a>> {
        match self.0 {
            Members::Wire { count, bytes } if at < count => {
                let (rest, ()) = skip(at, bytes).ok()?;
                Data::parse(rest).ok().map(|(_, data)| data)
            }
            Members::Slice(members) => members.get(at).copied(),
            _ => self.iter().nth(at),
        }
    }
    /// All members, if there are exactly `N`.
    pub fn exactly<const N: usize>(&self) -> Option<[Data<'a>; N]> {
        if self.len() != N {
            return None;
        }
        let mut all = [Data::Null; N];
        let mut members = self.iter();
        for place in &mut all {
            *place = members.next()?;
        }
        Some(all)
    }
    /// The first `N` members, if there are at least as many: newer versions of a class append.
    pub fn leading<const N: usize>(&self) -> Option<[Data<'a>; N]> {
        let mut all = [Data::Null; N];
        let mut members = self.iter();
        for place in &mut all {
            *place = members.next()?;
        }
        Some(all)
    }
    pub(super) fn write_elements(&self, out: &mut Vec<u8>) {
        match self.0 {
            Members::Wire { bytes, .. } => out.extend_from_slice(bytes),
            Members::Slice(members) => members.iter().for_each(|member| member.write(out)),
            Members::Untagged { .. } => self.iter().for_each(|member| member.write(out)),
        }
    }
}

impl<'a> From<&'a [Data<'a>]> for List<'a> {
    fn from(members: &'a [Data<'a>]) -> Self {
        Self(Members::Slice(members))
    }
}
impl<'a, const N: usize> From<&'a [Data<'a>; N]> for List<'a> {
    fn from(members: &'a [Data<'a>; N]) -> Self {
        Self(Members::Slice(members))
    }
}
impl PartialEq for List<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
impl Debug for List<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
impl<'a> IntoIterator for List<'a> {
    type Item = Data<'a>;
    type IntoIter = ListIter<'a>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The members of a [`List`].
#[derive(Clone)]
pub struct ListIter<'a>(Members<'a>);

impl Debug for ListIter<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListIter").finish_non_exhaustive()
    }
}
impl<'a> Iterator for ListIter<'a> {
    type Item = Data<'a>;
    fn next(&mut self) -> Option<Data<'a>> {
        match &mut self.0 {
            Members::Wire { count, bytes } => {
                *count = count.checked_sub(1)?;
                let (rest, member) = Data::parse(bytes).ok()?;
                *bytes = rest;
                Some(member)
            }
            Members::Slice(members) => {
                let (first, rest) = members.split_first()?;
                *members = rest;
                Some(*first)
            }
            Members::Untagged { count, layout, bytes } => {
                *count = count.checked_sub(1)?;
                let member_layout = match layout {
                    Layouts::Same(one) => *one,
                    Layouts::Described(description) => {
                        let (_, one) = Layout::parse(description).ok()?;
                        *layout = Layouts::Same(one);
                        one
                    }
                    Layouts::Each(descriptions) => {
                        let (rest, one) = Layout::parse(descriptions).ok()?;
                        *descriptions = rest;
                        one
                    }
                };
                let (rest, member) = member_layout.read(bytes).ok()?;
                *bytes = rest;
                Some(member)
            }
        }
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(List(self.0).len()))
    }
}
