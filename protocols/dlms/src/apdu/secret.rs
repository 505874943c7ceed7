//! Keys and passwords that stand in APDUs.

use std::fmt::{self, Debug, Formatter};

/// Octets that are not for logs: they print as stars.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret<'a>(&'a [u8]);

impl<'a> Secret<'a> {
    /// Takes octets into care.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }
    /// The octets, for whoever needs them and shows them to nobody.
    pub const fn reveal(&self) -> &'a [u8] {
        self.0
    }
}

impl Debug for Secret<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
