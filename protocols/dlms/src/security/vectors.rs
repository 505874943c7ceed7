//! Published and independently made values: `vectors/dlms.jsonl` (layer security) and `vectors/security.jsonl`.

use std::num::NonZeroU32;

use serde_json::Value;

use super::{
    Credentials, Curve, DecipherError, Digested, Envelope, GeneralFields, Handshake, HlsError, HlsMechanism, Issued,
    Key, KeyPairs, Keys, Origin, Parties, Party, PrivateKey, Protection, PublicKey, Secured, SecurityContext,
    SecurityControl, SendCounter, Suite, Suspect, SystemTitle, agreement,
};

const CAPTURED: &str = include_str!("../../vectors/dlms.jsonl");
const MADE: &str = include_str!("../../vectors/security.jsonl");

pub(super) fn octets(hex: &str) -> Vec<u8> {
    let mut out = vec![0; hex.len() / 2];
    hes_wire::hex::read(hex, &mut out).unwrap();
    out
}

/// A counter with a given number, as the reservation gives it out.
pub(super) fn issued(number: u32) -> Issued {
    let mut counter = SendCounter::resume(number.into());
    counter.confirm(counter.reserve(NonZeroU32::MIN).unwrap());
    counter.issue().unwrap()
}

/// One line of a vector file.
struct Vector(Value);

impl Vector {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("{name} in {}", self.0))
    }
    fn octets(&self, name: &str) -> Vec<u8> {
        octets(self.text(name))
    }
    fn title(&self, name: &str) -> SystemTitle {
        self.text(name).parse().unwrap()
    }
    fn number(&self, name: &str) -> u32 {
        u32::try_from(self.0[name].as_u64().unwrap()).unwrap()
    }
    fn suite(&self) -> Suite {
        Suite::from_id(u8::try_from(self.number("suite")).unwrap()).unwrap()
    }
    fn curve(&self) -> Curve {
        match self.text("curve") {
            "P-256" => Curve::P256,
            "P-384" => Curve::P384,
            other => panic!("{other}"),
        }
    }
    fn keys(&self) -> Keys {
        let (encryption, authentication) = (self.octets("encryption"), self.octets("authentication"));
        let keys = Keys::new(self.suite(), Key::new(&encryption).unwrap()).unwrap();
        let keys = keys.with_authentication(Key::new(&authentication).unwrap()).unwrap();
        keys.with_broadcast(Key::new(&encryption).unwrap()).unwrap()
    }
    fn handshake<'a>(&self, own: &'a [u8], peer: &'a [u8]) -> Handshake<'a> {
        let own = Party { title: Some(self.title("own_title")), challenge: own };
        let peer = Party { title: Some(self.title("peer_title")), challenge: peer };
        Handshake::new(own, peer).unwrap()
    }
}

/// Runs all vectors of an operation; there must be some.
fn each(op: &str, check: impl Fn(&Vector)) {
    let vectors = MADE.lines().map(|line| Vector(serde_json::from_str(line).unwrap()));
    assert_ne!(vectors.filter(|vector| vector.text("op") == op).map(|vector| check(&vector)).count(), 0);
}

fn replace<'a>(envelope: &Envelope<'a>, with: Secured<'a>) -> Envelope<'a> {
    let mut envelope = *envelope;
    match &mut envelope {
        Envelope::Service { secured, .. } | Envelope::General { secured, .. } | Envelope::Ciphering { secured, .. } => {
            *secured = with;
        }
        Envelope::Signing { .. } => panic!("signed, not ciphered"),
    }
    envelope
}

