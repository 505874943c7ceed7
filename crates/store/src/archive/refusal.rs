//! Why the archive does not take something, and what it remarks on: by variant, so that it can be said in any language.

use hes_model::{AreaCode, ChannelName, CommAddress, Endpoint, MeterNo, ServicePointNo};
use jiff::civil::Date;

/// Why a row of an import was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file has the meter twice.
    #[error("meter {meter} stands on line {line} already")]
    MeterTwice {
        /// Which.
        meter: MeterNo,
        /// Where first.
        line: u64,
    },
    /// The file has the area twice.
    #[error("area {area} stands on line {line} already")]
    AreaTwice {
        /// Which.
        area: AreaCode,
        /// Where first.
        line: u64,
    },
    /// The row hangs its meter on a channel that is not there.
    #[error("channel {channel} is not known: import the channels first")]
    UnknownChannel {
        /// Which.
        channel: ChannelName,
    },
    /// A transformer factor of 0.
    #[error("a transformer factor is at least 1")]
    NoFactor,
    /// Another meter answers under the address.
    #[error("address {address} on channel {channel} is the one of meter {meter} already")]
    AddressTaken {
        /// Which.
        address: CommAddress,
        /// Where.
        channel: ChannelName,
        /// Whose.
        meter: MeterNo,
    },
    /// The meter's stay was cut in two by a change of its transformers, and its start can't be moved any more.
    #[error("the start cannot be moved: the transformers were changed since")]
    StartFixed,
    /// Another meter hung there on the day on which this one is to begin.
    #[error("another meter hung at service point {service_point} then")]
    PlaceWasTaken {
        /// Where.
        service_point: ServicePointNo,
    },
    /// The meter hangs somewhere else, and did so or was yet to on the day on which it is to begin.
    #[error("the meter hangs at another service point since that day or later")]
    HangsElsewhere,
    /// The meter was not taken down from its last place yet on the day on which it is to begin.
    #[error("the meter hung at its last service point until {until}: give a later installed_from")]
    HungUntil {
        /// The day on which it was taken down.
        until: Date,
    },
    /// Another meter hangs there, and does so on the day on which this one is to begin.
    #[error(
        "meter {meter} hangs at service point {service_point} since {since}: to replace it, give a later installed_from"
    )]
    PlaceTaken {
        /// Which.
        meter: MeterNo,
        /// Where.
        service_point: ServicePointNo,
        /// Since when.
        since: Date,
    },
    /// Another channel has the port, peer or registration.
    #[error("{} is the one of channel {channel} already", shown(endpoint))]
    EndpointTaken {
        /// What.
        endpoint: Endpoint,
        /// Whose.
        channel: ChannelName,
    },
}

fn shown(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Serial { path } => format!("serial port {path}"),
        Endpoint::Dial { host, port } => format!("{host}:{port}"),
        Endpoint::DialIn(_) => "that registration".to_owned(),
    }
}

/// What a person should know about a row that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// Its area was not known and is made, with its code for a name.
    AreaMade {
        /// Which.
        area: AreaCode,
    },
    /// Its meter ended the stay of another.
    Replaces {
        /// Which.
        meter: MeterNo,
        /// Where.
        service_point: ServicePointNo,
    },
}

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Remark::AreaMade { area } => write!(f, "area {area} was not known and is made"),
            Remark::Replaces { meter, service_point } => {
                write!(f, "takes the place of meter {meter} at service point {service_point}")
            }
        }
    }
}

/// What a change of the archive contradicts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// No meter hangs where one is to be exchanged.
    #[error("no meter hangs at service point {service_point}: there is nothing to exchange")]
    NothingToExchange {
        /// Where.
        service_point: ServicePointNo,
    },
    /// The meter that is to come hangs there.
    #[error("meter {meter} hangs at service point {service_point} already")]
    HangsAlready {
        /// Which.
        meter: MeterNo,
        /// Where.
        service_point: ServicePointNo,
    },
    /// The meter that is to come cannot.
    #[error("{column}: {refusal}")]
    Refused {
        /// What of it is at fault.
        column: &'static str,
        /// Why.
        refusal: Refusal,
    },
    /// Meters hang on the channel that is to go.
    #[error("{meters} meters hang on channel {channel}: move or retire them first")]
    ChannelInUse {
        /// Which.
        channel: ChannelName,
        /// How many.
        meters: u64,
    },
}
