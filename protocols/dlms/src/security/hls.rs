//! High level security: both sides prove that they know a secret, Green Book clause 9.2.7.4.
//!
//! Each sends a challenge, and then what only a holder of the secret can make of the other's. Client and meter do the
//! same: the one who answers puts its own title and the peer's challenge first. So one [`Handshake`] serves both roles,
//! `answer` for pass 3 of a client or pass 4 of a meter, `check` for the other one.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use ctutils::CtEq;
use md5::Md5;
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::agreement::hash;
use super::counter::Issued;
use super::ecc::{PrivateKey, PublicKey};
use super::keys::{KeyRole, Keys};
use super::{HEADER_OCTETS, KeySet, Protection, Secured, SecurityControl, SystemTitle, TAG_OCTETS};

const AES_BLOCK: usize = 16;

/// Octets that a challenge may have, Green Book table of HLS mechanisms.
pub const CHALLENGE_OCTETS: std::ops::RangeInclusive<usize> = 8..=64;

/// An authentication mechanism with four passes, by the last arc of its name `2.16.756.5.8.2.x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HlsMechanism {
    /// 2: left to the maker. Here what Gurux and others do: AES-128 of the challenge, block by block, the secret is the key.
    GuruxAes,
    /// 3.
    Md5,
    /// 4.
    Sha1,
    /// 5.
    Gmac,
    /// 6.
    Sha256,
    /// 7.
    Ecdsa,
}

impl HlsMechanism {
    /// By number; 0 and 1 have two passes only.
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            2 => Some(HlsMechanism::GuruxAes),
            3 => Some(HlsMechanism::Md5),
            4 => Some(HlsMechanism::Sha1),
            5 => Some(HlsMechanism::Gmac),
            6 => Some(HlsMechanism::Sha256),
            7 => Some(HlsMechanism::Ecdsa),
            _ => None,
        }
    }
    /// Its number.
    pub const fn id(self) -> u8 {
        match self {
            HlsMechanism::GuruxAes => 2,
            HlsMechanism::Md5 => 3,
            HlsMechanism::Sha1 => 4,
            HlsMechanism::Gmac => 5,
            HlsMechanism::Sha256 => 6,
            HlsMechanism::Ecdsa => 7,
        }
    }
}

/// What is known that others do not know. The secrets are borrowed from where they are kept.
#[derive(Clone, Copy)]
pub enum Credentials<'a> {
    /// Mechanisms 2, 3, 4 and 6: a secret that is made one with the challenge.
    Secret(Digested, &'a [u8]),
    /// Mechanism 5: the global unicast and the authentication key.
    Gmac(&'a Keys),
    /// Mechanism 7.
    Ecdsa {
        /// Our signature key.
        own: &'a PrivateKey,
        /// The peer's.
        peer: &'a PublicKey,
    },
}

/// How a secret and a challenge become an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Digested {
    /// Mechanism 2, as Gurux does it.
    GuruxAes,
    /// Mechanism 3.
    Md5,
    /// Mechanism 4.
    Sha1,
    /// Mechanism 6.
    Sha256,
}

impl Credentials<'_> {
    /// The mechanism that they are for.
    pub const fn mechanism(&self) -> HlsMechanism {
        match self {
            Credentials::Secret(Digested::GuruxAes, _) => HlsMechanism::GuruxAes,
            Credentials::Secret(Digested::Md5, _) => HlsMechanism::Md5,
            Credentials::Secret(Digested::Sha1, _) => HlsMechanism::Sha1,
            Credentials::Secret(Digested::Sha256, _) => HlsMechanism::Sha256,
            Credentials::Gmac(_) => HlsMechanism::Gmac,
            Credentials::Ecdsa { .. } => HlsMechanism::Ecdsa,
        }
    }
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} ***", self.mechanism())
    }
}

