//! Deciphering, and saying why it cannot be done.

use hes_dlms::security::{Envelope, Key, KeyError, KeyInfo, Keying, Keys, Origin, Suite, SystemTitle, TitleError};

use super::tree::Object;
use super::{Explainer, hex};
use crate::decoded::Rejected;

/// Why keys are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CipherKeysError {
    /// Not hexadecimal, or not of the length of a key.
    #[error("{name}: a key is 32 hexadecimal digits (suites 0 and 1) or 64 (suite 2): {cause}")]
    Key {
        /// Which key.
        name: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// Not a system title.
    #[error("system title: {0}")]
    Title(#[from] TitleError),
}

/// What deciphers APDUs.
#[derive(Debug, Clone)]
pub struct CipherKeys {
    encryption: Key,
    authentication: Option<Key>,
    /// Who sent them, where they do not say it.
    system_title: Option<SystemTitle>,
}

impl CipherKeys {
    /// From hexadecimal digits, as people and vector files write keys.
    pub fn from_hex(
        encryption: &str,
        authentication: Option<&str>,
        system_title: Option<&str>,
    ) -> Result<Self, CipherKeysError> {
        Ok(Self {
            encryption: key("encryption key", encryption)?,
            authentication: authentication.map(|digits| key("authentication key", digits)).transpose()?,
            system_title: system_title.map(str::parse).transpose()?,
        })
    }
}

/// Octets of the longest key.
const LONGEST_KEY: usize = 32;

fn key(name: &'static str, digits: &str) -> Result<Key, CipherKeysError> {
    let mut octets = [0; LONGEST_KEY];
    let wrong = |cause: String| CipherKeysError::Key { name, cause };
    let octets = hes_wire::hex::read(digits, &mut octets).map_err(|why| wrong(why.to_string()))?;
    Key::new(octets).map_err(|why: KeyError| wrong(why.to_string()))
}

/// A deciphered APDU.
pub(super) struct Opened {
    pub(super) sender: SystemTitle,
    pub(super) plain: Vec<u8>,
}

impl Explainer<'_> {
    /// Deciphers an APDU. `sender` is whom it is from, where what stands around it says so.
    pub(super) fn open(&self, envelope: &Envelope<'_>, sender: Option<&[u8]>) -> Result<Opened, Rejected> {
        let (own_title, fields) = match envelope {
            Envelope::General { title, .. } => (Some(*title), None),
            Envelope::Ciphering { fields, .. } => (Some(fields.originator), Some(fields)),
            Envelope::Service { .. } | Envelope::Signing { .. } => (None, None),
        };
        let Some(secured) = envelope.secured() else {
            return Err(Rejected::new("signed", "it is signed, not ciphered: what is inside stands under content"));
        };
        let Some(keys) = &self.options.keys else {
            let authentication = if secured.control.protection().is_authenticated() { " and --auth-key" } else { "" };
            let which = match envelope {
                Envelope::Service { keying: Keying::Dedicated, .. }
                | Envelope::General { keying: Keying::Dedicated, .. } => "the dedicated key of its association",
                _ => "the key of the meter",
            };
            let detail = format!("it is ciphered: give {which} with --key{authentication}");
            return Err(Rejected::new("no_key", detail));
        };
        let said = own_title.or(sender).and_then(|title| SystemTitle::from_octets(title).ok());
        let Some(sender) = said.or(keys.system_title) else {
            return Err(Rejected::new("no_title", "nothing says who sent it: give --system-title"));
        };
        let suite = secured.control.suite().unwrap_or(Suite::Suite0);
        let wrong_key = |why: KeyError| Rejected::new("key", format!("for {suite:?}: {why}"));
        let mut own = Keys::new(suite, keys.encryption.clone()).map_err(wrong_key)?;
        // One key is given: whether it is the unicast, broadcast or dedicated one is for who gives it to know.
        own = own.with_broadcast(keys.encryption.clone()).map_err(wrong_key)?;
        if let Some(authentication) = &keys.authentication {
            own = own.with_authentication(authentication.clone()).map_err(wrong_key)?;
        }
        let plain = own.unprotect(Origin { sender, fields }, &secured).map_err(|why| {
            let code = why.code();
            let (control, counter) = (hex(&[secured.control.0]), secured.counter);
            let about = format!("security control {control}, counter {counter}, system title {sender}");
            let detail = match envelope {
                Envelope::Ciphering { key_info: Some(KeyInfo::Wrapped { .. }), .. } => {
                    format!("cannot be deciphered: {why} ({about}); its key comes wrapped along")
                }
                Envelope::Ciphering { key_info: Some(KeyInfo::Agreed { .. }), .. } => {
                    format!("cannot be deciphered: {why} ({about}); its key was agreed on")
                }
                _ => format!("cannot be deciphered: {why} ({about})"),
            };
            Rejected::new(code, detail)
        })?;
        Ok(Opened { sender, plain })
    }

    /// What a ciphered APDU says; with keys, and the right ones, what is inside.
    ///
    /// Without keys its header is all there is, and what is missing is named. With the wrong ones it is refused: nothing of
    /// what comes out may be believed.
    pub(super) fn protected(&self, envelope: &Envelope<'_>, sender: Option<&[u8]>) -> Result<Object, Rejected> {
        let opened = self.open(envelope, sender);
        if let Err(why) = &opened
            && self.options.keys.is_some()
            && why.error != "signed"
        {
            return Err(why.clone());
        }
        let mut meaning = Object::new();
        match (envelope, &opened) {
            (Envelope::General { title, .. }, _) => meaning.put("system_title", hex(title)),
            (_, Ok(opened)) => meaning.put("system_title", hex(&opened.sender.0)),
            _ => {}
        }
        if let Envelope::Ciphering { fields, .. } | Envelope::Signing { fields, .. } = envelope {
            meaning.put("transaction_id", hex(fields.transaction_id));
            meaning.put("originator", hex(fields.originator));
            meaning.put("recipient", hex(fields.recipient));
            meaning.put("date_time", hex(fields.date_time));
            meaning.put("other_information", hex(fields.other_information));
        }
        if let Some(secured) = envelope.secured() {
            meaning.put("sc", hex(&[secured.control.0]));
            meaning.put("protection", secured.control.protection().name());
            meaning.put("suite", secured.control.suite_id());
            meaning.put("ic", secured.counter);
            if let Some((contents, tag)) = secured.split() {
                meaning.put("ciphertext", hex(contents));
                meaning.put_some("tag", tag.map(|tag| hex(tag)));
            }
        }
        if let Envelope::Signing { content, signature, .. } = envelope {
            meaning.put("content", hex(content));
            meaning.put("signature", hex(signature));
        }
        match opened {
            Ok(opened) => {
                meaning.put("plain", self.plain_of(&opened.plain));
                meaning.put("inner", self.message(&opened.plain, Some(&opened.sender.0)));
            }
            Err(why) => {
                let undeciphered = Object::new().with("error", why.error).with("detail", why.detail);
                meaning.put("undeciphered", undeciphered);
            }
        }
        Ok(meaning)
    }

    /// A deciphered APDU in hexadecimal; where secrets are hidden, not if it may hold any.
    fn plain_of(&self, plain: &[u8]) -> String {
        match self.options.secrets {
            crate::Secrets::Shown => hex(plain),
            crate::Secrets::Hidden => self.secret(plain),
        }
    }
}
