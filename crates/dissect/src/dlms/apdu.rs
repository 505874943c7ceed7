//! APDUs as trees, in the words of the vector files.

use hes_dlms::Gateway;
use hes_dlms::acse::{Aare, Aarq, Release};
use hes_dlms::apdu::{
    AccessRequest, AccessResponse, AccessResult, AccessSpecification, ActionAnswer, ActionRequest, ActionResponse,
    ActionResult, Apdu, Attribute, DataAccessResult, DataBlock, DataNotification, EventNotification, GetRequest,
    GetResponse, GetResult, HeaderTime, InitiateRequest, InitiateResponse, InvokeId, Method, ReadAnswer, Selected,
    Selection, SetRequest, SetResponse, ShortBlock, Variable, WriteAnswer,
};
use hes_dlms::axdr::{Data, Element, Sequence};
use hes_dlms::cosem::association;
use hes_dlms::cosem::class::Class;

use super::data::moment;
use super::tree::{Object, Tree};
use super::{Explainer, hex};
use crate::Secrets;
use crate::decoded::Rejected;

fn attribute(of: Attribute) -> Object {
    let Attribute { class, instance, number } = of;
    let mut object = Object::new().with("class", class).with("obis", instance.to_string()).with("attribute", number);
    named(&mut object, class, |class| class.attribute(number));
    object
}

fn method(of: Method) -> Object {
    let Method { class, instance, number } = of;
    let mut object = Object::new().with("class", class).with("obis", instance.to_string()).with("method", number);
    named(&mut object, class, |class| class.method(number));
    object
}

/// Adds the names of a class and of a part of it, where both are known.
fn named(object: &mut Object, class: u16, part: impl FnOnce(&Class) -> Option<&'static str>) {
    if let Some(class) = Class::of(class) {
        let part = part(class).map(|part| format!("{}.{part}", class.name));
        object.put("name", part.unwrap_or_else(|| class.name.to_owned()));
    }
}

fn result(object: &mut Object, key: &'static str, of: DataAccessResult) {
    object.put(key, of.0);
    object.put_some("meaning", of.name());
}

fn access_result(of: DataAccessResult) -> Object {
    let mut object = Object::new();
    result(&mut object, "error", of);
    object
}

fn data_block(of: &DataBlock<'_>) -> Object {
    Object::new().with("last", of.last).with("block", of.number).with("raw", hex(of.raw))
}

fn short_block(of: &ShortBlock<'_>) -> Object {
    Object::new().with("last", of.last).with("block", of.number).with("raw", hex(of.raw))
}

fn invoked(invoke: InvokeId) -> Object {
    Object::new().with("iid", invoke.0)
}

fn list<'a, T: Element<'a>, U: Into<Tree>>(of: &Sequence<'a, T>, each: impl Fn(T) -> U) -> Tree {
    of.iter().map(each).collect()
}

fn initiate_response(of: &InitiateResponse) -> Object {
    Object::new()
        .with("negotiated_qos", of.negotiated_qos)
        .with("dlms_version", of.dlms_version)
        .with("conformance", of.conformance.names().collect::<Tree>())
        .with("max_pdu", of.max_pdu)
        .with("vaa", of.vaa)
}

