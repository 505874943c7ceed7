//! Frames and wrappers.

use hes_dlms::hdlc::{Address, Assembly, Frame, Kind, Llc, Parameters};
use hes_dlms::wrapper::{VERSION, Wrapper};

use super::tree::{Object, Tree};
use super::{Explainer, hex};
use crate::decoded::Rejected;

fn address(of: Address) -> Object {
    let mut object = Object::new().with("bytes", hex(of.octets())).with("upper", of.upper());
    object.put_some("lower", of.lower());
    object
}

fn frame(frame: &Frame<'_>, information: String) -> Object {
    let mut object = Object::new()
        .with("segmented", frame.segmented)
        .with("length", frame.length())
        .with("dst", address(frame.destination))
        .with("src", address(frame.source))
        .with("control", hex(&[frame.control.octet()]))
        .with("kind", frame.control.kind.name());
    match frame.control.kind {
        Kind::Information { send, receive } => {
            object.put("ns", send);
            object.put("nr", receive);
        }
        Kind::ReceiveReady { receive } | Kind::ReceiveNotReady { receive } => object.put("nr", receive),
        _ => {}
    }
    object.put("pf", frame.control.poll_final);
    object.put("info", information);
    let negotiates = matches!(frame.control.kind, Kind::SetNormalResponseMode | Kind::UnnumberedAcknowledge);
    if negotiates && !frame.information.is_empty() {
        let Parameters { max_info_tx, max_info_rx, window_tx, window_rx } = Parameters::parse(frame.information);
        let parameters = Object::new()
            .with("max_info_tx", max_info_tx)
            .with("max_info_rx", max_info_rx)
            .with("window_tx", window_tx)
            .with("window_rx", window_rx);
        object.put("params", parameters);
    }
    object
}

/// Most octets of an APDU in segments.
const MOST_OCTETS: usize = 1 << 18;

/// The last whole APDU that frames carry.
///
/// A capture may begin or end in the middle of an APDU: what has no LLC header is no beginning.
fn carried(frames: &[Frame<'_>]) -> Option<Vec<u8>> {
    let mut assembly = Assembly::new(MOST_OCTETS);
    let mut apdu = None;
    let carries = |kind| matches!(kind, Kind::Information { .. } | Kind::UnnumberedInformation);
    let mut begun = false;
    for frame in frames.iter().filter(|frame| carries(frame.control.kind)) {
        begun |= Llc::strip(frame.information).0.is_some();
        if !begun {
            continue;
        }
        if let Ok(Some(whole)) = assembly.push(frame) {
            apdu = Some(whole.to_vec());
            begun = false;
        }
    }
    apdu
}

impl Explainer<'_> {
    /// HDLC frames and the APDU they carry.
    pub(super) fn hdlc(&self, bytes: &[u8]) -> Result<Object, Rejected> {
        let frames: Result<Vec<_>, _> = Frame::parse_all(bytes).collect();
        let frames = frames.map_err(|why| Rejected::new(why.code(), why.to_string()))?;
        let apdu = carried(&frames).filter(|apdu| !apdu.is_empty());
        // What hides a secret in the APDU hides it in the frames.
        let hidden = apdu.as_ref().is_some_and(|apdu| self.apdu_hex(apdu).starts_with('*'));
        let information = |of: &Frame<'_>| if hidden { self.secret(of.information) } else { hex(of.information) };
        let explained = frames.iter().map(|of| frame(of, information(of))).collect::<Tree>();
        let mut object = Object::new().with("frames", explained);
        if let Some(apdu) = apdu {
            object.put("apdu", self.apdu_hex(&apdu));
            object.put("message", self.message(&apdu, None));
        }
        Ok(object)
    }

    /// A wrapper and the APDU in it.
    pub(super) fn wrapper(&self, bytes: &[u8]) -> Result<Object, Rejected> {
        let wrapper = Wrapper::decode(bytes).map_err(|why| Rejected::new(why.code(), why.to_string()))?;
        let Wrapper { source, destination, apdu } = wrapper;
        Ok(Object::new()
            .with("version", VERSION)
            .with("src", source)
            .with("dst", destination)
            .with("length", apdu.len())
            .with("apdu", self.apdu_hex(apdu))
            .with("message", self.message(apdu, None)))
    }

    /// An APDU inside of something else. What is wrong with it is said in its place.
    pub(super) fn message(&self, apdu: &[u8], sender: Option<&[u8]>) -> Tree {
        match self.apdu_from(apdu, sender) {
            Ok(meaning) => meaning.into(),
            Err(why) => Object::new().with("error", why.error).with("detail", why.detail).into(),
        }
    }
}
