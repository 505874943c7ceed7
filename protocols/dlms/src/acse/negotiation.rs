//! What both sides agree about: Green Book clauses 9.4.4 and 9.4.5.
//!
//! A [`Proposal`] is the client's, an [`Offer`] the server's. Neither ciphers: in a ciphered context the initiate APDU goes
//! through [`crate::security`] on its way into the AARQ or AARE, and out of it.

use super::{Aare, Aarq, ContextName, Diagnostic, DiagnosticSource, Mechanism};
use crate::apdu::{
    ActionRequest, Apdu, ConfirmedServiceError, Conformance, DLMS_VERSION, InitiateRequest, InitiateResponse, InvokeId,
    Method, Secret, VAA_LN, VAA_SN,
};
use crate::axdr::Data;
use crate::cosem::association;

/// Fewest octets an APDU must be able to have: no service fits into less.
const LEAST_PDU: u16 = 12;

/// What a client wants.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// How objects are named, and whether APDUs are ciphered.
    pub context: ContextName,
    /// How the sides prove who they are.
    pub mechanism: Mechanism,
    /// The password, or the client's challenge; empty without authentication.
    pub authentication: Secret<'a>,
    /// System title of the client, where anything is ciphered.
    pub system_title: Option<&'a [u8]>,
    /// Which user of the client.
    pub user: Option<u8>,
    /// A key for this association alone; only in a ciphered context.
    pub dedicated_key: Option<Secret<'a>>,
    /// Services it would use.
    pub conformance: Conformance,
    /// Longest APDU it takes.
    pub max_pdu: u16,
}

/// What both agreed about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed<'a> {
    /// Services both know.
    pub conformance: Conformance,
    /// Longest APDU the server takes; 0 for no limit.
    pub max_pdu: u16,
    /// System title of the server, where it says it.
    pub system_title: Option<&'a [u8]>,
    /// The server's challenge: until it is answered and the answer to ours is checked, nothing else may be asked.
    pub challenge: Option<&'a [u8]>,
}

/// Why there is no association.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAgreed {
    /// The server does not want it.
    #[error("the server refuses: {}", reason(*.diagnostic))]
    Rejected {
        /// 1 for good, 2 for now.
        result: u8,
        /// Why.
        diagnostic: Diagnostic,
        /// What it says about the initiate request, if anything.
        error: Option<ConfirmedServiceError>,
    },
    /// It agrees to another context than was proposed.
    #[error("the server agrees to context {}, not the one that was proposed", .0.name())]
    Context(ContextName),
    /// It agrees, and has no initiate response.
    #[error("the server agrees without an initiate response")]
    NoInitiate,
    /// It speaks another version.
    #[error("the server speaks version {0} of DLMS")]
    Version(u8),
    /// It names objects otherwise than its context says.
    #[error("the server's VAA name {0:#06x} is not that of the context")]
    Vaa(u16),
    /// It takes APDUs too short for anything.
    #[error("the server takes APDUs of {0} octets only")]
    PduTooShort(u16),
    /// It demands more than a password and sends no challenge.
    #[error("the server sends no challenge")]
    NoChallenge,
    /// It takes the client without the proof that was proposed.
    #[error("the server does without the authentication that was proposed")]
    NotAuthenticated,
}

fn reason(diagnostic: Diagnostic) -> &'static str {
    diagnostic.name().unwrap_or("for a reason nobody knows")
}

impl<'a> Proposal<'a> {
    /// The initiate request, plain.
    pub fn initiate(&self) -> Vec<u8> {
        let request = InitiateRequest {
            dedicated_key: self.dedicated_key,
            response_allowed: true,
            proposed_qos: None,
            dlms_version: DLMS_VERSION,
            conformance: self.conformance,
            max_pdu: self.max_pdu,
        };
        written(&Apdu::InitiateRequest(request))
    }