impl Explainer<'_> {
    pub(super) fn apdu(&self, bytes: &[u8]) -> Result<Object, Rejected> {
        self.apdu_from(bytes, None)
    }

    /// An APDU whose sender is known from what stands around it.
    pub(super) fn apdu_from(&self, bytes: &[u8], sender: Option<&[u8]>) -> Result<Object, Rejected> {
        let apdu = Apdu::decode(bytes).map_err(|why| Rejected::new(why.code(), why.to_string()))?;
        let mut meaning = Object::new().with("type", apdu.name());
        meaning.append(self.body(&apdu, sender)?);
        Ok(meaning)
    }

    fn body(&self, apdu: &Apdu<'_>, sender: Option<&[u8]>) -> Result<Object, Rejected> {
        Ok(match apdu {
            Apdu::Protected(envelope) => self.protected(envelope, sender)?,
            Apdu::InitiateRequest(initiate) => self.initiate_request(initiate),
            Apdu::InitiateResponse(initiate) => initiate_response(initiate),
            Apdu::Aarq(aarq) => self.aarq(aarq),
            Apdu::Aare(aare) => self.aare(aare),
            Apdu::Release(release) => self.release(release, sender),
            Apdu::GetRequest(get) => self.get_request(get),
            Apdu::GetResponse(get) => self.get_response(get),
            Apdu::SetRequest(set) => self.set_request(set),
            Apdu::SetResponse(set) => set_response(set),
            Apdu::ActionRequest(action) => self.action_request(action),
            Apdu::ActionResponse(action) => self.action_response(action),
            Apdu::AccessRequest(access) => self.access_request(access),
            Apdu::AccessResponse(access) => self.access_response(access),
            Apdu::DataNotification(push) => self.data_notification(push),
            Apdu::EventNotification(event) => self.event_notification(event),
            Apdu::ReadRequest(read) => Object::new().with("variables", self.variables(&read.variables)),
            Apdu::ReadResponse(read) => {
                Object::new().with("answers", list(&read.answers, |answer| self.read_answer(&answer)))
            }
            Apdu::WriteRequest(write) => self.written(&write.variables, &write.data),
            Apdu::UnconfirmedWriteRequest(write) => self.written(&write.variables, &write.data),
            Apdu::WriteResponse(write) => {
                Object::new().with("answers", list(&write.answers, |answer| write_answer(&answer)))
            }
            Apdu::InformationReport(report) => {
                let mut object = Object::new();
                object.put_some("time", report.time.map(|time| String::from_utf8_lossy(time).into_owned()));
                object.append(self.written(&report.variables, &report.data));
                object
            }
            Apdu::ConfirmedServiceError(error) => {
                let mut object = Object::new()
                    .with("service", error.service)
                    .with("error_type", error.error_type)
                    .with("value", error.value);
                object.put_some("meaning", error.name());
                object
            }
            Apdu::ExceptionResponse(exception) => {
                let mut object = Object::new()
                    .with("state_error", exception.state_error)
                    .with("service_error", exception.service_error);
                object.put_some("invocation_counter", exception.invocation_counter);
                object.put("meaning", exception.to_string());
                object
            }
            Apdu::GeneralBlockTransfer(block) => Object::new()
                .with("last", block.last)
                .with("streaming", block.streaming)
                .with("window", block.window)
                .with("block", block.number)
                .with("ack", block.acknowledged)
                .with("raw", hex(block.raw)),
            Apdu::Gateway(gateway) => self.gateway(gateway),
        })
    }

    fn gateway(&self, of: &Gateway<'_>) -> Object {
        let object = Object::new()
            .with("network_id", of.network)
            .with("physical_address", hex(of.physical_address))
            .with("apdu", self.apdu_hex(of.apdu));
        // A gateway behind a gateway would only be there to nest without end.
        match Apdu::decode(of.apdu) {
            Ok(Apdu::Gateway(_)) => object,
            _ => object.with("message", self.message(of.apdu, None)),
        }
    }

    /// An APDU in hexadecimal; where secrets are hidden, not one with a password or a key in it.
    pub(super) fn apdu_hex(&self, apdu: &[u8]) -> String {
        let holds_secret = match (self.options.secrets, Apdu::decode(apdu)) {
            (Secrets::Shown, _) => false,
            (_, Ok(Apdu::Aarq(aarq))) => aarq.authentication.is_some(),
            (_, Ok(Apdu::InitiateRequest(initiate))) => initiate.dedicated_key.is_some(),
            (_, Ok(Apdu::SetRequest(set))) => sets_secret(&set),
            (_, Ok(Apdu::ActionRequest(action))) => changes_secret(&action),
            _ => false,
        };
        if holds_secret { self.secret(apdu) } else { hex(apdu) }
    }

    /// A value, unless it is a secret and secrets are hidden.
    fn unless_secret(&self, is_secret: bool, data: &Data<'_>) -> Tree {
        match self.options.secrets {
            Secrets::Hidden if is_secret => Object::new().with("t", data.type_name()).with("v", "*").into(),
            _ => self.data(data),
        }
    }

    fn first_block(&self, is_secret: bool, block: &DataBlock<'_>) -> Object {
        match self.options.secrets {
            Secrets::Hidden if is_secret => data_block(&DataBlock { raw: &[], ..*block }),
            _ => data_block(block),
        }
    }

    fn initiate_request(&self, of: &InitiateRequest<'_>) -> Object {
        Object::new()
            .with("dedicated_key", of.dedicated_key.map(|key| self.secret(key.reveal())))
            .with("response_allowed", of.response_allowed)
            .with("proposed_qos", of.proposed_qos)
            .with("dlms_version", of.dlms_version)
            .with("conformance", of.conformance.names().collect::<Tree>())
            .with("max_pdu", of.max_pdu)
    }

    fn aarq(&self, of: &Aarq<'_>) -> Object {
        let mut object = Object::new();
        object.put_some("protocol_version", of.protocol_version.map(hex));
        object.put("context", of.context.name());
        object.put_some("called_ap_title", of.called_ap_title.map(hex));
        object.put_some("calling_ap_title", of.calling_ap_title.map(hex));
        object.put_some("calling_ae_qualifier", of.calling_ae_qualifier.map(hex));
        object.put_some("calling_ae_invocation_id", of.calling_ae_invocation_id);
        object.put_some("acse_requirements", of.acse_requirements.map(hex));
        object.put_some("mechanism", of.mechanism.map(|mechanism| mechanism.name()));
        object.put_some("auth_value", of.authentication.map(|value| self.secret(value.reveal())));
        object.put_some("user_information", of.user_information.map(|apdu| self.message(apdu, of.calling_ap_title)));
        object
    }

    fn aare(&self, of: &Aare<'_>) -> Object {
        let diagnostic = Object::new().with("source", of.diagnostic.source.name()).with("value", of.diagnostic.value);
        let mut object = Object::new();
        object.put_some("protocol_version", of.protocol_version.map(hex));
        object.put("context", of.context.name());
        object.put("result", of.result);
        object.put(
            "diagnostic",
            match of.diagnostic.name() {
                Some(name) => diagnostic.with("meaning", name),
                None => diagnostic,
            },
        );
        object.put_some("responding_ap_title", of.responding_ap_title.map(hex));
        object.put_some("responding_ae_qualifier", of.responding_ae_qualifier.map(hex));
        object.put_some("responding_ae_invocation_id", of.responding_ae_invocation_id);
        object.put_some("acse_requirements", of.acse_requirements.map(hex));
        object.put_some("mechanism", of.mechanism.map(|mechanism| mechanism.name()));
        object.put_some("auth_value", of.authentication.map(|value| self.secret(value.reveal())));
        let user = of.user_information.map(|apdu| self.message(apdu, of.responding_ap_title));
        object.put_some("user_information", user);
        object
    }

    fn release(&self, of: &Release<'_>, sender: Option<&[u8]>) -> Object {
        let mut object = Object::new();
        object.put_some("reason", of.reason);
        object.put_some("user_information", of.user_information.map(|apdu| self.message(apdu, sender)));
        object
    }

    fn selection(&self, of: Option<Selection<'_>>) -> Tree {
        of.map(|part| Object::new().with("selector", part.selector).with("parameters", self.data(&part.parameters)))
            .into()
    }

    fn selected(&self, of: &Selected<'_>) -> Object {
        Object::new().with("attr", attribute(of.attribute)).with("selection", self.selection(of.selection))
    }

    fn get_result(&self, of: &GetResult<'_>) -> Object {
        match of {
            GetResult::Data(data) => Object::new().with("data", self.data(data)),
            GetResult::Error(why) => access_result(*why),
        }
    }

    fn datas(&self, of: &Sequence<'_, Data<'_>>) -> Tree {
        list(of, |data| self.data(&data))
    }

    fn get_request(&self, of: &GetRequest<'_>) -> Object {
        let mut object = invoked(of.invoke());
        match of {
            GetRequest::Normal { attribute, .. } => object.append(self.selected(attribute)),
            GetRequest::Next { block, .. } => object.put("block", *block),
            GetRequest::WithList { attributes, .. } => {
                object.put("attributes", list(attributes, |selected| self.selected(&selected)));
            }
        }
        object
    }

    fn get_response(&self, of: &GetResponse<'_>) -> Object {
        let mut object = invoked(of.invoke());
        match of {
            GetResponse::Normal { result, .. } => object.put("result", self.get_result(result)),
            GetResponse::WithDataBlock { block, .. } => {
                object.put("last", block.last);
                object.put("block", block.number);
                match block.raw {
                    Ok(raw) => object.put("raw", hex(raw)),
                    Err(why) => result(&mut object, "error", why),
                }
            }
            GetResponse::WithList { results, .. } => {
                object.put("results", list(results, |result| self.get_result(&result)));
            }
        }
        object
    }

    fn set_request(&self, of: &SetRequest<'_>) -> Object {
        let mut object = invoked(of.invoke());
        match of {
            SetRequest::Normal { attribute, data, .. } => {
                object.append(self.selected(attribute));
                object.put("data", self.unless_secret(sets_secret(of), data));
            }
            SetRequest::FirstBlock { attribute, block, .. } => {
                object.append(self.selected(attribute));
                object.append(self.first_block(sets_secret(of), block));
            }
            SetRequest::Block { block, .. } => object.append(data_block(block)),
            SetRequest::WithList { attributes, data, .. } => {
                object.put("attributes", list(attributes, |selected| self.selected(&selected)));
                object.put("data", self.datas(data));
            }
            SetRequest::ListFirstBlock { attributes, block, .. } => {
                object.put("attributes", list(attributes, |selected| self.selected(&selected)));
                object.append(data_block(block));
            }
        }
        object
    }

    fn action_request(&self, of: &ActionRequest<'_>) -> Object {
        let mut object = invoked(of.invoke());
        match of {
            ActionRequest::Normal { method: called, parameters, .. } => {
                object.put("method", method(*called));
                let hides = changes_secret(of);
                object.put("parameters", parameters.map(|parameters| self.unless_secret(hides, &parameters)));
            }
            ActionRequest::Next { block, .. } => object.put("block", *block),
            ActionRequest::WithList { methods, parameters, .. } => {
                object.put("methods", list(methods, method));
                object.put("parameters", self.datas(parameters));
            }
            ActionRequest::FirstBlock { method: called, block, .. } => {
                object.put("method", method(*called));
                object.append(self.first_block(changes_secret(of), block));
            }
            ActionRequest::ListFirstBlock { methods, block, .. } => {
                object.put("methods", list(methods, method));
                object.append(data_block(block));
            }
            ActionRequest::Block { block, .. } => object.append(data_block(block)),
        }
        object
    }

    fn action_answer(&self, of: &ActionAnswer<'_>) -> Object {
        let mut object = Object::new().with("result", of.result.0);
        object.put_some("meaning", of.result.name());
        object.with("return", of.returned.map(|returned| self.get_result(&returned)))
    }

    fn action_response(&self, of: &ActionResponse<'_>) -> Object {
        let mut object = invoked(of.invoke());
        match of {
            ActionResponse::Normal { answer, .. } => object.append(self.action_answer(answer)),
            ActionResponse::Block { block, .. } => object.append(data_block(block)),
            ActionResponse::WithList { answers, .. } => {
                object.put("results", list(answers, |answer| self.action_answer(&answer)));
            }
            ActionResponse::Next { block, .. } => object.put("block", *block),
        }
        object
    }

    fn specification(&self, of: &AccessSpecification<'_>) -> Object {
        let of_attribute = |kind: &str, at: Attribute, part: Option<Selection<'_>>| {
            Object::new().with("access", kind).with("attr", attribute(at)).with("selection", self.selection(part))
        };
        match *of {
            AccessSpecification::Get(at) => of_attribute("get", at, None),
            AccessSpecification::Set(at) => of_attribute("set", at, None),
            AccessSpecification::GetSelected(at, part) => of_attribute("get", at, Some(part)),
            AccessSpecification::SetSelected(at, part) => of_attribute("set", at, Some(part)),
            AccessSpecification::Action(called) => {
                Object::new().with("access", "action").with("method", method(called))
            }
        }
    }

    fn access_request(&self, of: &AccessRequest<'_>) -> Object {
        let mut object = Object::new().with("liid", of.invoke.0);
        moment(&mut object, "date_time", of.date_time);
        object.put("specifications", list(&of.specifications, |part| self.specification(&part)));
        object.with("data", self.datas(&of.data))
    }

    fn access_response(&self, of: &AccessResponse<'_>) -> Object {
        let mut object = Object::new().with("liid", of.invoke.0);
        moment(&mut object, "date_time", of.date_time);
        if let Some(specifications) = &of.specifications {
            object.put("specifications", list(specifications, |part| self.specification(&part)));
        }
        object.put("data", self.datas(&of.data));
        object.with("results", list(&of.results, |result| access_part(&result)))
    }

    fn data_notification(&self, of: &DataNotification<'_>) -> Object {
        let mut object = Object::new().with("liid", of.invoke.0);
        if let HeaderTime::Tagged(_) = of.date_time {
            object.put("quirk", "date-time has a leading octet-string tag");
        }
        moment(&mut object, "date_time", of.date_time.octets());
        object.with("body", self.data(&of.body))
    }

    fn event_notification(&self, of: &EventNotification<'_>) -> Object {
        let mut object = Object::new();
        moment(&mut object, "time", of.time.unwrap_or_default());
        object.with("attr", attribute(of.attribute)).with("value", self.data(&of.value))
    }

    fn variables(&self, of: &Sequence<'_, Variable<'_>>) -> Tree {
        list(of, |variable| match variable {
            Variable::Name(name) => Object::new().with("name", name),
            Variable::Parameterized(name, part) => {
                Object::new().with("name", name).with("selection", self.selection(Some(part)))
            }
            Variable::BlockNumber(block) => Object::new().with("block", block),
            Variable::ReadBlock(block) => short_block(&block),
            Variable::WriteBlock { last, number } => Object::new().with("last", last).with("block", number),
        })
    }

    fn written(&self, variables: &Sequence<'_, Variable<'_>>, data: &Sequence<'_, Data<'_>>) -> Object {
        Object::new().with("variables", self.variables(variables)).with("data", self.datas(data))
    }

    fn read_answer(&self, of: &ReadAnswer<'_>) -> Object {
        match of {
            ReadAnswer::Data(data) => Object::new().with("data", self.data(data)),
            ReadAnswer::Error(why) => access_result(*why),
            ReadAnswer::Block(block) => short_block(block),
            ReadAnswer::BlockNumber(block) => Object::new().with("block", *block),
        }
    }
}

