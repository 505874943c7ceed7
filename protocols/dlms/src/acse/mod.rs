//! Associations: AARQ, AARE, RLRQ and RLRE in BER, Green Book clause 9.4.

mod aare;
mod aarq;
mod ber;
mod names;
mod negotiation;
mod release;
mod tail;

pub use aare::{Aare, Diagnostic, DiagnosticSource};
pub use aarq::Aarq;
pub use names::{Authentication, ContextName, Mechanism};
pub use negotiation::{Agreed, NotAgreed, Offer, Proposal, reply_to_hls};
pub use release::{Release, ReleaseKind};

/// Contents of ACSE requirements that say that authentication is used: seven unused bits, the first bit set.
pub const AUTHENTICATION_FUNCTION: [u8; 2] = [0x07, 0x80];
