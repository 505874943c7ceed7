//! What things say, in the words of the vector file.

use serde_json::{Value, json};

use super::hex;
use crate::acse::{Aare, Aarq, Release};
use crate::apdu::{
    ActionRequest, ActionResponse, Apdu, Attribute, GetRequest, GetResponse, GetResult, HeaderTime, InitiateRequest,
    InitiateResponse, Method, Selected, SetResponse,
};
use crate::axdr::{Data, Layout, tag};
use crate::hdlc::{Address, Assembly, Frame, Kind, Parameters};
use crate::security::Envelope;

fn layout_meaning(layout: Layout<'_>) -> Value {
    match layout {
        Layout::Simple(simple) => tag::name(simple).into(),
        Layout::Array { count, .. } => json!({ "array": count, "of": layout.members().next().map(layout_meaning) }),
        Layout::Structure { .. } => {
            json!({ "structure": layout.members().map(layout_meaning).collect::<Vec<_>>() })
        }
    }
}

pub(super) fn data_meaning(data: &Data<'_>) -> Value {
    let members = || data.list().map(|list| list.iter().map(|member| data_meaning(&member)).collect::<Vec<_>>());
    let mut meaning = json!({ "t": data.type_name() });
    meaning["v"] = match *data {
        Data::Null | Data::DontCare => return meaning,
        Data::Array(_) | Data::Structure(_) => members().into(),
        Data::CompactArray(compact) => {
            meaning["desc"] = layout_meaning(compact.layout());
            members().into()
        }
        Data::Boolean(truth) => truth.into(),
        Data::BitString { bits, octets } => {
            let text: String = octets.iter().map(|octet| format!("{octet:08b}")).collect();
            text[..bits].into()
        }
        Data::OctetString(octets) => hex(octets).into(),
        Data::VisibleString(_) | Data::Utf8String(_) => data.text().into(),
        Data::Bcd(octet) => octet.into(),
        Data::Long64Unsigned(number) => number.into(),
        Data::Float32(number) => number.into(),
        Data::Float64(number) => number.into(),
        Data::DateTime(at) => hex(at.octets()).into(),
        Data::Date(date) => hex(date.octets()).into(),
        Data::Time(time) => hex(time.octets()).into(),
        _ => data.number::<i64>().into(),
    };
    meaning
}

fn address_meaning(address: Address) -> Value {
    let mut meaning = json!({ "bytes": hex(address.octets()), "upper": address.upper() });
    if let Some(lower) = address.lower() {
        meaning["lower"] = lower.into();
    }
    meaning
}

pub(super) fn frames_meaning(frames: &[Frame<'_>]) -> Value {
    let one = |frame: &Frame<'_>| {
        let mut meaning = json!({
            "segmented": frame.segmented,
            "length": frame.length(),
            "dst": address_meaning(frame.destination),
            "src": address_meaning(frame.source),
            "control": format!("{:02x}", frame.control.octet()),
            "kind": frame.control.kind.name(),
            "pf": frame.control.poll_final,
            "info": hex(frame.information),
        });
        match frame.control.kind {
            Kind::Information { send, receive } => {
                (meaning["ns"], meaning["nr"]) = (send.into(), receive.into());
            }
            Kind::ReceiveReady { receive } | Kind::ReceiveNotReady { receive } => meaning["nr"] = receive.into(),
            Kind::SetNormalResponseMode | Kind::UnnumberedAcknowledge if !frame.information.is_empty() => {
                let parameters = Parameters::parse(frame.information);
                meaning["params"] = json!({
                    "max_info_tx": parameters.max_info_tx,
                    "max_info_rx": parameters.max_info_rx,
                    "window_tx": parameters.window_tx,
                    "window_rx": parameters.window_rx,
                });
            }
            _ => {}
        }
        meaning
    };
    let mut meaning = json!({ "frames": frames.iter().map(one).collect::<Vec<_>>() });
    let mut assembly = Assembly::new(1 << 16);
    for frame in frames {
        if let Some(apdu) = assembly.push(frame).unwrap() {
            meaning["apdu"] = hex(apdu).into();
        }
    }
    meaning
}

