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
//!
//! ```
//! use std::num::NonZeroU32;
//!
//! use hes_dlms::security::{Key, Keys, Protection, SecurityContext, SendCounter, ServiceKey, Suite};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Keys::new(Suite::Suite0, Key::new(&[1; 16])?)?.with_authentication(Key::new(&[2; 16])?)?;
//! let (us, meter) = ("4845530000000001".parse()?, "4D4D4D0000000001".parse()?);
//! let mut client = SecurityContext::new(us, keys, Protection::AuthenticatedEncrypted);
//! client.set_peer(meter); // from the AARE
//!
//! let stored = 17; // the bound that was stored last
//! let mut counter = SendCounter::resume(stored);
//! let reservation = counter.reserve(NonZeroU32::new(100).expect("not zero"))?;
//! // … reservation.bound() is stored, durably, before …
//! counter.confirm(reservation);
//! let get = [0xC0, 0x01, 0xC1, 0x00, 0x08, 0x00, 0x00, 0x01, 0x00, 0x00, 0xFF, 0x02, 0x00];
//! let apdu = client.protect(ServiceKey::Unicast, &get, counter.issue()?)?;
//! assert_eq!(apdu[..7], [0xC8, 30, 0x30, 0, 0, 0, 17]);
//! // … and of the answer: client.open(&answer)?.apdu
//! # Ok(())
//! # }
//! ```

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
pub use context::{ContentKey, ForeignSender, KeyInfoError, KeyPairs, Opened, SecurityContext, ServiceKey};
pub use control::{KeySet, Protection, SecurityControl};
pub use counter::{CounterError, Issued, Lifetime, ReplayGuard, Replayed, Reservation, SendCounter};
pub use ecc::{EccError, PrivateKey, PublicKey, SharedSecret};
pub use envelope::{CipheredService, Envelope, HEADER_OCTETS, Keying, Secured};
pub use gcm::TAG_OCTETS;
pub use general::{GeneralFields, KeyInfo};
pub use hls::{
    CHALLENGE_OCTETS, Credentials, Digested, Handshake, HlsError, HlsMechanism, Party, Proof, Side, password_matches,
};
pub use keys::{Fingerprint, Key, KeyError, KeyRole, Keys};
pub use signing::{sign_apdu, verify_signed};
pub use suite::{Curve, Suite};
pub use title::{SystemTitle, TITLE_OCTETS, TitleError};
pub use wrap::{KeyData, KeyId, UnwrapError, parse_key_data, write_key_data};