#[test]
fn every_captured_apdu_is_deciphered_and_ciphered_to_the_same_octets() {
    let mut checked = 0;
    for line in CAPTURED.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        if vector["layer"] != "security" {
            continue;
        }
        let text = |value: &Value| octets(value.as_str().unwrap());
        let (wire, expect, key) = (text(&vector["hex"]), &vector["expect"], &vector["key"]);
        let encryption = Key::new(&text(&key["encryption"])).unwrap();
        let authentication = Key::new(&text(&key["authentication"])).unwrap();
        let keys = Keys::new(Suite::Suite0, encryption).unwrap().with_authentication(authentication).unwrap();
        let title = [&expect["system_title"], &key["system_title"]].into_iter().find_map(Value::as_str).unwrap();
        let title: SystemTitle = title.parse().unwrap();
        checked += 1;
        if expect["op"] == "gmac" {
            let counter = u32::try_from(expect["ic"].as_u64().unwrap()).unwrap();
            let peer = Party { title: None, challenge: &text(&expect["challenge"]) };
            let handshake =
                Handshake::new(Party { title: Some(title), challenge: b"another challenge" }, peer).unwrap();
            let answer = handshake.answer(&Credentials::Gmac(&keys), Some(issued(counter))).unwrap();
            assert_eq!(answer, text(&expect["result"]));
            assert!(answer.ends_with(&wire));
            continue;
        }
        let us = SystemTitle(*b"HES\0\0\0\0\x01");
        let mut context = SecurityContext::new(us, keys.clone(), Protection::AuthenticatedEncrypted);
        context.set_peer(title);
        let opened = context.open(&wire);
        if expect["ok"] == false {
            assert_eq!(opened.unwrap_err(), DecipherError::Tag(Suspect::AuthenticationKeyOrData));
            assert_eq!(context.guard().entries().count(), 0, "who has no tag does not move the counter");
            continue;
        }
        let opened = opened.unwrap();
        assert_eq!(opened.apdu, text(&expect["plain"]));
        assert_eq!((u64::from(opened.counter), opened.sender), (expect["ic"].as_u64().unwrap(), title));
        assert_eq!(vec![opened.control.0], text(&expect["sc"]));
        let envelope = Envelope::parse(&wire).unwrap();
        let sealed = keys.protect(title.into(), opened.control, issued(opened.counter), &opened.apdu).unwrap();
        assert_eq!(replace(&envelope, sealed.secured()).to_vec(), wire);
        assert!(matches!(context.open(&wire), Err(DecipherError::Replayed(_))));
    }
    assert_eq!(checked, 19);
}