fn attribute_meaning(Attribute { class, instance, number }: Attribute) -> Value {
    json!({ "class": class, "obis": instance.to_string(), "attribute": number })
}

fn method_meaning(Method { class, instance, number }: Method) -> Value {
    json!({ "class": class, "obis": instance.to_string(), "method": number })
}

fn selection_meaning(selected: &Selected<'_>) -> Value {
    selected
        .selection
        .map(|part| json!({ "selector": part.selector, "parameters": data_meaning(&part.parameters) }))
        .into()
}

fn result_meaning(result: &GetResult<'_>) -> Value {
    match result {
        GetResult::Data(data) => json!({ "data": data_meaning(data) }),
        GetResult::Error(why) => json!({ "error": why.0 }),
    }
}

fn user_information(apdu: Option<&[u8]>) -> Value {
    apdu.map(|apdu| apdu_meaning(&Apdu::decode(apdu).unwrap())).into()
}

fn put(meaning: &mut Value, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        meaning[key] = value;
    }
}

fn aarq_meaning(aarq: &Aarq<'_>) -> Value {
    let mut meaning = json!({ "context": aarq.context.name() });
    put(&mut meaning, "calling_ap_title", aarq.calling_ap_title.map(|title| hex(title).into()));
    put(&mut meaning, "acse_requirements", aarq.acse_requirements.map(|octets| hex(octets).into()));
    put(&mut meaning, "mechanism", aarq.mechanism.map(|mechanism| mechanism.name().into()));
    put(&mut meaning, "auth_value", aarq.authentication.map(|value| hex(value.reveal()).into()));
    put(&mut meaning, "user_information", Some(user_information(aarq.user_information)));
    meaning
}

fn aare_meaning(aare: &Aare<'_>) -> Value {
    json!({
        "context": aare.context.name(),
        "result": aare.result,
        "diagnostic": { "source": aare.diagnostic.source.name(), "value": aare.diagnostic.value },
        "user_information": user_information(aare.user_information),
    })
}

fn release_meaning(release: &Release<'_>) -> Value {
    json!({ "reason": release.reason, "user_information": user_information(release.user_information) })
}

fn initiate_request_meaning(initiate: &InitiateRequest<'_>) -> Value {
    json!({
        "dedicated_key": initiate.dedicated_key.map(|key| hex(key.reveal())),
        "response_allowed": initiate.response_allowed,
        "proposed_qos": initiate.proposed_qos,
        "dlms_version": initiate.dlms_version,
        "conformance": initiate.conformance.names().collect::<Vec<_>>(),
        "max_pdu": initiate.max_pdu,
    })
}

fn initiate_response_meaning(initiate: &InitiateResponse) -> Value {
    json!({
        "negotiated_qos": initiate.negotiated_qos,
        "dlms_version": initiate.dlms_version,
        "conformance": initiate.conformance.names().collect::<Vec<_>>(),
        "max_pdu": initiate.max_pdu,
        "vaa": initiate.vaa,
    })
}

fn protected_meaning(envelope: &Envelope<'_>) -> Value {
    let mut meaning = json!({});
    if let Some(secured) = envelope.secured() {
        let (contents, tag) = secured.split().unwrap();
        meaning = json!({
            "sc": format!("{:02x}", secured.control.0),
            "ic": secured.counter,
            "ciphertext": hex(contents),
        });
        put(&mut meaning, "tag", tag.map(|tag| hex(tag).into()));
    }
    if let Envelope::General { title, .. } = envelope {
        meaning["system_title"] = hex(title).into();
    }
    meaning
}

fn get_request_meaning(get: &GetRequest<'_>) -> Value {
    match get {
        GetRequest::Normal { attribute, .. } => {
            json!({ "attr": attribute_meaning(attribute.attribute), "selection": selection_meaning(attribute) })
        }
        GetRequest::Next { block, .. } => json!({ "block": block }),
        GetRequest::WithList { .. } => panic!("no vector has it"),
    }
}