/// Why an answer cannot be made, or is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HlsError {
    /// A challenge of a length that the standard does not allow.
    #[error("a challenge of {found} octets; they have 8 to 64")]
    ChallengeLength {
        /// Octets found.
        found: usize,
    },
    /// The peer sent our challenge back, or in mechanism 2 a block of it: our own answer would do for its own.
    #[error("the peer's challenge repeats ours")]
    SameChallenge,
    /// The peer names our title as its own, which makes its answer of mechanism 6 one that we may be brought to give.
    #[error("the peer's system title is the same as ours")]
    SameTitle,
    /// The mechanism takes a title that is not known.
    #[error("no system title is known of {0}")]
    NoTitle(Side),
    /// GMAC needs a key that is not there.
    #[error("there is no {0}")]
    NoKey(KeyRole),
    /// GMAC takes a counter, and was given none.
    #[error("no invocation counter was given")]
    NoCounter,
    /// The answer has not the form that the mechanism gives it.
    #[error("an answer of {found} octets does not fit the mechanism")]
    Form {
        /// Octets found.
        found: usize,
    },
    /// The GMAC answer is not authenticated, or of another suite.
    #[error("the answer's control byte is {:#04x}, expected {:#04x}", said.0, expected.0)]
    Control {
        /// What it says.
        said: SecurityControl,
        /// What it should say.
        expected: SecurityControl,
    },
    /// The peer does not know the secret.
    #[error("the answer is wrong: the peer has another secret")]
    Wrong,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Us.
    Own,
    /// The other.
    Peer,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::Own => "ours",
            Side::Peer => "the peer",
        })
    }
}

/// One side as the other one sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party<'a> {
    /// Its title. Mechanisms 2 to 4 do without.
    pub title: Option<SystemTitle>,
    /// The challenge that it sent.
    pub challenge: &'a [u8],
}

/// The two challenges, and whose they are.
#[derive(Debug, Clone, Copy)]
pub struct Handshake<'a> {
    own: Party<'a>,
    peer: Party<'a>,
}

/// The peer has proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Mechanism 5 only: the counter that the peer has used, for [`ReplayGuard::restore`](super::ReplayGuard::restore). It
    /// is no reason to refuse: the challenge is what makes the answer a new one, and the ACTION around it, ciphered
    /// after it, carries a later counter.
    pub counter: Option<u32>,
}

impl<'a> Handshake<'a> {
    /// After the challenges were exchanged.
    pub fn new(own: Party<'a>, peer: Party<'a>) -> Result<Self, HlsError> {
        for challenge in [own.challenge, peer.challenge] {
            let found = challenge.len();
            if !CHALLENGE_OCTETS.contains(&found) {
                return Err(HlsError::ChallengeLength { found });
            }
        }
        // With MD5 and SHA-1 the answer depends on nothing but the challenge: one that comes back could be answered with our
        // own answer.
        if own.challenge == peer.challenge {
            return Err(HlsError::SameChallenge);
        }
        // With SHA-256 only the titles tell whose answer it is: a challenge that is ours twice over reads the same from both
        // sides.
        if own.title.is_some() && own.title == peer.title {
            return Err(HlsError::SameTitle);
        }
        Ok(Self { own, peer })
    }

    /// Our answer to the peer's challenge. Only GMAC takes a counter.
    pub fn answer(&self, credentials: &Credentials<'_>, counter: Option<Issued>) -> Result<Vec<u8>, HlsError> {
        match *credentials {
            Credentials::Gmac(keys) => {
                let counter = counter.ok_or(HlsError::NoCounter)?.value();
                let title = self.own.title.ok_or(HlsError::NoTitle(Side::Own))?;
                let tag = keys.gmac(title, counter, self.peer.challenge).map_err(HlsError::NoKey)?;
                let mut answer = Vec::new();
                Secured { control: gmac_control(keys), counter, data: &tag }.write(&mut answer);
                Ok(answer)
            }
            Credentials::Ecdsa { own, .. } => Ok(own.sign(&self.titles_and_challenges(Side::Own)?)),
            Credentials::Secret(how, secret) => self.digest(how, secret, Side::Own),
        }
    }

    /// Whether the peer's answer to our challenge is right. Compares in constant time.
    pub fn check(&self, credentials: &Credentials<'_>, answer: &[u8]) -> Result<Proof, HlsError> {
        match *credentials {
            Credentials::Gmac(keys) => {
                let form = HlsError::Form { found: answer.len() };
                if answer.len() != HEADER_OCTETS + TAG_OCTETS {
                    return Err(form);
                }
                let Secured { control, counter, data } = Secured::parse(answer).map_err(|_| form)?;
                let expected = gmac_control(keys);
                if control != expected {
                    return Err(HlsError::Control { said: control, expected });
                }
                let title = self.peer.title.ok_or(HlsError::NoTitle(Side::Peer))?;
                let tag = keys.gmac(title, counter, self.own.challenge).map_err(HlsError::NoKey)?;
                same(data, &tag)?;
                Ok(Proof { counter: Some(counter) })
            }
            Credentials::Ecdsa { peer, .. } => {
                peer.verify(&self.titles_and_challenges(Side::Peer)?, answer).map_err(|_| HlsError::Wrong)?;
                Ok(Proof { counter: None })
            }
            Credentials::Secret(how, secret) => {
                same(answer, &self.digest(how, secret, Side::Peer)?)?;
                Ok(Proof { counter: None })
            }
        }
    }

