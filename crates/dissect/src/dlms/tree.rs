//! What an explanation is made of: named parts in wire order.

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

/// A part of an explanation; in JSON, what it looks like.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// Nothing there.
    Null,
    /// True or false.
    Bool(bool),
    /// A number below zero, or one that may be.
    Signed(i64),
    /// A number.
    Unsigned(u64),
    /// A number with a fraction; `null` in JSON where it is none.
    Float(f64),
    /// Text, or octets in hexadecimal.
    Text(String),
    /// Parts of one kind.
    List(Vec<Tree>),
    /// Named parts.
    Object(Object),
}

/// Named parts in the order they were put in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Object(Vec<(&'static str, Tree)>);

impl Object {
    pub(crate) fn new() -> Self {
        Self::default()
    }
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<Tree>) -> Self {
        self.put(key, value);
        self
    }
    pub(crate) fn put(&mut self, key: &'static str, value: impl Into<Tree>) {
        self.0.push((key, value.into()));
    }
    /// Only where there is a value.
    pub(crate) fn put_some<T: Into<Tree>>(&mut self, key: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }
    pub(crate) fn append(&mut self, mut other: Object) {
        self.0.append(&mut other.0);
    }
    /// The parts in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Tree)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }
    /// The part of a name.
    pub fn get(&self, key: &str) -> Option<&Tree> {
        self.iter().find_map(|(found, value)| (found == key).then_some(value))
    }
    /// The text of a name.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Tree::Text(text)) => Some(text),
            _ => None,
        }
    }
}

impl From<Object> for Tree {
    fn from(object: Object) -> Self {
        Tree::Object(object)
    }
}
impl From<bool> for Tree {
    fn from(truth: bool) -> Self {
        Tree::Bool(truth)
    }
}
macro_rules! numbers {
    ($($type:ty => $variant:ident),*) => {$(
        impl From<$type> for Tree {
            fn from(number: $type) -> Self {
                Tree::$variant(number.into())
            }
        }
    )*};
}
numbers!(u8 => Unsigned, u16 => Unsigned, u32 => Unsigned, u64 => Unsigned, i8 => Signed, i16 => Signed, i32 => Signed, i64 => Signed, f32 => Float, f64 => Float);

impl From<usize> for Tree {
    fn from(number: usize) -> Self {
        Tree::Unsigned(u64::try_from(number).unwrap_or(u64::MAX))
    }
}
impl From<String> for Tree {
    fn from(text: String) -> Self {
        Tree::Text(text)
    }
}
impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Tree::Text(text.to_owned())
    }
}
impl<T: Into<Tree>> From<Option<T>> for Tree {
    fn from(value: Option<T>) -> Self {
        value.map_or(Tree::Null, Into::into)
    }
}
impl<T: Into<Tree>> FromIterator<T> for Tree {
    fn from_iter<I: IntoIterator<Item = T>>(parts: I) -> Self {
        Tree::List(parts.into_iter().map(Into::into).collect())
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Tree::Null => serializer.serialize_unit(),
            Tree::Bool(truth) => serializer.serialize_bool(*truth),
            Tree::Signed(number) => serializer.serialize_i64(*number),
            Tree::Unsigned(number) => serializer.serialize_u64(*number),
            Tree::Float(number) => serializer.serialize_f64(*number),
            Tree::Text(text) => serializer.serialize_str(text),
            Tree::List(parts) => {
                let mut list = serializer.serialize_seq(Some(parts.len()))?;
                for part in parts {
                    list.serialize_element(part)?;
                }
                list.end()
            }
            Tree::Object(object) => object.serialize(serializer),
        }
    }
}
impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
