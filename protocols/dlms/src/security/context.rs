//! The security context of an association: keys, titles, policy, and what was heard before.

use std::borrow::Cow;
use std::fmt::{self, Debug, Formatter};

use super::agreement::{self, AgreementError, Parties, Scheme};
use super::cipher::{DecipherError, Origin, ProtectError, Sealed, looks_like_an_apdu};
use super::counter::{Issued, Lifetime, ReplayGuard};
use super::ecc::{PrivateKey, PublicKey};
use super::general::{GeneralFields, KeyInfo};
use super::keys::{Fingerprint, Key, KeyError, KeyRole, Keys};
use super::wrap::UnwrapError;
use super::{CipheredService, Envelope, KeySet, Keying, Protection, Secured, SecurityControl, SystemTitle, TitleError};

/// An APDU between other parties than our peer and us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForeignSender {
    /// The envelope names another sender than the peer of this association.
    #[error("it is from {said}, the peer is {known}")]
    Other {
        /// Title in the envelope.
        said: SystemTitle,
        /// Title of the peer.
        known: SystemTitle,
    },
    /// It is our own, come back.
    #[error("it carries our own title as the sender's")]
    Own,
    /// It is for somebody else.
    #[error("it is for {said}")]
    Recipient {
        /// Title of the recipient.
        said: SystemTitle,
    },
    /// A title that has not eight octets.
    #[error(transparent)]
    Title(#[from] TitleError),
}

/// Why the key that general-ciphering names cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyInfoError {
    /// Control byte and key information name different keys.
    #[error("control byte and key information name different keys")]
    Contradiction,
    /// A scheme that is not known.
    #[error("its key agreement scheme is not known")]
    Scheme,
    /// No APDU before has brought a key along.
    #[error("no key was established before")]
    NotEstablished,
    /// A key is agreed on with one recipient, and none is named.
    #[error("it names no recipient to agree on a key with")]
    NoRecipient,
    /// The key pairs that the scheme takes are not there.
    #[error("there are no key pairs for its key agreement")]
    NoKeyPairs,
    /// The wrapped key cannot be unwrapped.
    #[error("its wrapped key cannot be unwrapped")]
    Unwrap(#[from] UnwrapError),
    /// No key can be agreed on.
    #[error("no key can be agreed on")]
    Agreement(#[from] AgreementError),
    /// The key does not fit the suite.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Key pairs for key agreement, and for the signatures that prove whose they are.
#[derive(Debug, Clone)]
pub struct KeyPairs {
    /// Our static key agreement key.
    pub agreement: PrivateKey,
    /// Our signature key.
    pub signature: PrivateKey,
    /// The peer's static key agreement key.
    pub peer_agreement: PublicKey,
    /// The peer's signature key.
    pub peer_signature: PublicKey,
}

/// The key to cipher a service with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceKey {
    /// The global unicast key.
    Unicast,
    /// The global broadcast key, for all meters that have it.
    Broadcast,
    /// The dedicated key of the association.
    Dedicated,
}

impl ServiceKey {
    const fn keying(self) -> Keying {
        match self {
            ServiceKey::Unicast | ServiceKey::Broadcast => Keying::Global,
            ServiceKey::Dedicated => Keying::Dedicated,
        }
    }
    const fn set(self) -> KeySet {
        match self {
            ServiceKey::Unicast | ServiceKey::Dedicated => KeySet::Unicast,
            ServiceKey::Broadcast => KeySet::Broadcast,
        }
    }
}

/// The key to cipher an APDU with in general-ciphering. New keys are drawn by the caller; with them counting begins anew,
/// see [`SendCounter::for_session_key`](super::SendCounter::for_session_key).
#[derive(Debug, Clone, Copy)]
pub enum ContentKey<'a> {
    /// A global key.
    Identified(KeySet),
    /// A new key, which comes along wrapped with the master key.
    Wrapped(&'a Key),
    /// A key that is agreed on with the help of a new key pair, whose public key comes along signed.
    OnePass(&'a PrivateKey),
    /// A key that is agreed on with the static key pairs and a new transaction identifier.
    StaticUnified,
    /// The key of the last APDU that brought one along or was agreed on; counting goes on. Nothing more is said of it.
    Established,
}

/// An APDU that was deciphered. Prints without its content, which may be a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// The plain APDU. It may be in another envelope.
    pub apdu: Vec<u8>,
    /// Who sent it.
    pub sender: SystemTitle,
    /// How it was protected.
    pub control: SecurityControl,
    /// Its invocation counter.
    pub counter: u32,
}

/// An APDU whose counter was not yet looked at.
struct Verified {
    opened: Opened,
    key: Fingerprint,
    lifetime: Lifetime,
    /// The keys that it has brought along.
    established: Option<Keys>,
}

impl Debug for Opened {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { apdu, sender, control, counter } = self;
        write!(f, "{} octets from {sender}, {}, counter {counter}", apdu.len(), control.protection().name())
    }
}

