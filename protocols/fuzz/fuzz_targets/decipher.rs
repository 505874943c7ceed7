//! Nothing that is not from the peer is believed, and nothing that is can be changed: ciphered and signed APDUs, answers to
//! challenges, wrapped keys.
#![no_main]

use std::num::NonZeroU32;

use hes_dlms::security::{
    ContentKey, Credentials, Curve, DecipherError, Digested, Envelope, GeneralFields, Handshake, HlsError, Issued, Key,
    KeyPairs, KeySet, Keys, Party, PrivateKey, Protection, SecurityContext, SendCounter, ServiceKey, Suite,
    SystemTitle, parse_key_data, write_key_data,
};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const CLIENT: SystemTitle = SystemTitle(*b"HES\0\0\0\0\x01");
const METER: SystemTitle = SystemTitle(*b"MMM\0\0\0\0\x01");

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    /// Octets off the wire.
    Wire(&'a [u8]),
    /// An APDU that we make, then damaged in one bit.
    Damaged(Made<'a>),
    /// An answer to a challenge off the wire.
    Answer { mechanism: u8, own: &'a [u8], peer: &'a [u8], answer: &'a [u8] },
    /// Keys off the wire.
    Keys(&'a [u8]),
}

#[derive(Debug, Arbitrary)]
struct Made<'a> {
    suite: u8,
    form: u8,
    encrypted: bool,
    counter: u32,
    plain: &'a [u8],
    field: &'a [u8],
    bit: u32,
}

fn issued(counter: u32) -> Issued {
    let mut counters = SendCounter::resume(counter.into());
    counters.confirm(counters.reserve(NonZeroU32::MIN).expect("one is left"));
    counters.issue().expect("one is reserved")
}

fn context(own: SystemTitle, peer: SystemTitle, suite: Suite, policy: Protection) -> SecurityContext {
    let key = |octet| Key::new(&vec![octet; suite.key_octets()]).expect("the length is right");
    let keys = Keys::new(suite, key(1)).and_then(|keys| keys.with_authentication(key(2)));
    let keys = keys.and_then(|keys| keys.with_broadcast(key(3))).expect("the lengths are right");
    let mut context = SecurityContext::new(own, keys, policy).with_master(key(4)).expect("the length is right");
    context.set_peer(peer);
    context.set_dedicated(key(5)).expect("the length is right");
    context
}

fn with_key_pairs(context: SecurityContext) -> SecurityContext {
    let key = || PrivateKey::new(Curve::P256, &[7; 32]).expect("far below the order");
    let public = key().public();
    context.with_key_pairs(KeyPairs {
        agreement: key(),
        signature: key(),
        peer_agreement: public.clone(),
        peer_signature: public,
    })
}

fn wire(apdu: &[u8]) {
    let Ok(envelope) = Envelope::parse(apdu) else { return };
    let written = envelope.to_vec();
    assert_eq!(Envelope::parse(&written), Ok(envelope));
    for suite in [Suite::Suite0, Suite::Suite1, Suite::Suite2] {
        let mut meter = context(METER, CLIENT, suite, Protection::Authenticated);
        if suite == Suite::Suite1 {
            meter = with_key_pairs(meter);
        }
        // Who can make a tag of 96 bits here has found more than a bug.
        meter.open(apdu).expect_err("it is not from the client");
        assert_eq!(meter.guard().entries().count(), 0);
    }
}

fn damaged(Made { suite, form, encrypted, counter, plain, field, bit }: Made<'_>) {
    let suite = Suite::from_id(suite % 3).expect("0 to 2 are suites");
    let policy = Protection::new(true, encrypted);
    let (mut client, mut meter) = (context(CLIENT, METER, suite, policy), context(METER, CLIENT, suite, policy));
    let fields = GeneralFields { transaction_id: field, other_information: field, ..Default::default() };
    let by = [ServiceKey::Unicast, ServiceKey::Broadcast, ServiceKey::Dedicated][usize::from(form % 3)];
    let new = Key::new(&vec![9; suite.key_octets()]).expect("the length is right");
    let made = match form % 5 {
        0 => client.protect(by, plain, issued(counter)),
        1 => client.protect_general(by, plain, issued(counter)),
        2 => client.protect_ciphering(fields, ContentKey::Identified(KeySet::Unicast), plain, issued(counter)),
        3 => client.protect_ciphering(fields, ContentKey::Identified(KeySet::Broadcast), plain, issued(counter)),
        _ => client.protect_ciphering(fields, ContentKey::Wrapped(&new), plain, issued(counter)),
    };
    // A service that has no ciphered form of its own.
    let Ok(mut apdu) = made else { return };
    let at = bit as usize % (apdu.len() * 8);
    apdu[at / 8] ^= 1 << (at % 8);
    meter.open(&apdu).expect_err("a bit was changed");
    apdu[at / 8] ^= 1 << (at % 8);
    assert_eq!(meter.open(&apdu).expect("as it was made").apdu, plain);
    assert!(matches!(meter.open(&apdu), Err(DecipherError::Replayed(_))));
}

fn answer(mechanism: u8, own: &[u8], peer: &[u8], answer: &[u8]) {
    let party = |title, challenge| Party { title: Some(title), challenge };
    let Ok(handshake) = Handshake::new(party(CLIENT, own), party(METER, peer)) else { return };
    let context = context(CLIENT, METER, Suite::Suite1, Protection::AuthenticatedEncrypted);
    let key = PrivateKey::new(Curve::P256, &[7; 32]).expect("far below the order");
    let public = key.public();
    let credentials = match mechanism % 6 {
        0 => Credentials::Secret(Digested::GuruxAes, b"secret"),
        1 => Credentials::Secret(Digested::Md5, b"secret"),
        2 => Credentials::Secret(Digested::Sha1, b"secret"),
        3 => Credentials::Secret(Digested::Sha256, b"secret"),
        4 => Credentials::Gmac(context.keys()),
        _ => Credentials::Ecdsa { own: &key, peer: &public },
    };
    handshake.check(&credentials, answer).expect_err("it is not from the meter");
    let ours = match handshake.answer(&credentials, Some(issued(1))) {
        Err(HlsError::SameChallenge) => return,
        ours => ours.expect("nothing is missing"),
    };
    handshake.check(&credentials, &ours).expect_err("our own answer is not the meter's");
}

fn keys(octets: &[u8]) {
    let Ok(keys) = parse_key_data(octets) else { return };
    let master = Key::new(&[4; 16]).expect("the length is right");
    for key in &keys {
        master.unwrap_key(key.data).expect_err("it is not wrapped with the master key");
    }
    let mut again = Vec::new();
    write_key_data(&keys, &mut again);
    assert_eq!(parse_key_data(&again), Ok(keys));
}

fuzz_target!(|input: Input<'_>| {
    match input {
        Input::Wire(octets) => wire(octets),
        Input::Damaged(made) => damaged(made),
        Input::Answer { mechanism, own, peer, answer: octets } => answer(mechanism, own, peer, octets),
        Input::Keys(octets) => keys(octets),
    }
});
