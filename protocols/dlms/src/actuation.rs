//! The only way to bytes that could move a relay.
//!
//! [`Apdu::encode`] refuses every plain request whose [`Effect`] may be to open or close a supply with [`NeedsPermit`];
//! [`encode`] takes an [`ActuationPermit`] for each and uses it up. Ciphering and cutting into blocks come after: they work
//! on bytes that came from one of the two.
//!
//! A permit cannot be made, copied or kept: its only constructor is the test's own, because nothing in the system may
//! issue one yet. The owner of relay orders will, in one place, after policy and fuse were checked again and the attempt
//! is durable; that constructor belongs into this file and nowhere else. Meters, real or simulated, only *parse* such APDUs.

use crate::Effect;
use crate::apdu::Apdu;

/// Leave to write one request that could move a relay. Not `Clone`, not `Copy`, not `Default`: one permit, one request.
///
/// ```compile_fail
/// let permit = hes_dlms::actuation::ActuationPermit { issued: () };
/// ```
#[derive(Debug)]
#[must_use = "a permit that is not used lets nothing out"]
pub struct ActuationPermit {
    issued: (),
}

impl ActuationPermit {
    /// For the codec's own round trips.
    #[cfg(test)]
    pub(crate) fn for_round_trip() -> Self {
        Self { issued: () }
    }
}

/// The request could move a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this could move a relay: it needs an actuation permit")]
pub struct NeedsPermit;

impl ActuationPermit {
    /// Uses the permit up.
    pub(crate) fn spend(self) {
        let Self { issued: () } = self;
    }
}

/// Appends an APDU of any kind.
pub fn encode(permit: ActuationPermit, apdu: &Apdu<'_>, out: &mut Vec<u8>) {
    permit.spend();
    apdu.write(out);
}

impl Apdu<'_> {
    /// Appends the APDU, unless it could move a relay.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), NeedsPermit> {
        if self.plain_effect() == Effect::MayActuate {
            return Err(NeedsPermit);
        }
        self.write(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Obis;
    use crate::apdu::{ActionRequest, Attribute, GetRequest, InvokeId, Method, SetRequest};
    use crate::axdr::Data;
    use crate::{Gateway, GatewayDirection};

    const INVOKE: InvokeId = InvokeId::confirmed(1);
    const RELAY: Obis = Obis::new(0, 0, 96, 3, 10, 255);

    fn action(class: u16) -> Apdu<'static> {
        let (method, parameters) = (Method::new(class, RELAY, 1), Some(Data::Integer(0)));
        Apdu::ActionRequest(ActionRequest::Normal { invoke: INVOKE, method, parameters })
    }

    fn set(class: u16) -> Apdu<'static> {
        let (attribute, data) = (Attribute::new(class, RELAY, 4).into(), Data::Enum(1));
        Apdu::SetRequest(SetRequest::Normal { invoke: INVOKE, attribute, data })
    }

    #[test]
    fn nothing_that_could_move_a_relay_is_written_without_a_permit() {
        for class in [9, 21, 22, 67, 68, 70, 71, 111, 112, 113, 114, 115, 8_192, 40_000] {
            for request in [action(class), set(class)] {
                let mut out = Vec::new();
                assert_eq!((request.encode(&mut out), out.len()), (Err(NeedsPermit), 0), "class {class}");
                encode(ActuationPermit::for_round_trip(), &request, &mut out);
                assert_eq!(Apdu::decode(&out), Ok(request));
                let behind =
                    Gateway { direction: GatewayDirection::Request, network: 0, physical_address: &[1], apdu: &out };
                assert_eq!(Apdu::Gateway(behind).encode(&mut Vec::new()), Err(NeedsPermit), "behind a gateway");
            }
        }
    }

    #[test]
    fn what_cannot_is_written_freely() {
        let attribute = Attribute::new(70, RELAY, 2).into();
        let get = Apdu::GetRequest(GetRequest::Normal { invoke: INVOKE, attribute });
        for request in [get, action(15), set(8)] {
            assert_eq!(request.encode(&mut Vec::new()), Ok(()));
        }
        assert_eq!((get.effect(), set(8).effect()), (Effect::Reads, Effect::Writes));
    }
}
