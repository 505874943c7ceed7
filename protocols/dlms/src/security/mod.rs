//! Security: keys, signatures and key agreement, on byte slices.
//!
//! It draws no random numbers and keeps nothing: new key pairs are brought along. Certificates are not read, only the
//! public keys in them.

pub mod agreement;
mod control;
mod ecc;
mod keys;
mod suite;
mod title;
mod wrap;

pub use agreement::{AgreementError, Algorithm, Parties, Scheme};
pub use control::{KeySet, Protection, SecurityControl};
pub use ecc::{EccError, PrivateKey, PublicKey, SharedSecret};
pub use keys::{Fingerprint, Key, KeyError, KeyRole, Keys};
pub use suite::{Curve, Suite};
pub use title::{SystemTitle, TITLE_OCTETS, TitleError};
pub use wrap::{KeyData, KeyId, UnwrapError, parse_key_data, write_key_data};