    /// What `side` answers under the mechanisms with a shared secret.
    fn digest(&self, how: Digested, secret: &[u8], side: Side) -> Result<Vec<u8>, HlsError> {
        let challenge = match side {
            Side::Own => self.peer.challenge,
            Side::Peer => self.own.challenge,
        };
        Ok(match how {
            Digested::GuruxAes if share_a_block(self.own.challenge, self.peer.challenge) => {
                return Err(HlsError::SameChallenge);
            }
            Digested::GuruxAes => gurux_aes(secret, challenge),
            Digested::Md5 => hash::<Md5>(&[challenge, secret]),
            Digested::Sha1 => hash::<Sha1>(&[challenge, secret]),
            Digested::Sha256 => hash::<Sha256>(&[secret, &self.titles_and_challenges(side)?]),
        })
    }

    /// Title of who answers, title of who asked, challenge that is answered, the other challenge.
    fn titles_and_challenges(&self, answers: Side) -> Result<Vec<u8>, HlsError> {
        let (SystemTitle(own), SystemTitle(peer)) = (
            self.own.title.ok_or(HlsError::NoTitle(Side::Own))?,
            self.peer.title.ok_or(HlsError::NoTitle(Side::Peer))?,
        );
        Ok(match answers {
            Side::Own => [&own, &peer, self.peer.challenge, self.own.challenge].concat(),
            Side::Peer => [&peer, &own, self.own.challenge, self.peer.challenge].concat(),
        })
    }
}

/// Low level security, mechanism 1: whether a client has sent the meter's password. Takes as long for every wrong one of
/// the right length.
pub fn password_matches(sent: &[u8], password: &[u8]) -> bool {
    same(sent, password).is_ok()
}

fn gmac_control(keys: &Keys) -> SecurityControl {
    SecurityControl::new(keys.suite(), Protection::Authenticated, KeySet::Unicast)
}

/// AES-128, block by block, of the challenge; secret and challenge are padded with zeros to the longer of the two, in whole
/// blocks, and of the secret the first block is the key.
fn gurux_aes(secret: &[u8], challenge: &[u8]) -> Vec<u8> {
    let mut key = Zeroizing::new([0; AES_BLOCK]);
    key.iter_mut().zip(secret).for_each(|(to, from)| *to = *from);
    let cipher = Aes128::new((&*key).into());
    let mut answer = challenge.to_vec();
    answer.resize(challenge.len().max(secret.len()).next_multiple_of(AES_BLOCK), 0);
    for block in answer.as_chunks_mut::<AES_BLOCK>().0 {
        cipher.encrypt_block(block.into());
    }
    answer
}

/// Whether a block of one challenge is in the other, padding aside. Each block is enciphered for itself, so whoever sends
/// our blocks back in another order, or with a zero more, would get our answer out of us in pieces.
fn share_a_block(one: &[u8], other: &[u8]) -> bool {
    let padded = |block: &[u8]| {
        let mut padded = [0; AES_BLOCK];
        padded.iter_mut().zip(block).for_each(|(to, from)| *to = *from);
        padded
    };
    one.chunks(AES_BLOCK).any(|block| other.chunks(AES_BLOCK).any(|other| padded(other) == padded(block)))
}

