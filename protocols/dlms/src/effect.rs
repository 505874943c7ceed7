//! What sending an APDU to a meter may do to it.
//!
//! Told from the outside only, and in doubt for the worse: classes that open or close a supply, those that run scripts
//! which may, prepayment, the makers' own classes, and short names, which say nothing of what they are.

use crate::apdu::{AccessSpecification, ActionRequest, Apdu, Method, Selected, SetRequest, Variable};
use crate::{Gateway, GatewayDirection};

/// What sending may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Nothing is changed.
    Reads,
    /// Something is changed, no supply.
    Writes,
    /// A supply may be opened or closed, or nobody can tell.
    MayActuate,
}

/// From here on classes are the makers' own.
const FIRST_MAKERS_CLASS: u16 = 8_192;

/// What writing to a class, or calling a method of it, may do.
const fn of_class(class: u16) -> Effect {
    match class {
        // Script table, register monitor, schedule, sensor manager, arbitrator, disconnect control, limiter, prepayment.
        9 | 21 | 22 | 67 | 68 | 70 | 71 | 111..=115 | FIRST_MAKERS_CLASS.. => Effect::MayActuate,
        _ => Effect::Writes,
    }
}

/// Activity calendars: their day profiles name scripts.
const ACTIVITY_CALENDAR: u16 = 20;

fn of_set(selected: Selected<'_>) -> Effect {
    match selected.attribute.class {
        ACTIVITY_CALENDAR => Effect::MayActuate,
        class => of_class(class),
    }
}

fn of_method(method: Method) -> Effect {
    of_class(method.class)
}

fn worst(effects: impl Iterator<Item = Effect>) -> Effect {
    effects.max().unwrap_or(Effect::Reads)
}

fn of_variable(variable: Variable<'_>) -> Effect {
    match variable {
        Variable::Name(_) | Variable::BlockNumber(_) => Effect::Reads,
        // With a parameter it may be a method; in pieces it may be anything.
        Variable::Parameterized(..) | Variable::ReadBlock(_) | Variable::WriteBlock { .. } => Effect::MayActuate,
    }
}

impl Apdu<'_> {
    /// What sending this APDU to a meter may do.
    pub fn effect(&self) -> Effect {
        match self {
            // Pieces, and what is ciphered, may be anything.
            Apdu::SetRequest(SetRequest::Block { .. })
            | Apdu::ActionRequest(ActionRequest::Block { .. })
            | Apdu::GeneralBlockTransfer(_)
            | Apdu::Protected(_) => Effect::MayActuate,
            plain => plain.plain_effect(),
        }
    }

    /// As [`Apdu::effect`], where pieces and ciphered contents are known to have been looked at while they were whole and plain.
    pub(crate) fn plain_effect(&self) -> Effect {
        match self {
            Apdu::SetRequest(set) => match set {
                SetRequest::Normal { attribute, .. } | SetRequest::FirstBlock { attribute, .. } => of_set(*attribute),
                SetRequest::WithList { attributes, .. } | SetRequest::ListFirstBlock { attributes, .. } => {
                    worst(attributes.iter().map(of_set))
                }
                SetRequest::Block { .. } => Effect::Writes,
            },
            Apdu::ActionRequest(action) => match action {
                ActionRequest::Normal { method, .. } | ActionRequest::FirstBlock { method, .. } => of_method(*method),
                ActionRequest::WithList { methods, .. } | ActionRequest::ListFirstBlock { methods, .. } => {
                    worst(methods.iter().map(of_method))
                }
                ActionRequest::Next { .. } => Effect::Reads,
                ActionRequest::Block { .. } => Effect::Writes,
            },
            Apdu::AccessRequest(access) => worst(access.specifications.iter().map(|part| match part {
                AccessSpecification::Get(_) | AccessSpecification::GetSelected(..) => Effect::Reads,
                AccessSpecification::Set(attribute) | AccessSpecification::SetSelected(attribute, _) => {
                    of_set(attribute.into())
                }
                AccessSpecification::Action(method) => of_method(method),
            })),
            Apdu::ReadRequest(read) => worst(read.variables.iter().map(of_variable)),
            Apdu::WriteRequest(_) | Apdu::UnconfirmedWriteRequest(_) => Effect::MayActuate,
            Apdu::Gateway(Gateway { direction: GatewayDirection::Request, apdu, .. }) => match Apdu::decode(apdu) {
                // One gateway behind another is nothing anybody has: it would only hide what is inside.
                Ok(Apdu::Gateway(_)) | Err(_) => Effect::MayActuate,
                Ok(inside) => inside.plain_effect(),
            },
            _ => Effect::Reads,
        }
    }
}
