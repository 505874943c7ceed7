//! Keys, policy and certificates: class 64, Blue Book clause 4.4.7.

use super::value::{enumeration, structure};

/// The class.
pub const CLASS: u16 = 64;
/// Which protection is demanded, see [`Policy`].
pub const SECURITY_POLICY: i8 = 2;
/// 0, 1 or 2.
pub const SECURITY_SUITE: i8 = 3;
/// System title of the client.
pub const CLIENT_SYSTEM_TITLE: i8 = 4;
/// System title of the server.
pub const SERVER_SYSTEM_TITLE: i8 = 5;
/// Array of [`CertificateInfo`].
pub const CERTIFICATES: i8 = 6;
/// Makes the policy stricter; the parameter is the policy.
pub const SECURITY_ACTIVATE: i8 = 1;
/// Brings new keys; the parameter is an array of [`KeyTransfer`].
pub const KEY_TRANSFER: i8 = 2;
/// Agrees on new keys.
pub const KEY_AGREEMENT: i8 = 3;

/// Which protection is demanded, of version 1 of the class: bits 2 to 4 of requests, 5 to 7 of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy(pub u8);

impl Policy {
    /// Whether requests must be authenticated.
    pub const fn authenticated_requests(self) -> bool {
        self.0 & 0x04 != 0
    }
    /// Whether requests must be encrypted.
    pub const fn encrypted_requests(self) -> bool {
        self.0 & 0x08 != 0
    }
    /// Whether requests must be signed.
    pub const fn signed_requests(self) -> bool {
        self.0 & 0x10 != 0
    }
    /// Whether answers must be authenticated.
    pub const fn authenticated_responses(self) -> bool {
        self.0 & 0x20 != 0
    }
    /// Whether answers must be encrypted.
    pub const fn encrypted_responses(self) -> bool {
        self.0 & 0x40 != 0
    }
    /// Whether answers must be signed.
    pub const fn signed_responses(self) -> bool {
        self.0 & 0x80 != 0
    }
    /// From the number of version 0: 0 nothing, 1 authentication, 2 encryption, 3 both, for requests and answers.
    pub const fn from_version_0(number: u8) -> Self {
        let both = number & 0x03;
        Self(both << 2 | both << 5)
    }
}

enumeration! {
    /// Which key.
    KeyId {
        /// Global unicast encryption key.
        GlobalUnicastEncryption = 0,
        /// Global broadcast encryption key.
        GlobalBroadcastEncryption = 1,
        /// Authentication key.
        Authentication = 2,
        /// Master key.
        Master = 3,
    }
    /// Whose certificate.
    CertificateEntity {
        /// The server's.
        Server = 0,
        /// The client's.
        Client = 1,
        /// The authority's.
        Authority = 2,
        /// Another's.
        Another = 3,
    }
    /// What for.
    CertificateType {
        /// Signatures.
        Signature = 0,
        /// Key agreement.
        KeyAgreement = 1,
        /// TLS.
        Tls = 2,
        /// Other.
        OtherUse = 3,
    }
}

structure! {
    /// A new key, wrapped with the master key.
    KeyTransfer<'a> {
        /// Which.
        key: KeyId,
        /// The wrapped key.
        wrapped: &'a [u8],
    }
    /// A certificate the server has.
    CertificateInfo<'a> {
        /// Whose.
        entity: CertificateEntity,
        /// What for.
        certificate_type: CertificateType,
        /// Its number.
        serial_number: &'a [u8],
        /// Who issued it.
        issuer: &'a [u8],
        /// For whom.
        subject: &'a [u8],
        /// For whom else.
        subject_alternative_name: &'a [u8],
    }
}

#[cfg(test)]
mod tests {
    use super::Policy;

    #[test]
    fn the_numbers_of_version_0_ask_for_the_same_both_ways() {
        let both = Policy::from_version_0(3);
        assert!(both.authenticated_requests() && both.encrypted_requests());
        assert!(both.authenticated_responses() && both.encrypted_responses());
        assert!(!both.signed_requests() && !both.signed_responses());
        assert_eq!(Policy::from_version_0(0), Policy(0));
    }
}
