//! The association itself and the objects in it: class 15, Blue Book clause 4.4.4.

use super::value::{enumeration, structure};
use super::{Bits, Value, WrongType};
use crate::Obis;
use crate::acse::Mechanism;
use crate::apdu::Conformance;
use crate::axdr::{Data, Element, List, tag, write_length};

/// The class.
pub const CLASS: u16 = 15;
/// The association somebody has now.
pub const CURRENT: Obis = Obis::new(0, 0, 40, 0, 0, 255);
/// Array of [`Object`].
pub const OBJECT_LIST: i8 = 2;
/// [`Partners`].
pub const ASSOCIATED_PARTNERS_ID: i8 = 3;
/// The context, as structure or octet-string.
pub const APPLICATION_CONTEXT_NAME: i8 = 4;
/// A [`ContextInfo`].
pub const XDLMS_CONTEXT_INFO: i8 = 5;
/// The mechanism, see [`mechanism_of`].
pub const AUTHENTICATION_MECHANISM_NAME: i8 = 6;
/// The password; it can be written only.
pub const SECRET: i8 = 7;
/// An [`AssociationStatus`].
pub const ASSOCIATION_STATUS: i8 = 8;
/// The logical name of the security setup.
pub const SECURITY_SETUP_REFERENCE: i8 = 9;
/// Pass three of HLS: the parameter is f(StoC), the return value f(CtoS).
pub const REPLY_TO_HLS_AUTHENTICATION: i8 = 1;
/// Changes the secret.
pub const CHANGE_HLS_SECRET: i8 = 2;

structure! {
    /// Who is associated.
    Partners {
        /// The client's service access point.
        client: i8,
        /// The server's.
        server: u16,
    }
    /// What was negotiated.
    ContextInfo<'a> {
        /// Services, see [`ContextInfo::services`].
        conformance: Bits<'a>,
        /// Longest APDU the server takes.
        max_receive_pdu_size: u16,
        /// Longest it sends.
        max_send_pdu_size: u16,
        /// The version of DLMS.
        dlms_version: u8,
        /// Quality of service.
        quality_of_service: i8,
        /// The dedicated key, for those who may see it.
        cyphering_info: &'a [u8],
    }
}

impl ContextInfo<'_> {
    /// The services negotiated.
    pub fn services(&self) -> Option<Conformance> {
        self.conformance.octets.try_into().ok().map(Conformance::from_octets)
    }
}

enumeration! {
    /// How far an association is.
    AssociationStatus {
        /// There is none.
        NonAssociated = 0,
        /// Passes three and four of HLS are missing.
        Pending = 1,
        /// It is open.
        Associated = 2,
    }
}

/// The mechanism in attribute 6: seven numbers in a structure, or the encoded identifier in an octet-string.
pub fn mechanism_of(data: &Data<'_>) -> Option<Mechanism> {
    let number = match data {
        Data::Structure(list) => list.exactly::<7>()?[6].number()?,
        Data::OctetString(octets) => *octets.last()?,
        _ => return None,
    };
    Some(Mechanism::from_number(number))
}

/// What may be done with an attribute or a method.
///
/// Versions 0 to 2 of the class count: 0 nothing, 1 read, 2 write, 3 both, 4 to 6 the same if authenticated; a method
/// 0 not, 1 yes, 2 if authenticated. Version 3 has bits: 0 read, 1 write, 2 to 7 what must be protected; a method has bit 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccessMode(pub u8);

impl AccessMode {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Read only.
    pub const READ: Self = Self(1);
    /// Write only.
    pub const WRITE: Self = Self(2);
    /// Both.
    pub const READ_WRITE: Self = Self(3);

    /// Whether an attribute can be read, by the version of the association's class.
    pub const fn can_read(self, version: u8) -> bool {
        if version >= 3 { self.0 & 1 != 0 } else { matches!(self.0, 1 | 3 | 4 | 6) }
    }
    /// Whether an attribute can be written, by the version of the association's class.
    pub const fn can_write(self, version: u8) -> bool {
        if version >= 3 { self.0 & 2 != 0 } else { matches!(self.0, 2 | 3 | 5 | 6) }
    }
    /// Whether a method can be called, by the version of the association's class.
    pub const fn can_call(self, version: u8) -> bool {
        if version >= 3 { self.0 & 1 != 0 } else { matches!(self.0, 1 | 2) }
    }
}

impl<'a> Value<'a> for AccessMode {
    fn read(data: Data<'a>) -> Result<Self, WrongType> {
        // Version 0 has a boolean for methods.
        match data {
            Data::Boolean(allowed) => Ok(Self(allowed.into())),
            _ => data.number().map(Self).ok_or_else(|| WrongType::new("enum", &data)),
        }
    }
    fn append(&self, out: &mut Vec<u8>) {
        Data::Enum(self.0).write(out);
    }
}

structure! {
    /// What may be done with an attribute.
    AttributeAccess {
        /// Which.
        attribute: i8,
        /// What.
        mode: AccessMode,
        /// Which selectors it understands.
        selectors: Option<Vec<i8>>,
    }
    /// What may be done with a method.
    MethodAccess {
        /// Which.
        method: i8,
        /// What.
        mode: AccessMode,
    }
    /// What may be done with an object.
    AccessRights {
        /// Its attributes.
        attributes: Vec<AttributeAccess>,
        /// Its methods.
        methods: Vec<MethodAccess>,
    }
    /// An object of the association.
    Object {
        /// Its class.
        class: u16,
        /// The version of its class.
        version: u8,
        /// Its logical name.
        instance: Obis,
        /// What may be done with it.
        rights: AccessRights,
    }
}

impl Object {
    /// What may be done with an attribute; nothing where the list does not say.
    pub fn attribute(&self, number: i8) -> AccessMode {
        let mut access = self.rights.attributes.iter();
        access.find(|access| access.attribute == number).map_or(AccessMode::NONE, |access| access.mode)
    }
    /// Whether an attribute understands a selector.
    pub fn understands(&self, number: i8, selector: i8) -> bool {
        let mut access = self.rights.attributes.iter();
        let selectors = access.find(|access| access.attribute == number).and_then(|access| access.selectors.as_ref());
        selectors.is_some_and(|selectors| selectors.contains(&selector))
    }
}

/// The objects of an object list one after the other, without keeping them all: it may have thousands.
pub fn objects<'a>(data: &Data<'a>) -> Result<impl Iterator<Item = Result<Object, WrongType>> + use<'a>, WrongType> {
    let list: List<'a> = match *data {
        Data::Array(list) => list,
        Data::CompactArray(compact) => compact.elements(),
        _ => return Err(WrongType::new("array of objects", data)),
    };
    Ok(list.iter().map(Object::read))
}

/// Appends an object list.
pub fn write_objects<'o>(objects: impl ExactSizeIterator<Item = &'o Object>, out: &mut Vec<u8>) {
    out.push(tag::ARRAY);
    write_length(objects.len(), out);
    objects.for_each(|object| object.append(out));
}