/// Whether a new password is written, in one piece or the first of several.
fn sets_secret(of: &SetRequest<'_>) -> bool {
    match of {
        SetRequest::Normal { attribute, .. } | SetRequest::FirstBlock { attribute, .. } => {
            let Attribute { class, number, .. } = attribute.attribute;
            (class, number) == (association::CLASS, association::SECRET)
        }
        _ => false,
    }
}

/// Whether a new secret is brought, in one piece or the first of several.
fn changes_secret(of: &ActionRequest<'_>) -> bool {
    match of {
        ActionRequest::Normal { method, .. } | ActionRequest::FirstBlock { method, .. } => {
            (method.class, method.number) == (association::CLASS, association::CHANGE_HLS_SECRET)
        }
        _ => false,
    }
}

fn set_response(of: &SetResponse<'_>) -> Object {
    let mut object = invoked(of.invoke());
    let each = |why: DataAccessResult| {
        let mut one = Object::new();
        result(&mut one, "result", why);
        one
    };
    match of {
        SetResponse::Normal { result: why, .. } => result(&mut object, "result", *why),
        SetResponse::Block { block, .. } => object.put("block", *block),
        SetResponse::LastBlock { result: why, block, .. } => {
            result(&mut object, "result", *why);
            object.put("block", *block);
        }
        SetResponse::LastBlockWithList { results, block, .. } => {
            object.put("results", list(results, each));
            object.put("block", *block);
        }
        SetResponse::WithList { results, .. } => object.put("results", list(results, each)),
    }
    object
}

fn access_part(of: &AccessResult) -> Object {
    let of_data = |kind: &str, why: DataAccessResult| {
        let mut object = Object::new().with("access", kind);
        result(&mut object, "result", why);
        object
    };
    match *of {
        AccessResult::Get(why) => of_data("get", why),
        AccessResult::Set(why) => of_data("set", why),
        AccessResult::Action(why @ ActionResult(code)) => {
            let mut object = Object::new().with("access", "action").with("result", code);
            object.put_some("meaning", why.name());
            object
        }
    }
}

fn write_answer(of: &WriteAnswer) -> Object {
    match of {
        WriteAnswer::Success => access_result(DataAccessResult::SUCCESS),
        WriteAnswer::Error(why) => access_result(*why),
        WriteAnswer::BlockNumber(block) => Object::new().with("block", *block),
    }
}