/// What both sides of an association hold, and what was heard in it. A client and a meter use the same.
#[derive(Debug)]
pub struct SecurityContext {
    own: SystemTitle,
    peer: Option<SystemTitle>,
    keys: Keys,
    dedicated: Option<Keys>,
    /// Wrapped or agreed keys that last until the next, one for each direction.
    established_out: Option<Keys>,
    established_in: Option<Keys>,
    master: Option<Key>,
    key_pairs: Option<KeyPairs>,
    applied: Protection,
    accepted: Protection,
    guard: ReplayGuard,
}

impl SecurityContext {
    /// A context in which everything is protected as `policy` says, and nothing less is accepted.
    pub fn new(own: SystemTitle, keys: Keys, policy: Protection) -> Self {
        let guard = ReplayGuard::new();
        let (applied, accepted) = (policy, policy);
        Self {
            own,
            peer: None,
            keys,
            dedicated: None,
            established_out: None,
            established_in: None,
            master: None,
            key_pairs: None,
            applied,
            accepted,
            guard,
        }
    }
    /// Where requests and responses are protected differently, attribute 2 of class 64: the least that is accepted.
    pub fn accepting(self, accepted: Protection) -> Self {
        Self { accepted, ..self }
    }
    /// With what was heard before, see [`ReplayGuard::restore`].
    pub fn with_guard(self, guard: ReplayGuard) -> Self {
        Self { guard, ..self }
    }
    /// With the master key, for keys that come wrapped.
    pub fn with_master(self, key: Key) -> Result<Self, KeyError> {
        Ok(Self { master: Some(key.fit(self.keys.suite(), KeyRole::Master)?), ..self })
    }
    /// With key pairs, for keys that are agreed on.
    pub fn with_key_pairs(self, pairs: KeyPairs) -> Self {
        Self { key_pairs: Some(pairs), ..self }
    }
    /// Learns who the peer is, from AARQ, AARE or the meter's registration.
    pub fn set_peer(&mut self, title: SystemTitle) {
        self.peer = Some(title);
    }
    /// Takes the dedicated key out of the initiate request into use.
    pub fn set_dedicated(&mut self, key: Key) -> Result<(), KeyError> {
        self.dedicated = Some(self.keys.under(key)?);
        Ok(())
    }
    /// Our title.
    pub const fn own(&self) -> SystemTitle {
        self.own
    }
    /// The peer's title.
    pub const fn peer(&self) -> Option<SystemTitle> {
        self.peer
    }
    /// The global keys.
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }
    /// What was heard.
    pub const fn guard(&self) -> &ReplayGuard {
        &self.guard
    }
    /// What was heard, to count a GMAC answer, or to forget a key that was replaced.
    pub const fn guard_mut(&mut self) -> &mut ReplayGuard {
        &mut self.guard
    }

    /// Ciphers a plain APDU into the form that its service has: `glo-get-request` and the like.
    pub fn protect(&self, key: ServiceKey, plain: &[u8], counter: Issued) -> Result<Vec<u8>, ProtectError> {
        let &tag = plain.first().ok_or(ProtectError::Empty)?;
        let service = CipheredService::of_plain(tag).ok_or(ProtectError::Service(tag))?;
        let (keying, sealed) = self.sealed(key, plain, counter)?;
        Ok(Envelope::Service { keying, service, secured: sealed.secured() }.to_vec())
    }
    /// Ciphers a plain APDU into `general-glo-ciphering` or `general-ded-ciphering`, which says who sent it.
    pub fn protect_general(&self, key: ServiceKey, plain: &[u8], counter: Issued) -> Result<Vec<u8>, ProtectError> {
        let SystemTitle(title) = &self.own;
        let (keying, sealed) = self.sealed(key, plain, counter)?;
        Ok(Envelope::General { keying, title, secured: sealed.secured() }.to_vec())
    }
    fn sealed(&self, key: ServiceKey, plain: &[u8], counter: Issued) -> Result<(Keying, Sealed), ProtectError> {
        let keys = self.lasting(key.keying()).map_err(ProtectError::NoKey)?;
        let sealed = keys.protect(self.own.into(), self.control(key.set()), counter, plain)?;
        Ok((key.keying(), sealed))
    }
    /// Ciphers a plain APDU into `general-ciphering`. The originator of `fields` is replaced by our title.
    pub fn protect_ciphering(
        &mut self,
        fields: GeneralFields<'_>,
        key: ContentKey<'_>,
        plain: &[u8],
        counter: Issued,
    ) -> Result<Vec<u8>, ProtectError> {
        let sender = self.own;
        let fields = GeneralFields { originator: &sender.0, ..fields };
        let (new, data) = self.content_key(&fields, key)?;
        if let Some(new) = new {
            self.established_out = Some(self.keys.under(new).map_err(KeyInfoError::from)?);
        }
        let established = || self.established_out.as_ref().ok_or(KeyInfoError::NotEstablished);
        let agreed = |scheme: Scheme| Some(KeyInfo::Agreed { parameters: scheme.parameters(), data: &data });
        let (keys, set, key_info) = match key {
            ContentKey::Identified(set) => (&self.keys, set, Some(KeyInfo::Identified(set))),
            ContentKey::Wrapped(_) => (established()?, KeySet::Unicast, Some(KeyInfo::Wrapped { key: &data })),
            ContentKey::OnePass(_) => (established()?, KeySet::Unicast, agreed(Scheme::OnePassDiffieHellman)),
            ContentKey::StaticUnified => (established()?, KeySet::Unicast, agreed(Scheme::StaticUnifiedModel)),
            ContentKey::Established => (established()?, KeySet::Unicast, None),
        };
        let sealed = keys.protect(Origin { sender, fields: Some(&fields) }, self.control(set), counter, plain)?;
        Ok(Envelope::Ciphering { fields, key_info, secured: sealed.secured() }.to_vec())
    }
    /// The key to be established, if it is a new one, and what the recipient must get to have it too.
    fn content_key(
        &self,
        fields: &GeneralFields<'_>,
        key: ContentKey<'_>,
    ) -> Result<(Option<Key>, Vec<u8>), ProtectError> {
        let suite = self.keys.suite();
        let pairs = self.key_pairs.as_ref().ok_or(KeyInfoError::NoKeyPairs);
        let recipient = || fields.recipient().map_err(|_| KeyInfoError::NoRecipient);
        let parties = || Ok::<_, KeyInfoError>(Parties { originator: self.own, recipient: recipient()? });
        let (key, data) = match key {
            ContentKey::Identified(_) | ContentKey::Established => return Ok((None, Vec::new())),
            ContentKey::Wrapped(key) => {
                let master = self.master.as_ref().ok_or(ProtectError::NoKey(KeyRole::Master))?;
                (Ok(key.clone()), master.wrap(key))
            }
            ContentKey::OnePass(ephemeral) => {
                let KeyPairs { signature, peer_agreement, .. } = pairs?;
                let key = agreement::one_pass(suite, ephemeral, peer_agreement, parties()?);
                (key, agreement::signed_ephemeral(&ephemeral.public(), signature))
            }
            ContentKey::StaticUnified => {
                let KeyPairs { agreement, peer_agreement, .. } = pairs?;
                let transaction = fields.transaction_id;
                let key = agreement::static_unified(suite, agreement, peer_agreement, parties()?, transaction);
                (key, Vec::new())
            }
        };
        Ok((Some(key.map_err(KeyInfoError::from)?), data))
    }
    const fn control(&self, set: KeySet) -> SecurityControl {
        SecurityControl::new(self.keys.suite(), self.applied, set)
    }

    /// Verifies and deciphers an APDU from the peer.
    ///
    /// The counter is looked at last, so that it moves only for what the peer has made. Where the policy does without
    /// authentication that cannot be known: then the APDU must at least make sense, and be from the peer that is known.
    pub fn open(&mut self, apdu: &[u8]) -> Result<Opened, DecipherError> {
        let Verified { opened, key, lifetime, established } = self.verify(&Envelope::parse(apdu)?)?;
        self.guard.accept(key, lifetime, opened.sender, opened.counter)?;
        self.established_in = established.or(self.established_in.take());
        Ok(opened)
    }

    /// All but the counter.
    fn verify(&self, envelope: &Envelope<'_>) -> Result<Verified, DecipherError> {
        let secured = envelope.secured().ok_or(DecipherError::Signed)?;
        let Secured { control, counter, .. } = secured;
        let (said, asked) = (control.protection(), self.accepted);
        if !said.covers(asked) {
            return Err(DecipherError::LessProtected { said, asked });
        }
        if !said.is_authenticated() && self.peer.is_none() {
            return Err(DecipherError::NoTitle);
        }
        let (sender, fields) = self.origin(envelope)?;
        let (keys, lifetime) = self.keys_of(envelope, sender)?;
        let apdu = keys.unprotect(Origin { sender, fields }, &secured)?;
        if !said.is_authenticated() && !looks_like_an_apdu(&apdu) {
            return Err(DecipherError::Nonsense);
        }
        // The tag of a service envelope is not authenticated; what is inside must be what it says.
        if let &Envelope::Service { service, .. } = envelope {
            let inside = apdu.first().copied().unwrap_or_default();
            if inside != service.plain_tag() {
                return Err(DecipherError::Inside { envelope: service.plain_tag(), inside });
            }
        }
        let key = keys.encryption(control.keys()).ok_or(DecipherError::NoKey(KeyRole::Broadcast))?.fingerprint();
        let opened = Opened { apdu, sender, control, counter };
        let established = match keys {
            Cow::Borrowed(_) => None,
            Cow::Owned(new) => Some(new),
        };
        Ok(Verified { opened, key, lifetime, established })
    }

    /// Who sent it, and what is authenticated with it.
    fn origin<'e>(
        &self,
        envelope: &'e Envelope<'_>,
    ) -> Result<(SystemTitle, Option<&'e GeneralFields<'e>>), DecipherError> {
        let (title, fields) = match envelope {
            Envelope::Service { .. } | Envelope::General { title: [], .. } => (None, None),
            Envelope::General { title, .. } => (Some(SystemTitle::from_octets(title)), None),
            Envelope::Ciphering { fields, .. } | Envelope::Signing { fields, .. } => {
                (Some(fields.originator()), Some(fields))
            }
        };
        let said = title.transpose().map_err(ForeignSender::from)?;
        let sender = match (said, self.peer) {
            (Some(said), Some(known)) if said != known => return Err(ForeignSender::Other { said, known }.into()),
            (said, known) => said.or(known).ok_or(DecipherError::NoTitle)?,
        };
        if sender == self.own {
            return Err(ForeignSender::Own.into());
        }
        if let Some(fields) = fields {
            self.is_for_us(fields)?;
        }
        Ok((sender, fields))
    }

    fn is_for_us(&self, fields: &GeneralFields<'_>) -> Result<(), ForeignSender> {
        // Empty means everybody, as in a broadcast.
        if fields.recipient.is_empty() {
            return Ok(());
        }
        let said = fields.recipient()?;
        if said == self.own { Ok(()) } else { Err(ForeignSender::Recipient { said }) }
    }

    /// The keys that it was ciphered with, owned if they are new, and how long they last.
    fn keys_of(
        &self,
        envelope: &Envelope<'_>,
        sender: SystemTitle,
    ) -> Result<(Cow<'_, Keys>, Lifetime), DecipherError> {
        let key = match *envelope {
            Envelope::Service { keying, .. } | Envelope::General { keying, .. } => {
                let keys = self.lasting(keying).map_err(DecipherError::NoKey)?;
                return Ok((Cow::Borrowed(keys), Lifetime::Lasting));
            }
            Envelope::Signing { .. } => return Err(DecipherError::Signed),
            Envelope::Ciphering { key_info: None, .. } => {
                return Ok(match &self.established_in {
                    Some(established) => (Cow::Borrowed(established), Lifetime::OneTime),
                    None => (Cow::Borrowed(&self.keys), Lifetime::Lasting),
                });
            }
            Envelope::Ciphering { key_info: Some(KeyInfo::Identified(set)), secured, .. } => {
                if set != secured.control.keys() {
                    return Err(KeyInfoError::Contradiction.into());
                }
                return Ok((Cow::Borrowed(&self.keys), Lifetime::Lasting));
            }
            Envelope::Ciphering { key_info: Some(KeyInfo::Wrapped { key }), .. } => {
                let master = self.master.as_ref().ok_or(DecipherError::NoKey(KeyRole::Master))?;
                master.unwrap_key(key).map_err(KeyInfoError::from)?
            }
            Envelope::Ciphering { key_info: Some(KeyInfo::Agreed { parameters, data }), fields, .. } => {
                let scheme = Scheme::from_parameters(parameters).ok_or(KeyInfoError::Scheme)?;
                self.agreed(scheme, sender, data, fields.transaction_id)?
            }
        };
        Ok((Cow::Owned(self.keys.under(key).map_err(KeyInfoError::from)?), Lifetime::OneTime))
    }

    fn lasting(&self, keying: Keying) -> Result<&Keys, KeyRole> {
        match keying {
            Keying::Global => Ok(&self.keys),
            Keying::Dedicated => self.dedicated.as_ref().ok_or(KeyRole::Dedicated),
        }
    }

    /// The key that the sender has agreed on with us.
    fn agreed(
        &self,
        scheme: Scheme,
        sender: SystemTitle,
        data: &[u8],
        transaction_id: &[u8],
    ) -> Result<Key, KeyInfoError> {
        let pairs = self.key_pairs.as_ref().ok_or(KeyInfoError::NoKeyPairs)?;
        let KeyPairs { agreement: own, peer_agreement, peer_signature, .. } = pairs;
        let (suite, parties) = (self.keys.suite(), Parties { originator: sender, recipient: self.own });
        let key = match scheme {
            Scheme::OnePassDiffieHellman => agreement::verified_ephemeral(data, peer_signature)
                .map_err(AgreementError::from)
                .and_then(|ephemeral| agreement::one_pass(suite, own, &ephemeral, parties)),
            Scheme::StaticUnifiedModel => {
                agreement::static_unified(suite, own, peer_agreement, parties, transaction_id)
            }
        };
        Ok(key?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::issued;
    use super::super::{Curve, DecipherError, Fault, KeyRole, SendCounter, Suite, Suspect, sign_apdu};
    use super::*;
    use crate::error::DecodeError;
    use proptest::prelude::*;

    const CLIENT: SystemTitle = SystemTitle(*b"HES\0\0\0\0\x01");
    const METER: SystemTitle = SystemTitle(*b"MMM\0\0\0\0\x01");
    const GET: &[u8] = &[0xC0, 1, 0xC1, 0, 8, 0, 0, 1, 0, 0, 0xFF, 2, 0];
    const ANSWER: &[u8] = &[0xC4, 1, 0xC1, 1, 3];
    const BOTH: Protection = Protection::AuthenticatedEncrypted;

    fn key(suite: Suite, octet: u8) -> Key {
        Key::new(&vec![octet; suite.key_octets()]).unwrap()
    }

    /// A client and its meter, with all symmetric keys of a suite.
    fn pair(suite: Suite) -> [SecurityContext; 2] {
        let keys = Keys::new(suite, key(suite, 1)).unwrap().with_authentication(key(suite, 2)).unwrap();
        let keys = keys.with_broadcast(key(suite, 3)).unwrap();
        [(CLIENT, METER), (METER, CLIENT)].map(|(own, peer)| {
            let mut context = SecurityContext::new(own, keys.clone(), BOTH).with_master(key(suite, 4)).unwrap();
            context.set_peer(peer);
            context
        })
    }

    /// The same, with key pairs.
    fn pair_with_key_pairs(suite: Suite, curve: Curve) -> [SecurityContext; 2] {
        let private = |octet| PrivateKey::new(curve, &vec![octet; curve.octets()]).unwrap();
        let [client, meter] = pair(suite);
        [(client, [11, 12], [21, 22]), (meter, [21, 22], [11, 12])].map(|(context, own, peer)| {
            let ([agreement, signature], [peer_agreement, peer_signature]) = (own.map(private), peer.map(private));
            let (peer_agreement, peer_signature) = (peer_agreement.public(), peer_signature.public());
            context.with_key_pairs(KeyPairs { agreement, signature, peer_agreement, peer_signature })
        })
    }

    #[test]
    fn client_and_meter_understand_each_other_in_every_suite_and_form() {
        for suite in [Suite::Suite0, Suite::Suite1, Suite::Suite2] {
            let [mut client, mut meter] = pair(suite);
            client.set_dedicated(key(suite, 9)).unwrap();
            meter.set_dedicated(key(suite, 9)).unwrap();
            for (n, by) in (10..).zip([ServiceKey::Unicast, ServiceKey::Broadcast, ServiceKey::Dedicated]) {
                let request = client.protect(by, GET, issued(n)).unwrap();
                let opened = meter.open(&request).unwrap();
                assert_eq!((&opened.apdu[..], opened.sender, opened.counter), (GET, CLIENT, n));
                let answer = meter.protect_general(by, ANSWER, issued(n)).unwrap();
                assert_eq!(client.open(&answer).unwrap().apdu, ANSWER);
            }
        }
    }

    #[test]
    fn what_was_sent_once_is_not_taken_twice() {
        let [client, mut meter] = pair(Suite::Suite0);
        let [first, second] = [7, 8].map(|n| client.protect(ServiceKey::Unicast, GET, issued(n)).unwrap());
        assert!(meter.open(&second).is_ok());
        for old in [&first, &second] {
            let refused = meter.open(old).unwrap_err();
            assert_eq!((refused.code(), refused.fault()), ("replayed", Fault::InvocationCounter { expected: 9 }));
        }
        // A counter from the future does not count if its tag is wrong.
        let mut forged = client.protect(ServiceKey::Unicast, GET, issued(u32::MAX)).unwrap();
        *forged.last_mut().unwrap() ^= 1;
        let refused = meter.open(&forged).unwrap_err();
        assert_eq!(refused, DecipherError::Tag(Suspect::AuthenticationKeyOrData));
        assert_eq!(refused.fault(), Fault::Deciphering);
        assert!(meter.open(&client.protect(ServiceKey::Unicast, GET, issued(9)).unwrap()).is_ok());
    }

    #[test]
    fn less_protection_than_asked_for_is_refused_and_agreed_exceptions_are_not() {
        let [client, mut meter] = pair(Suite::Suite0);
        for said in [Protection::Authenticated, Protection::Encrypted] {
            let weak = SecurityContext::new(CLIENT, client.keys().clone(), said);
            let apdu = weak.protect(ServiceKey::Unicast, GET, issued(1)).unwrap();
            assert_eq!(meter.open(&apdu), Err(DecipherError::LessProtected { said, asked: BOTH }));
            let [_, lenient] = pair(Suite::Suite0);
            assert_eq!(lenient.accepting(said).open(&apdu).unwrap().apdu, GET);
        }
        let plain = meter.open(&[0xC8, 5, 0x00, 0, 0, 0, 1]);
        assert_eq!(plain, Err(DecipherError::LessProtected { said: Protection::None, asked: BOTH }));
    }

    #[test]
    fn without_authentication_an_apdu_must_make_sense_and_be_from_a_peer_that_is_known() {
        let keys = Keys::new(Suite::Suite0, key(Suite::Suite0, 1)).unwrap();
        let sender = SecurityContext::new(METER, keys.clone(), Protection::Encrypted);
        let push = sender.protect_general(ServiceKey::Unicast, &[0x0F, 0, 0, 0, 0, 0], issued(1)).unwrap();
        let mut listener = SecurityContext::new(CLIENT, keys, Protection::Encrypted);
        assert_eq!(listener.open(&push), Err(DecipherError::NoTitle), "a title that nothing vouches for");
        listener.set_peer(METER);
        let mut nonsense = push.clone();
        nonsense[16] ^= 0xF0;
        assert_eq!(listener.open(&nonsense), Err(DecipherError::Nonsense));
        assert_eq!(listener.guard().entries().count(), 0);
        assert!(listener.open(&push).is_ok());
        assert_eq!(listener.open(&push).unwrap_err().code(), "replayed");
    }

    #[test]
    fn an_apdu_of_or_for_somebody_else_is_refused_by_its_reason() {
        let [mut client, mut meter] = pair(Suite::Suite0);
        let general = client.protect_general(ServiceKey::Unicast, GET, issued(1)).unwrap();
        let own = meter.protect_general(ServiceKey::Unicast, GET, issued(1)).unwrap();
        let foreign = ForeignSender::Other { said: METER, known: CLIENT };
        assert_eq!(meter.open(&own), Err(foreign.into()));
        let mut listener = SecurityContext::new(METER, client.keys().clone(), BOTH);
        assert_eq!(listener.open(&own), Err(ForeignSender::Own.into()));
        let service = client.protect(ServiceKey::Unicast, GET, issued(1)).unwrap();
        assert_eq!(listener.open(&service), Err(DecipherError::NoTitle));
        assert_eq!(listener.open(&general).unwrap().sender, CLIENT, "the envelope says who");

        let other = SystemTitle([7; 8]);
        let fields = GeneralFields { recipient: &other.0, ..Default::default() };
        let content = ContentKey::Identified(KeySet::Unicast);
        let elsewhere = client.protect_ciphering(fields, content, GET, issued(2)).unwrap();
        assert_eq!(meter.open(&elsewhere), Err(ForeignSender::Recipient { said: other }.into()));
        let fields = GeneralFields { recipient: b"short", ..Default::default() };
        let nowhere = client.protect_ciphering(fields, content, GET, issued(2)).unwrap();
        assert_eq!(meter.open(&nowhere).unwrap_err().code(), "sender");
    }

    #[test]
    fn a_service_in_the_envelope_of_another_is_refused() {
        let [client, mut meter] = pair(Suite::Suite0);
        let mut apdu = client.protect(ServiceKey::Unicast, GET, issued(1)).unwrap();
        apdu[0] = 0xC9;
        assert_eq!(meter.open(&apdu), Err(DecipherError::Inside { envelope: 0xC1, inside: 0xC0 }));
    }

    #[test]
    fn general_ciphering_is_opened_with_every_kind_of_key() {
        for (suite, curve) in [(Suite::Suite1, Curve::P256), (Suite::Suite2, Curve::P384)] {
            let [mut client, mut meter] = pair_with_key_pairs(suite, curve);
            let ephemeral = PrivateKey::new(curve, &vec![0x33; curve.octets()]).unwrap();
            let new = key(suite, 0x44);
            for (n, content) in [
                ContentKey::Identified(KeySet::Unicast),
                ContentKey::Identified(KeySet::Broadcast),
                ContentKey::Wrapped(&new),
                ContentKey::OnePass(&ephemeral),
                ContentKey::StaticUnified,
            ]
            .into_iter()
            .enumerate()
            {
                let transaction_id = [u8::try_from(n).unwrap(); 8];
                let fields =
                    GeneralFields { transaction_id: &transaction_id, recipient: &METER.0, ..Default::default() };
                let counter = SendCounter::for_session_key().issue().unwrap();
                let mut apdu = client.protect_ciphering(fields, content, GET, counter).unwrap();
                let opened = meter.open(&apdu).unwrap();
                assert_eq!((&opened.apdu[..], opened.sender, opened.counter), (GET, CLIENT, 0));
                assert_eq!(meter.open(&apdu).unwrap_err().code(), "replayed", "{content:?}");
                // A few of the octets: verifying a signature is slow in a debug build.
                for at in (0..apdu.len()).step_by(23) {
                    apdu[at] ^= 1;
                    let refused = meter.open(&apdu).unwrap_err();
                    assert_ne!(refused.code(), "replayed", "{content:?}, octet {at}");
                    apdu[at] ^= 1;
                }
            }
            assert_eq!(meter.guard().entries().count(), 2, "keys for one message are not kept");
        }
    }

    #[test]
    fn a_key_that_came_along_once_is_good_for_what_follows() {
        let [mut client, mut meter] = pair(Suite::Suite0);
        let new = key(Suite::Suite0, 0x44);
        let mut counters = SendCounter::for_session_key();
        let mut send = |content| {
            client.protect_ciphering(GeneralFields::default(), content, GET, counters.issue().unwrap()).unwrap()
        };
        let (first, second) = (send(ContentKey::Wrapped(&new)), send(ContentKey::Established));
        assert_eq!(meter.open(&second).unwrap_err().code(), "tag", "its key is not known yet");
        for apdu in [&first, &second] {
            assert_eq!(meter.open(apdu).unwrap().apdu, GET);
        }
        for apdu in [&first, &second] {
            assert_eq!(meter.open(apdu).unwrap_err().code(), "replayed");
        }
        assert_eq!(meter.open(&send(ContentKey::Established)).unwrap().counter, 2);
        let identified = send(ContentKey::Identified(KeySet::Unicast));
        assert_eq!(meter.open(&identified).unwrap().apdu, GET, "a named key is always the global one");
    }

    #[test]
    fn what_a_key_takes_is_named_when_it_is_missing() {
        let [mut client, mut meter] = pair(Suite::Suite0);
        let fields = GeneralFields { recipient: &METER.0, ..Default::default() };
        let ephemeral = PrivateKey::new(Curve::P256, &[1; 32]).unwrap();
        let mut protect = |content| client.protect_ciphering(fields, content, GET, issued(1)).unwrap_err();
        let no_pairs = ProtectError::KeyInfo(KeyInfoError::NoKeyPairs);
        assert_eq!(protect(ContentKey::OnePass(&ephemeral)), no_pairs);
        assert_eq!(protect(ContentKey::StaticUnified), no_pairs);
        assert_eq!(protect(ContentKey::Established), ProtectError::KeyInfo(KeyInfoError::NotEstablished));
        assert_eq!(protect(ContentKey::Wrapped(&key(Suite::Suite2, 1))).to_string(), "its key cannot be made");
        let mut bare = SecurityContext::new(CLIENT, client.keys().clone(), BOTH);
        let new = key(Suite::Suite0, 1);
        let no_master = Err(ProtectError::NoKey(KeyRole::Master));
        assert_eq!(bare.protect_ciphering(fields, ContentKey::Wrapped(&new), GET, issued(1)), no_master);
        let dedicated = client.protect(ServiceKey::Dedicated, GET, issued(1));
        assert_eq!(dedicated, Err(ProtectError::NoKey(KeyRole::Dedicated)));
        assert_eq!(client.protect(ServiceKey::Unicast, &[], issued(1)), Err(ProtectError::Empty));
        assert!(matches!(client.protect(ServiceKey::Unicast, &[0x0F], issued(1)), Err(ProtectError::Service(0x0F))));

        let open = |meter: &mut SecurityContext, key_info: &[u8]| {
            let head = [&[0xDD, 0, 8][..], &CLIENT.0, &[0, 0, 0]].concat();
            meter.open(&[&head, key_info, &[17, 0x30, 0, 0, 0, 1], &[0; 12]].concat()).unwrap_err()
        };
        assert_eq!(open(&mut meter, &[1, 0, 1]), KeyInfoError::Contradiction.into());
        assert_eq!(open(&mut meter, &[1, 2, 1, 3, 0]), KeyInfoError::Scheme.into());
        assert_eq!(open(&mut meter, &[1, 2, 1, 1, 0]), KeyInfoError::NoKeyPairs.into());
        let length = UnwrapError::Length { found: 1 };
        assert_eq!(open(&mut meter, &[1, 1, 0, 1, 7]), KeyInfoError::Unwrap(length).into());
        assert_eq!(open(&mut meter, &[0]).code(), "tag");
        assert_eq!(meter.open(&[0xC0]), Err(DecodeError::Tag(0xC0).into()));
    }

    #[test]
    fn a_signed_apdu_is_not_taken_before_its_signature() {
        let [client, mut meter] = pair_with_key_pairs(Suite::Suite1, Curve::P256);
        let inner = client.protect(ServiceKey::Unicast, GET, issued(1)).unwrap();
        let signature = &client.key_pairs.as_ref().unwrap().signature;
        let fields = GeneralFields { originator: &CLIENT.0, ..Default::default() };
        assert_eq!(meter.open(&sign_apdu(fields, &inner, signature)), Err(DecipherError::Signed));
    }

    #[test]
    fn the_content_of_an_apdu_is_not_printed() {
        let opened = Opened { apdu: vec![0xA5; 20], sender: CLIENT, control: SecurityControl(0x30), counter: 1 };
        assert_eq!(format!("{opened:?}"), "20 octets from 4845530000000001, authentication and encryption, counter 1");
    }

    proptest! {
        #[test]
        fn one_bit_flipped_in_an_apdu_is_refused(
            suite in prop_oneof![Just(Suite::Suite0), Just(Suite::Suite2)],
            (general, dedicated) in (any::<bool>(), any::<bool>()),
            rest in prop::collection::vec(any::<u8>(), 0..300),
            at in any::<prop::sample::Index>(),
        ) {
            let [mut client, mut meter] = pair(suite);
            client.set_dedicated(key(suite, 9)).unwrap();
            meter.set_dedicated(key(suite, 9)).unwrap();
            let by = if dedicated { ServiceKey::Dedicated } else { ServiceKey::Unicast };
            let plain = [GET, &rest].concat();
            let mut apdu = match general {
                true => client.protect_general(by, &plain, issued(1)).unwrap(),
                false => client.protect(by, &plain, issued(1)).unwrap(),
            };
            let bit = at.index(apdu.len() * 8);
            apdu[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(meter.open(&apdu).is_err(), "bit {}", bit);
            prop_assert_eq!(meter.guard().entries().count(), 0);
            apdu[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(meter.open(&apdu).map(|opened| opened.apdu), Ok(plain));
        }

        #[test]
        fn no_octets_panic_or_are_believed(tag in any::<u8>(), rest in prop::collection::vec(any::<u8>(), 0..120)) {
            let [_, mut meter] = pair(Suite::Suite1);
            prop_assert!(meter.open(&[&[tag], &rest[..]].concat()).is_err());
        }
    }
}