fn get_response_meaning(get: &GetResponse<'_>) -> Value {
    match get {
        GetResponse::Normal { result, .. } => json!({ "result": result_meaning(result) }),
        GetResponse::WithDataBlock { block, .. } => {
            let mut meaning = json!({ "last": block.last, "block": block.number });
            match block.raw {
                Ok(raw) => meaning["raw"] = hex(raw).into(),
                Err(why) => meaning["error"] = why.0.into(),
            }
            meaning
        }
        GetResponse::WithList { results, .. } => {
            json!({ "results": results.iter().map(|result| result_meaning(&result)).collect::<Vec<_>>() })
        }
    }
}

fn set_response_meaning(set: &SetResponse<'_>) -> Value {
    match set {
        SetResponse::Block { block, .. } => json!({ "block": block }),
        SetResponse::LastBlock { result, block, .. } => json!({ "result": result.0, "block": block }),
        other => panic!("no vector has {other:?}"),
    }
}

fn action_request_meaning(action: &ActionRequest<'_>) -> Value {
    match action {
        ActionRequest::Normal { method, parameters, .. } => json!({
            "method": method_meaning(*method),
            "parameters": parameters.map(|parameters| data_meaning(&parameters)),
        }),
        other => panic!("no vector has {other:?}"),
    }
}

fn action_response_meaning(action: &ActionResponse<'_>) -> Value {
    match action {
        ActionResponse::Normal { answer, .. } => json!({
            "result": answer.result.0,
            "return": answer.returned.map(|returned| result_meaning(&returned)),
        }),
        other => panic!("no vector has {other:?}"),
    }
}

pub(super) fn apdu_meaning(apdu: &Apdu<'_>) -> Value {
    let (mut meaning, invoke) = match apdu {
        Apdu::Aarq(aarq) => (aarq_meaning(aarq), None),
        Apdu::Aare(aare) => (aare_meaning(aare), None),
        Apdu::Release(release) => (release_meaning(release), None),
        Apdu::InitiateRequest(initiate) => (initiate_request_meaning(initiate), None),
        Apdu::InitiateResponse(initiate) => (initiate_response_meaning(initiate), None),
        Apdu::GetRequest(get) => (get_request_meaning(get), Some(get.invoke())),
        Apdu::GetResponse(get) => (get_response_meaning(get), Some(get.invoke())),
        Apdu::SetResponse(set) => (set_response_meaning(set), Some(set.invoke())),
        Apdu::ActionRequest(action) => (action_request_meaning(action), Some(action.invoke())),
        Apdu::ActionResponse(action) => (action_response_meaning(action), Some(action.invoke())),
        Apdu::DataNotification(push) => {
            let mut meaning = json!({
                "liid": push.invoke.0,
                "date_time": hex(push.date_time.octets()),
                "body": data_meaning(&push.body),
            });
            if let HeaderTime::Tagged(_) = push.date_time {
                meaning["quirk"] = "date-time has a leading octet-string tag".into();
            }
            (meaning, None)
        }
        Apdu::ExceptionResponse(exception) => {
            let (state, service) = (exception.state_error, exception.service_error);
            (json!({ "state_error": state, "service_error": service }), None)
        }
        Apdu::ConfirmedServiceError(error) => {
            (json!({ "service": error.service, "error_type": error.error_type, "value": error.value }), None)
        }
        Apdu::GeneralBlockTransfer(block) => (
            json!({
                "last": block.last,
                "streaming": block.streaming,
                "window": block.window,
                "block": block.number,
                "ack": block.acknowledged,
                "raw": hex(block.raw),
            }),
            None,
        ),
        Apdu::Gateway(gateway) => (
            json!({
                "network_id": gateway.network,
                "physical_address": hex(gateway.physical_address),
                "apdu": hex(gateway.apdu),
            }),
            None,
        ),
        Apdu::Protected(envelope) => (protected_meaning(envelope), None),
        other => panic!("no vector has {other:?}"),
    };
    meaning["type"] = apdu.name().into();
    put(&mut meaning, "iid", invoke.map(|invoke| invoke.0.into()));
    meaning
}