fn same(found: &[u8], expected: &[u8]) -> Result<(), HlsError> {
    if found.len() != expected.len() {
        return Err(HlsError::Form { found: found.len() });
    }
    if found.ct_eq(expected).to_bool() { Ok(()) } else { Err(HlsError::Wrong) }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::issued;
    use super::super::{Curve, Key, Suite};
    use super::*;
    use proptest::prelude::*;

    const CLIENT: SystemTitle = SystemTitle(*b"HES\0\0\0\0\x01");
    const METER: SystemTitle = SystemTitle(*b"MMM\0\0\0\0\x01");
    const CTOS: &[u8] = b"client to server";
    const STOC: &[u8] = b"server to client";

    fn party(title: SystemTitle, challenge: &[u8]) -> Party<'_> {
        Party { title: Some(title), challenge }
    }
    fn keys(octet: u8) -> Keys {
        let key = |octet| Key::new(&[octet; 16]).unwrap();
        Keys::new(Suite::Suite1, key(octet)).unwrap().with_authentication(key(0xAA)).unwrap()
    }
    fn pairs(curve: Curve) -> [PrivateKey; 2] {
        [1, 2].map(|octet| PrivateKey::new(curve, &vec![octet; curve.octets()]).unwrap())
    }

    /// Runs passes 3 and 4, with the credentials of client and meter.
    fn passes(client: &Credentials<'_>, meter: &Credentials<'_>) -> [Result<Proof, HlsError>; 2] {
        let at_client = Handshake::new(party(CLIENT, CTOS), party(METER, STOC)).unwrap();
        let at_meter = Handshake::new(party(METER, STOC), party(CLIENT, CTOS)).unwrap();
        let third = at_client.answer(client, Some(issued(5))).unwrap();
        let fourth = at_meter.answer(meter, Some(issued(6))).unwrap();
        [at_meter.check(meter, &third), at_client.check(client, &fourth)]
    }

    #[test]
    fn who_knows_the_secret_is_believed_and_who_does_not_is_not() {
        let wrong = [Err(HlsError::Wrong); 2];
        for how in [Digested::GuruxAes, Digested::Md5, Digested::Sha1, Digested::Sha256] {
            let [right, other] = [&b"secret"[..], b"Secret"].map(|secret| Credentials::Secret(how, secret));
            assert_eq!(passes(&right, &right), [Ok(Proof { counter: None }); 2], "{how:?}");
            assert_eq!(passes(&right, &other), wrong, "{how:?}");
        }
        let (right, other) = (keys(1), keys(2));
        let [third, fourth] = [5, 6].map(|counter| Ok(Proof { counter: Some(counter) }));
        assert_eq!(passes(&Credentials::Gmac(&right), &Credentials::Gmac(&right)), [third, fourth]);
        assert_eq!(passes(&Credentials::Gmac(&right), &Credentials::Gmac(&other)), wrong);
        for curve in [Curve::P256, Curve::P384] {
            let [client, meter] = pairs(curve);
            let (client_public, meter_public) = (client.public(), meter.public());
            let at_client = Credentials::Ecdsa { own: &client, peer: &meter_public };
            let at_meter = Credentials::Ecdsa { own: &meter, peer: &client_public };
            assert_eq!(passes(&at_client, &at_meter), [Ok(Proof { counter: None }); 2]);
            let stranger = Credentials::Ecdsa { own: &client, peer: &client_public };
            assert_eq!(passes(&at_client, &stranger), [Ok(Proof { counter: None }), Err(HlsError::Wrong)]);
        }
    }

    #[test]
    fn a_challenge_that_comes_back_is_refused() {
        let same = Handshake::new(party(CLIENT, CTOS), party(METER, CTOS));
        assert_eq!(same.unwrap_err(), HlsError::SameChallenge);
    }

    #[test]
    fn a_peer_with_our_title_is_refused() {
        let twice = [CTOS, CTOS].concat();
        let same = Handshake::new(party(CLIENT, CTOS), party(CLIENT, &twice));
        assert_eq!(same.unwrap_err(), HlsError::SameTitle);
    }

    #[test]
    fn a_challenge_that_comes_back_in_pieces_is_refused_where_blocks_are_enciphered_one_by_one() {
        let (ours, credentials) = ([CTOS, STOC].concat(), Credentials::Secret(Digested::GuruxAes, b"secret"));
        let swapped = [STOC, CTOS].concat();
        let longer = [CTOS, &[0; 4]].concat();
        let tail = [&[9; 16][..], STOC].concat();
        for (own, peer) in [(&ours[..], &swapped[..]), (&ours, &tail), (&CTOS[..9], &[&CTOS[..9], &[0]].concat())] {
            let handshake = Handshake::new(party(CLIENT, own), party(METER, peer)).unwrap();
            assert_eq!(handshake.answer(&credentials, None), Err(HlsError::SameChallenge));
            assert_eq!(handshake.check(&credentials, &[0; 32]), Err(HlsError::SameChallenge));
        }
        let other = Handshake::new(party(CLIENT, &longer), party(METER, STOC)).unwrap();
        assert!(other.answer(&credentials, None).is_ok());
    }

    #[test]
    fn a_challenge_has_8_to_64_octets() {
        let long = [0; 65];
        let new = |own: usize, peer: usize| {
            Handshake::new(party(CLIENT, &CTOS[..own]), party(METER, &long[..peer])).map(|_| ()).unwrap_err()
        };
        for found in [0, 7, 65] {
            assert_eq!(new(8, found), HlsError::ChallengeLength { found });
        }
        assert_eq!(new(7, 8), HlsError::ChallengeLength { found: 7 });
        assert!(Handshake::new(party(CLIENT, &CTOS[..8]), party(METER, &long[..64])).is_ok());
    }

    #[test]
    fn what_a_mechanism_needs_is_named_when_it_is_missing() {
        let keys = keys(1);
        let untitled = |challenge| Party { title: None, challenge };
        let handshake = Handshake::new(untitled(CTOS), untitled(STOC)).unwrap();
        let answer = |credentials, counter| handshake.answer(&credentials, counter).unwrap_err();
        assert_eq!(answer(Credentials::Gmac(&keys), None), HlsError::NoCounter);
        assert_eq!(answer(Credentials::Gmac(&keys), Some(issued(1))), HlsError::NoTitle(Side::Own));
        let sha256 = Credentials::Secret(Digested::Sha256, b"secret");
        assert_eq!(answer(sha256, None), HlsError::NoTitle(Side::Own));
        assert!(handshake.answer(&Credentials::Secret(Digested::Md5, b"secret"), None).is_ok());
        let alone = Keys::new(Suite::Suite1, Key::new(&[1; 16]).unwrap()).unwrap();
        let handshake = Handshake::new(party(CLIENT, CTOS), party(METER, STOC)).unwrap();
        let no_key = handshake.answer(&Credentials::Gmac(&alone), Some(issued(1)));
        assert_eq!(no_key, Err(HlsError::NoKey(KeyRole::Authentication)));
    }

    #[test]
    fn a_gmac_answer_is_authenticated_only_and_of_our_suite() {
        let keys = keys(1);
        let credentials = Credentials::Gmac(&keys);
        let at_client = Handshake::new(party(CLIENT, CTOS), party(METER, STOC)).unwrap();
        let at_meter = Handshake::new(party(METER, STOC), party(CLIENT, CTOS)).unwrap();
        let answer = at_meter.answer(&credentials, Some(issued(6))).unwrap();
        assert_eq!(answer.len(), 17);
        for said in [0x10, 0x31, 0x51] {
            let mut other = answer.clone();
            other[0] = said;
            let control = HlsError::Control { said: SecurityControl(said), expected: SecurityControl(0x11) };
            assert_eq!(at_client.check(&credentials, &other), Err(control));
        }
        for found in [0, 4, 5, 16, 18] {
            let mut other = answer.clone();
            other.resize(found, 0);
            assert_eq!(at_client.check(&credentials, &other), Err(HlsError::Form { found }));
        }
    }

    #[test]
    fn a_password_is_right_as_a_whole_or_not_at_all() {
        assert!(password_matches(b"12345678", b"12345678"));
        for wrong in [&b""[..], b"1234567", b"123456789", b"12345679", b"02345678"] {
            assert!(!password_matches(wrong, b"12345678"));
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let printed = format!("{:?}", Credentials::Secret(Digested::Md5, b"secret"));
        assert_eq!(printed, "Md5 ***");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn an_answer_with_one_bit_flipped_is_refused(
            mechanism in 2..=7_u8,
            ctos in prop::collection::vec(any::<u8>(), 8..=64),
            stoc in prop::collection::vec(any::<u8>(), 8..=64),
            at in any::<prop::sample::Index>(),
        ) {
            prop_assume!(ctos != stoc);
            let (keys, [client, meter]) = (keys(1), pairs(Curve::P256));
            let (client_public, meter_public) = (client.public(), meter.public());
            let digested = |how| [Credentials::Secret(how, b"secret"); 2];
            let [at_client, at_meter] = match HlsMechanism::from_id(mechanism).unwrap() {
                HlsMechanism::GuruxAes => digested(Digested::GuruxAes),
                HlsMechanism::Md5 => digested(Digested::Md5),
                HlsMechanism::Sha1 => digested(Digested::Sha1),
                HlsMechanism::Sha256 => digested(Digested::Sha256),
                HlsMechanism::Gmac => [Credentials::Gmac(&keys); 2],
                HlsMechanism::Ecdsa => [
                    Credentials::Ecdsa { own: &client, peer: &meter_public },
                    Credentials::Ecdsa { own: &meter, peer: &client_public },
                ],
            };
            let us = Handshake::new(party(CLIENT, &ctos), party(METER, &stoc)).unwrap();
            let them = Handshake::new(party(METER, &stoc), party(CLIENT, &ctos)).unwrap();
            let mut answer = us.answer(&at_client, Some(issued(1))).unwrap();
            prop_assert!(them.check(&at_meter, &answer).is_ok());
            prop_assert!(us.check(&at_client, &answer).is_err(), "our own answer does not do for the peer's");
            let bit = at.index(answer.len() * 8);
            answer[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(them.check(&at_meter, &answer).is_err());
        }
    }
}