    /// The AARQ around the initiate request, which is ciphered in a ciphered context.
    pub fn aarq(&self, initiate: &[u8]) -> Vec<u8> {
        let mut aarq = Aarq::new(self.context, initiate);
        aarq.calling_ap_title = self.system_title;
        aarq.calling_ae_invocation_id = self.user;
        if self.mechanism != Mechanism::None {
            aarq = aarq.with_authentication(self.mechanism, self.authentication.reveal());
        }
        written(&Apdu::Aarq(aarq))
    }

    /// What the server's answer means. `initiate` is what its user information says, deciphered.
    pub fn judge<'b>(&self, aare: &Aare<'b>, initiate: Option<&Apdu<'_>>) -> Result<Agreed<'b>, NotAgreed> {
        if !aare.is_accepted() {
            let error = match initiate {
                Some(Apdu::ConfirmedServiceError(error)) => Some(*error),
                _ => None,
            };
            let Aare { result, diagnostic, .. } = *aare;
            return Err(NotAgreed::Rejected { result, diagnostic, error });
        }
        if aare.context != self.context {
            return Err(NotAgreed::Context(aare.context));
        }
        let Some(Apdu::InitiateResponse(response)) = initiate else { return Err(NotAgreed::NoInitiate) };
        if response.dlms_version != DLMS_VERSION {
            return Err(NotAgreed::Version(response.dlms_version));
        }
        if response.vaa != vaa_of(self.context) {
            return Err(NotAgreed::Vaa(response.vaa));
        }
        if (1..LEAST_PDU).contains(&response.max_pdu) {
            return Err(NotAgreed::PduTooShort(response.max_pdu));
        }
        let challenge = match (self.mechanism.is_high(), aare.authentication) {
            (true, Some(challenge)) => Some(challenge.reveal()),
            (true, None) if aare.diagnostic == Diagnostic::AUTHENTICATION_REQUIRED => {
                return Err(NotAgreed::NoChallenge);
            }
            // Who does not ask for the proof does not have it either: anybody could be speaking.
            (true, None) => return Err(NotAgreed::NotAuthenticated),
            (false, _) => None,
        };
        Ok(Agreed {
            // Services nobody proposed cannot be agreed on.
            conformance: response.conformance & self.conformance,
            max_pdu: response.max_pdu,
            system_title: aare.responding_ap_title,
            challenge,
        })
    }
}

/// What a server has to offer to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// How objects are named, and whether APDUs are ciphered.
    pub context: ContextName,
    /// How the sides prove who they are.
    pub mechanism: Mechanism,
    /// Services it knows.
    pub conformance: Conformance,
    /// Longest APDU it takes.
    pub max_pdu: u16,
}

impl Offer {
    /// Whether the client asks for what there is; else what the AARE says.
    pub fn admits(&self, aarq: &Aarq<'_>) -> Result<(), Diagnostic> {
        let user = |value| Diagnostic { source: DiagnosticSource::User, value };
        if aarq.context != self.context {
            return Err(user(2));
        }
        match aarq.mechanism.unwrap_or(Mechanism::None) {
            asked if asked == self.mechanism => {}
            Mechanism::None => return Err(user(12)),
            _ => return Err(user(11)),
        }
        if self.mechanism != Mechanism::None && aarq.authentication.is_none() {
            return Err(Diagnostic::AUTHENTICATION_FAILURE);
        }
        Ok(())
    }

    /// The answer to an initiate request, or the error that stands in its place.
    pub fn answer(&self, request: &InitiateRequest<'_>) -> Result<InitiateResponse, ConfirmedServiceError> {
        let refuse = |value| Err(ConfirmedServiceError { service: 1, error_type: 6, value });
        let conformance = request.conformance & self.conformance;
        if request.dlms_version < DLMS_VERSION {
            return refuse(1);
        }
        if conformance == Conformance::EMPTY {
            return refuse(2);
        }
        if (1..LEAST_PDU).contains(&request.max_pdu) {
            return refuse(3);
        }
        Ok(InitiateResponse {
            negotiated_qos: None,
            dlms_version: DLMS_VERSION,
            conformance,
            max_pdu: self.max_pdu,
            vaa: vaa_of(self.context),
        })
    }
}

