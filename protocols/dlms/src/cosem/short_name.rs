//! Names of objects in meters with short names: class 12 and the mapping of Blue Book clause 4.4.3.
//!
//! An attribute lies eight steps behind the one before; methods begin where their class says. The offsets of methods are
//! from memory of the tables of the Blue Book, and the same in one public implementation.

use super::value::structure;
use crate::Obis;

/// The class of the association.
pub const CLASS: u16 = 12;
/// The association somebody has now.
pub const CURRENT: u16 = 0xFA00;
/// Array of [`ShortObject`].
pub const OBJECT_LIST: i8 = 2;

/// From an attribute to the next.
const STEP: u16 = 8;

structure! {
    /// An object of the association.
    ShortObject {
        /// The short name of its first attribute, its logical name. Signed on the wire.
        base_name: i16,
        /// Its class.
        class: u16,
        /// The version of its class.
        version: u8,
        /// Its logical name.
        instance: Obis,
    }
}

impl ShortObject {
    /// The short name of its first attribute.
    pub const fn base(&self) -> u16 {
        self.base_name.cast_unsigned()
    }
    /// The short name of an attribute, from 1 on.
    pub fn attribute(&self, number: u8) -> Option<u16> {
        let steps = u16::from(number.checked_sub(1)?);
        self.base().checked_add(steps * STEP)
    }
    /// The short name of a method, from 1 on, where the offset of its class is known.
    pub fn method(&self, number: u8) -> Option<u16> {
        let steps = u16::from(number.checked_sub(1)?);
        self.base().checked_add(first_method(self.class)? + steps * STEP)
    }
}

/// From the first attribute of a class to its first method.
const fn first_method(class: u16) -> Option<u16> {
    Some(match class {
        super::register::REGISTER => 0x28,
        super::register::EXTENDED_REGISTER => 0x38,
        super::register::DEMAND_REGISTER => 0x48,
        super::profile::CLASS => 0x58,
        super::clock::CLASS => 0x60,
        super::script::SCRIPT_TABLE | CLASS | super::sap::CLASS | super::disconnect::CLASS => 0x20,
        super::image::CLASS => 0x40,
        super::calendar::ACTIVITY_CALENDAR => 0x50,
        super::push::CLASS => 0x38,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axdr::Data;
    use crate::cosem::Value;

    #[test]
    fn names_are_counted_from_the_base() {
        let instance = Obis::new(0, 0, 1, 0, 0, 255);
        let clock = ShortObject { base_name: 0x2BC0, class: 8, version: 0, instance };
        assert_eq!((clock.attribute(1), clock.attribute(2), clock.attribute(0)), (Some(0x2BC0), Some(0x2BC8), None));
        assert_eq!(clock.method(6), Some(0x2BC0 + 0x88));
        let own = ShortObject { base_name: -1_536, class: CLASS, version: 0, instance };
        assert_eq!((own.base(), own.attribute(2)), (CURRENT, Some(0xFA08)));
        let last = ShortObject { base_name: -8, class: 1, version: 0, instance };
        assert_eq!((last.attribute(2), last.method(1)), (None, None));
        let wire = own.encode();
        assert_eq!(ShortObject::read(Data::decode(&wire).unwrap()), Ok(own));
    }
}
