//! Logical devices of a physical one: class 17, Blue Book clause 4.4.5.

use super::value::structure;

/// The class.
pub const CLASS: u16 = 17;
/// Array of [`LogicalDevice`].
pub const SAP_ASSIGNMENT_LIST: i8 = 2;

structure! {
    /// A logical device.
    LogicalDevice<'a> {
        /// Its service access point.
        sap: u16,
        /// Its name.
        name: &'a [u8],
    }
}
