//! New firmware: class 18, Blue Book clause 4.4.6.

use super::value::{enumeration, structure};

/// The class.
pub const CLASS: u16 = 18;
/// Octets of a block.
pub const IMAGE_BLOCK_SIZE: i8 = 2;
/// Which blocks are there, a [`super::Bits`].
pub const IMAGE_TRANSFERRED_BLOCKS_STATUS: i8 = 3;
/// The first block that is not there.
pub const IMAGE_FIRST_NOT_TRANSFERRED_BLOCK_NUMBER: i8 = 4;
/// Whether images are taken.
pub const IMAGE_TRANSFER_ENABLED: i8 = 5;
/// An [`ImageTransferStatus`].
pub const IMAGE_TRANSFER_STATUS: i8 = 6;
/// Array of [`ImageToActivate`].
pub const IMAGE_TO_ACTIVATE_INFO: i8 = 7;
/// Begins; the parameter is an [`Initiate`].
pub const INITIATE: i8 = 1;
/// Brings a block; the parameter is a [`Block`].
pub const BLOCK_TRANSFER: i8 = 2;
/// Checks the image; the parameter is integer 0.
pub const VERIFY: i8 = 3;
/// Puts it to use; the parameter is integer 0.
pub const ACTIVATE: i8 = 4;

enumeration! {
    /// How far a transfer has come.
    ImageTransferStatus {
        /// Nothing has begun.
        NotInitiated = 0,
        /// Blocks may come.
        Initiated = 1,
        /// It is being checked.
        VerificationInitiated = 2,
        /// It is good.
        VerificationSuccessful = 3,
        /// It is not.
        VerificationFailed = 4,
        /// It is being put to use.
        ActivationInitiated = 5,
        /// It is in use.
        ActivationSuccessful = 6,
        /// It is not.
        ActivationFailed = 7,
    }
}

structure! {
    /// An image that is there.
    ImageToActivate<'a> {
        /// Octets.
        size: u32,
        /// What it is.
        identification: &'a [u8],
        /// Its signature.
        signature: &'a [u8],
    }
    /// What is to come.
    Initiate<'a> {
        /// What it is.
        identifier: &'a [u8],
        /// Octets.
        size: u32,
    }
    /// A block of an image.
    Block<'a> {
        /// Counts from 0.
        number: u32,
        /// Its octets.
        value: &'a [u8],
    }
}