/// Pass three of HLS: the request that carries the client's proof. Its answer returns the server's.
pub const fn reply_to_hls(invoke: InvokeId, proof: &[u8]) -> ActionRequest<'_> {
    let number = association::REPLY_TO_HLS_AUTHENTICATION;
    ActionRequest::Normal {
        invoke,
        method: Method::new(association::CLASS, association::CURRENT, number),
        parameters: Some(Data::OctetString(proof)),
    }
}

const fn vaa_of(context: ContextName) -> u16 {
    match context {
        ContextName::ShortName | ContextName::ShortNameCiphered => VAA_SN,
        ContextName::LogicalName | ContextName::LogicalNameCiphered | ContextName::Other(_) => VAA_LN,
    }
}

fn written(apdu: &Apdu<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    apdu.write(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Conformance = Conformance::from_octets([0x00, 0x7E, 0x1F]);

    fn proposal(mechanism: Mechanism) -> Proposal<'static> {
        Proposal {
            context: ContextName::LogicalName,
            mechanism,
            authentication: Secret::new(b"12345678"),
            system_title: None,
            user: None,
            dedicated_key: None,
            conformance: WANTED,
            max_pdu: 1_200,
        }
    }

    fn offer(mechanism: Mechanism) -> Offer {
        let conformance = Conformance::from_octets([0x00, 0x50, 0x1F]);
        Offer { context: ContextName::LogicalName, mechanism, conformance, max_pdu: 500 }
    }

    #[test]
    fn a_published_request_is_written_octet_by_octet() {
        let low = proposal(Mechanism::Low);
        let published = "6036a1090607608574050801018a0207808b0760857405080201ac0a80083132333435363738be10040e01000000065f1f0400007e1f04b0";
        assert_eq!(low.aarq(&low.initiate()), crate::vectors::bytes(published));
    }

    #[test]
    fn both_sides_come_to_the_same_end() {
        let (low, meter) = (proposal(Mechanism::Low), offer(Mechanism::Low));
        let wire = low.aarq(&low.initiate());
        let Ok(Apdu::Aarq(aarq)) = Apdu::decode(&wire) else { panic!("an AARQ") };
        assert_eq!(meter.admits(&aarq), Ok(()));
        let Ok(Apdu::InitiateRequest(request)) = Apdu::decode(aarq.user_information.unwrap()) else { panic!() };
        let response = Apdu::InitiateResponse(meter.answer(&request).unwrap());
        let initiate = written(&response);
        let aare = Aare::new(aarq.context, Aare::ACCEPTED, Diagnostic::NONE, &initiate);
        let agreed = low.judge(&aare, Some(&response)).unwrap();
        assert_eq!((agreed.conformance, agreed.max_pdu), (meter.conformance, 500));
        assert_eq!((agreed.challenge, agreed.system_title), (None, None));
    }

    #[test]
    fn a_server_that_offers_too_little_or_something_else_is_refused() {
        let low = proposal(Mechanism::Low);
        let request = InitiateRequest {
            dedicated_key: None,
            response_allowed: true,
            proposed_qos: None,
            dlms_version: DLMS_VERSION,
            conformance: WANTED,
            max_pdu: 0,
        };
        let response = offer(Mechanism::Low).answer(&request).unwrap();
        let judge = |aare: &Aare<'_>, response: InitiateResponse| {
            low.judge(aare, Some(&Apdu::InitiateResponse(response))).unwrap_err()
        };
        let accepted = Aare::new(ContextName::LogicalName, 0, Diagnostic::NONE, &[]);
        let other = Aare { context: ContextName::LogicalNameCiphered, ..accepted };
        assert_eq!(judge(&other, response), NotAgreed::Context(ContextName::LogicalNameCiphered));
        let old = InitiateResponse { dlms_version: 5, ..response };
        assert_eq!(judge(&accepted, old), NotAgreed::Version(5));
        let short = InitiateResponse { vaa: VAA_SN, ..response };
        assert_eq!(judge(&accepted, short), NotAgreed::Vaa(VAA_SN));
        let narrow = InitiateResponse { max_pdu: 11, ..response };
        assert_eq!(judge(&accepted, narrow), NotAgreed::PduTooShort(11));
        assert_eq!(low.judge(&accepted, None), Err(NotAgreed::NoInitiate));

        let rejected = Aare::new(ContextName::LogicalName, 1, Diagnostic::AUTHENTICATION_FAILURE, &[]);
        let error = ConfirmedServiceError { service: 1, error_type: 6, value: 2 };
        let refused = low.judge(&rejected, Some(&Apdu::ConfirmedServiceError(error))).unwrap_err();
        assert!(matches!(refused, NotAgreed::Rejected { result: 1, error: Some(found), .. } if found == error));
        assert_eq!(refused.to_string(), "the server refuses: authentication-failure");
    }

    #[test]
    fn a_server_that_drops_the_proof_is_not_trusted() {
        let high = proposal(Mechanism::Gmac);
        let response = InitiateResponse {
            negotiated_qos: None,
            dlms_version: DLMS_VERSION,
            conformance: WANTED,
            max_pdu: 0,
            vaa: VAA_LN,
        };
        let response = Apdu::InitiateResponse(response);
        let accepted = Aare::new(ContextName::LogicalName, 0, Diagnostic::NONE, &[]);
        assert_eq!(high.judge(&accepted, Some(&response)), Err(NotAgreed::NotAuthenticated));
        let pending = Aare { diagnostic: Diagnostic::AUTHENTICATION_REQUIRED, ..accepted };
        assert_eq!(high.judge(&pending, Some(&response)), Err(NotAgreed::NoChallenge));
        let challenged = pending.with_authentication(Mechanism::Gmac, b"StoC1234");
        assert_eq!(high.judge(&challenged, Some(&response)).unwrap().challenge, Some(&b"StoC1234"[..]));
    }

    #[test]
    fn a_client_that_asks_for_what_there_is_not_is_told_so() {
        let meter = offer(Mechanism::Gmac);
        let diagnostic = |proposal: Proposal<'_>| {
            let wire = proposal.aarq(&proposal.initiate());
            let Ok(Apdu::Aarq(aarq)) = Apdu::decode(&wire) else { panic!("an AARQ") };
            meter.admits(&aarq).map_err(|diagnostic| diagnostic.value)
        };
        assert_eq!(diagnostic(proposal(Mechanism::Gmac)), Ok(()));
        assert_eq!(diagnostic(proposal(Mechanism::None)), Err(12));
        assert_eq!(diagnostic(proposal(Mechanism::Low)), Err(11));
        let ciphered = Proposal { context: ContextName::LogicalNameCiphered, ..proposal(Mechanism::Gmac) };
        assert_eq!(diagnostic(ciphered), Err(2));

        let wanted = proposal(Mechanism::Gmac).initiate();
        let Ok(Apdu::InitiateRequest(request)) = Apdu::decode(&wanted) else { panic!() };
        let error = |request: InitiateRequest<'_>| meter.answer(&request).unwrap_err().value;
        assert_eq!(error(InitiateRequest { dlms_version: 5, ..request }), 1);
        assert_eq!(error(InitiateRequest { conformance: Conformance::ACCESS, ..request }), 2);
        assert_eq!(error(InitiateRequest { max_pdu: 11, ..request }), 3);
        assert!(meter.answer(&InitiateRequest { max_pdu: 0, ..request }).is_ok());
    }

    #[test]
    fn a_published_proof_is_written_octet_by_octet() {
        let proof = crate::vectors::bytes("1000000002abbd430830829d2de10c0f17");
        let request = Apdu::ActionRequest(reply_to_hls(InvokeId(0xC1), &proof));
        let published = "c301c1000f0000280000ff010109111000000002abbd430830829d2de10c0f17";
        assert_eq!(written(&request), crate::vectors::bytes(published));
        assert!(request.encode(&mut Vec::new()).is_ok());
    }
}