#[test]
fn apdus_that_other_implementations_cipher_are_deciphered_and_ciphered_to_the_same_octets() {
    each("cipher", |vector| {
        let (apdu, plain, title) = (vector.octets("apdu"), vector.octets("plain"), vector.title("title"));
        let (keys, counter) = (vector.keys(), vector.number("counter"));
        let envelope = Envelope::parse(&apdu).unwrap();
        let secured = envelope.secured().unwrap();
        assert_eq!((vec![secured.control.0], secured.counter), (vector.octets("control"), counter));
        assert_eq!(keys.unprotect(title.into(), &secured).unwrap(), plain);
        let sealed = keys.protect(title.into(), secured.control, issued(counter), &plain).unwrap();
        assert_eq!(replace(&envelope, sealed.secured()).to_vec(), apdu);
        match envelope {
            Envelope::Service { service, .. } => assert_eq!(plain.first(), Some(&service.plain_tag())),
            Envelope::General { title: said, .. } => assert_eq!(said, title.0),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn the_fields_of_general_ciphering_are_authenticated_as_others_do_it() {
    each("general", |vector| {
        let (apdu, plain) = (vector.octets("apdu"), vector.octets("plain"));
        let (keys, sender, own) = (vector.keys(), vector.title("title"), vector.title("recipient"));
        let mut context = SecurityContext::new(own, keys.clone(), Protection::AuthenticatedEncrypted);
        context.set_peer(sender);
        assert_eq!(context.open(&apdu).unwrap().apdu, plain);
        let envelope = Envelope::parse(&apdu).unwrap();
        let Envelope::Ciphering { fields, secured, .. } = envelope else { panic!("{envelope:?}") };
        let origin = Origin { sender, fields: Some(&fields) };
        let sealed = keys.protect(origin, secured.control, issued(secured.counter), &plain).unwrap();
        assert_eq!(replace(&envelope, sealed.secured()).to_vec(), apdu);
        let other = GeneralFields { transaction_id: b"another.", ..fields };
        let moved = keys.unprotect(Origin { sender, fields: Some(&other) }, &secured);
        assert_eq!(moved.unwrap_err().code(), "tag");
    });
}

#[test]
fn answers_to_challenges_are_those_of_other_implementations() {
    each("hls", |vector| {
        let (own, peer) = (vector.octets("own_challenge"), vector.octets("peer_challenge"));
        let (secret, answer, keys) = (vector.octets("secret"), vector.octets("answer"), vector.keys());
        let mechanism = HlsMechanism::from_id(u8::try_from(vector.number("mechanism")).unwrap()).unwrap();
        let credentials = match mechanism {
            HlsMechanism::GuruxAes => Credentials::Secret(Digested::GuruxAes, &secret),
            HlsMechanism::Md5 => Credentials::Secret(Digested::Md5, &secret),
            HlsMechanism::Sha1 => Credentials::Secret(Digested::Sha1, &secret),
            HlsMechanism::Sha256 => Credentials::Secret(Digested::Sha256, &secret),
            HlsMechanism::Gmac => Credentials::Gmac(&keys),
            HlsMechanism::Ecdsa => panic!("is not repeatable"),
        };
        assert_eq!(credentials.mechanism(), mechanism);
        let us = vector.handshake(&own, &peer);
        assert_eq!(us.answer(&credentials, Some(issued(vector.number("counter")))).unwrap(), answer);
        let (title, other) = (vector.title("own_title"), vector.title("peer_title"));
        let ours = Party { title: Some(title), challenge: &own };
        let them = Handshake::new(Party { title: Some(other), challenge: &peer }, ours).unwrap();
        let counter = (mechanism == HlsMechanism::Gmac).then(|| vector.number("counter"));
        assert_eq!(them.check(&credentials, &answer).map(|proof| proof.counter), Ok(counter));
        assert!(us.check(&credentials, &answer).is_err(), "our own answer is not the peer's");
    });
}

#[test]
fn signed_answers_of_other_implementations_are_believed() {
    each("ecdsa-answer", |vector| {
        let signer = PublicKey::new(vector.curve(), &vector.octets("signer")).unwrap();
        let own = PrivateKey::new(vector.curve(), &vec![1; vector.curve().octets()]).unwrap();
        let credentials = Credentials::Ecdsa { own: &own, peer: &signer };
        // The vector's side is the one that answers, so it is the peer here.
        let (asked, asking) = (vector.octets("own_challenge"), vector.octets("peer_challenge"));
        let them = Party { title: Some(vector.title("own_title")), challenge: &asked };
        let us = Party { title: Some(vector.title("peer_title")), challenge: &asking };
        let handshake = Handshake::new(us, them).unwrap();
        assert!(handshake.check(&credentials, &vector.octets("answer")).is_ok());
        let swapped = Handshake::new(them, us).unwrap();
        assert_eq!(swapped.check(&credentials, &vector.octets("answer")), Err(HlsError::Wrong));
    });
}

#[test]
fn keys_are_wrapped_as_in_rfc_3394() {
    each("wrap", |vector| {
        let (kek, key) = (Key::new(&vector.octets("kek")).unwrap(), Key::new(&vector.octets("key")).unwrap());
        let wrapped = vector.octets("wrapped");
        assert_eq!(kek.wrap(&key), wrapped);
        assert_eq!(kek.unwrap_key(&wrapped), Ok(key));
    });
}

#[test]
fn shared_secrets_are_those_of_the_green_book() {
    each("ecdh", |vector| {
        let private = PrivateKey::new(vector.curve(), &vector.octets("private")).unwrap();
        let public = PublicKey::new(vector.curve(), &vector.octets("public")).unwrap();
        assert_eq!(*private.agree(&public).unwrap().0, vector.octets("secret"));
    });
}

#[test]
fn agreed_keys_are_those_of_the_green_book() {
    each("agree", |vector| {
        let suite = vector.suite();
        let curve = suite.curve().unwrap();
        let private = PrivateKey::new(curve, &vector.octets("private")).unwrap();
        let public = PublicKey::new(curve, &vector.octets("public")).unwrap();
        let parties = Parties { originator: vector.title("originator"), recipient: vector.title("recipient") };
        let key = match vector.text("scheme") {
            "one-pass" => agreement::one_pass(suite, &private, &public, parties),
            "static" => agreement::static_unified(suite, &private, &public, parties, &vector.octets("transaction")),
            other => panic!("{other}"),
        };
        assert_eq!(key.unwrap().expose(), vector.octets("key"));
    });
}

#[test]
fn published_signatures_are_verified() {
    each("verify", |vector| {
        let key = PublicKey::new(vector.curve(), &vector.octets("public")).unwrap();
        let (message, mut signature) = (vector.octets("message"), vector.octets("signature"));
        assert_eq!(key.verify(&message, &signature), Ok(()));
        *signature.last_mut().unwrap() ^= 1;
        assert!(key.verify(&message, &signature).is_err());
    });
}

#[test]
fn signatures_are_made_as_in_rfc_6979() {
    each("sign", |vector| {
        let key = PrivateKey::new(vector.curve(), &vector.octets("private")).unwrap();
        assert_eq!(key.sign(&vector.octets("message")), vector.octets("signature"));
    });
}

/// Its tag was made with an authentication key that is not published, so all but the tag is shown: the ephemeral key is
/// verified, the agreed key deciphers what the Green Book says.
#[test]
fn the_green_books_apdu_under_an_agreed_key_is_deciphered() {
    each("one-pass-apdu", |vector| {
        let apdu = vector.octets("apdu");
        let private = PrivateKey::new(Curve::P256, &vector.octets("private")).unwrap();
        let signer = PublicKey::new(Curve::P256, &vector.octets("signer")).unwrap();
        let envelope = Envelope::parse(&apdu).unwrap();
        assert_eq!(envelope.to_vec(), apdu);
        let Envelope::Ciphering { fields, key_info, secured } = envelope else { panic!("{envelope:?}") };
        let Some(super::KeyInfo::Agreed { parameters: [1], data }) = key_info else { panic!("{key_info:?}") };
        let (originator, recipient) = (fields.originator().unwrap(), fields.recipient().unwrap());
        let ephemeral = agreement::verified_ephemeral(data, &signer).unwrap();
        let key = agreement::one_pass(Suite::Suite1, &private, &ephemeral, Parties { originator, recipient }).unwrap();
        let keys = Keys::new(Suite::Suite1, key.clone()).unwrap();
        let (enciphered, _tag) = secured.data.split_last_chunk::<12>().unwrap();
        let without_tag = Secured { control: SecurityControl(0x21), data: enciphered, ..secured };
        assert_eq!(keys.unprotect(originator.into(), &without_tag).unwrap(), vector.octets("plain"));

        let unpublished = Key::new(&[0; 16]).unwrap();
        let keys = Keys::new(Suite::Suite1, unpublished.clone()).unwrap().with_authentication(unpublished).unwrap();
        let pairs = KeyPairs {
            signature: private.clone(),
            agreement: private,
            peer_agreement: signer.clone(),
            peer_signature: signer,
        };
        let mut context =
            SecurityContext::new(recipient, keys, Protection::AuthenticatedEncrypted).with_key_pairs(pairs);
        let refused = context.open(&apdu).unwrap_err();
        assert_eq!(refused, DecipherError::Tag(Suspect::AuthenticationKeyOrData));
    });
}
