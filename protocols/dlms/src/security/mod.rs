//! Security: ciphering, authentication, signatures and keys, on byte slices.
//!
//! From the bottom up: [`Key`] and [`Keys`] hold what is secret; [`Keys::protect`] and [`Keys::unprotect`] cipher an APDU;
//! [`Envelope`] is how it is sent; a [`SecurityContext`] is all of that for one association, with the peer's title, the
//! policy and a [`ReplayGuard`]. [`SendCounter`] hands out the invocation counters, and only those that are reserved
//! durably. [`Handshake`] proves who is who; [`PrivateKey`], [`PublicKey`] and the functions of [`agreement`] are for
//! suites 1 and 2.
//!
//! It draws no random numbers and keeps nothing: challenges and new key pairs are brought along, counters are stored by
//! their owner. It does not know what the APDUs say. Certificates are not read, only the public keys in them; compression
//! (ITU-T V.44) is refused by its name.

pub mod agreement;
mod cipher;
mod context;
mod control;
mod counter;
mod ecc;
mod envelope;
mod gcm;
mod general;
mod hls;
mod keys;
mod signing;
mod suite;
mod title;
#[cfg(test)]
mod vectors;
mod wrap;

pub use agreement::{AgreementError, Algorithm, Parties, Scheme};
pub use cipher::{DecipherError, Fault, Origin, ProtectError, Sealed, Suspect};
pub use context::{ContentKey, ForeignSender, KeyInfoError, KeyPairs, Opened, SecurityContext};
pub use control::{KeySet, Protection, SecurityControl};
pub use counter::{CounterError, Issued, Lifetime, ReplayGuard, Replayed, Reservation, SendCounter};
pub use ecc::{EccError, PrivateKey, PublicKey, SharedSecret};
pub use envelope::{CipheredService, Envelope, HEADER_OCTETS, Keying, Secured};
pub use gcm::TAG_OCTETS;
pub use general::{GeneralFields, KeyInfo};
pub use hls::{CHALLENGE_OCTETS, Credentials, Digested, Handshake, HlsError, HlsMechanism, Party, Proof, Side};
pub use keys::{Fingerprint, Key, KeyError, KeyRole, Keys};
pub use signing::{sign, verify_signed};
pub use suite::{Curve, Suite};
pub use title::{SystemTitle, TITLE_OCTETS, TitleError};
pub use wrap::{KeyData, KeyId, UnwrapError, parse_key_data, write_key_data};
