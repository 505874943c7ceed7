//! One row of the daily reads, and the table of its columns.
//!
//! The table is the contract: `COLUMNS.md` is checked against it, the CSV head line is made from it, and NDJSON objects
//! have the same members in the same order. A column is added at the end; renaming or dropping one, or giving one
//! another meaning, is a new [`FORMAT_VERSION`].

use hes_model::{
    AreaCode, CustomerNo, ExchangeId, FailureKind, MeterClock, MeterNo, NoValue, Obis, Observed, Quality, ReadingSeq,
    ServicePointNo, Transformers, UtcMicros, registers,
};
use jiff::civil::Date;

/// Name and version of the format, as answers and files state it.
pub const FORMAT_NAME: &str = "daily-reads";
/// Version of the columns.
pub const FORMAT_VERSION: u32 = 1;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in the CSV head line, and of the member in NDJSON.
    pub name: &'static str,
    /// What it holds.
    pub holds: &'static str,
}

/// Every column, in order.
pub const COLUMNS: &[Column] = &[
    Column { name: "row", holds: "`reading`, or `missing` for an expected value that is not there" },
    Column { name: "seq", holds: "ingest sequence of this version: grows, never reused; the cursor for `since`" },
    Column { name: "meter_no", holds: "number of the meter" },
    Column {
        name: "service_point",
        holds: "service point the meter hung at then; of one taken down at that very moment, until then",
    },
    Column { name: "customer", holds: "number of the customer supplied there on the day" },
    Column { name: "customer_name", holds: "the customer's name" },
    Column { name: "area", holds: "transformer area that fed the service point on the day" },
    Column { name: "day", holds: "civil day the value was latched on, at 00:00 of the utility's zone" },
    Column { name: "register", holds: "OBIS code of the register" },
    Column { name: "alias", holds: "readable name of the register" },
    Column { name: "value", holds: "what the register showed: exact decimal, not multiplied by `ct` and `pt`" },
    Column { name: "unit", holds: "unit of the value" },
    Column { name: "quality", holds: "`good`; `suspect`: not for billing; `absent`: the meter has no such value" },
    Column { name: "rules", holds: "ids of the plausibility rules a suspect value broke (CSV: separated by `;`)" },
    Column { name: "version", holds: "version of this value, from 1" },
    Column { name: "supersedes", holds: "`seq` of the version before this one, which it corrects" },
    Column { name: "captured_at", holds: "when the value was latched, UTC" },
    Column { name: "received_at", holds: "when the answer was received, UTC" },
    Column { name: "meter_clock", holds: "the meter's own stamp of the value, its civil time" },
    Column { name: "occurred", holds: "when a maximum demand occurred, by the meter's clock" },
    Column { name: "late", holds: "`true` when it came after the deadline of the plan that expects it" },
    Column { name: "exchange", holds: "number of the exchange that proves it, for the evidence" },
    Column { name: "ct", holds: "current transformer factor on the day" },
    Column { name: "pt", holds: "voltage transformer factor on the day" },
    Column { name: "reason", holds: "`missing` rows: why, as a stable cause; `not_asked` when nobody tried yet" },
    Column { name: "reason_detail", holds: "`missing` rows: what was seen" },
];

/// One row: a version of a reading, or an expected value that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyRow {
    /// Number of the meter.
    pub meter_no: MeterNo,
    /// Where it was installed on the day.
    pub place: Option<Place>,
    /// The civil day.
    pub day: Date,
    /// The register.
    pub register: Obis,
    /// What there is.
    pub content: Content,
}

/// Where a meter was installed on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The service point.
    pub service_point: ServicePointNo,
    /// Its customer.
    pub customer: Option<(CustomerNo, String)>,
    /// Its area.
    pub area: Option<AreaCode>,
    /// The factors.
    pub transformers: Transformers,
}

/// What a row says about its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A stored version.
    Reading(Version),
    /// Expected and not there: given up, or not obtained so far.
    Missing {
        /// The cause; `None` when nobody has tried yet.
        reason: Option<FailureKind>,
        /// What was seen.
        detail: Option<String>,
    },
}

/// One stored version of a daily value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Ingest sequence.
    pub seq: ReadingSeq,
    /// Number of the version.
    pub version: u32,
    /// The version before it.
    pub supersedes: Option<ReadingSeq>,
    /// The value.
    pub value: Observed,
    /// How far it may be trusted.
    pub quality: Quality,
    /// When it was latched.
    pub captured_at: UtcMicros,
    /// When it was received.
    pub received_at: UtcMicros,
    /// The meter's stamp.
    pub meter_clock: Option<MeterClock>,
    /// When a demand occurred.
    pub occurred: Option<MeterClock>,
    /// Whether it came after the deadline; `None` where no plan expects it.
    pub late: Option<Lateness>,
    /// What proves it.
    pub exchange: Option<ExchangeId>,
}

/// Against the plan's deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lateness {
    /// In time.
    OnTime,
    /// After it.
    Late,
}

/// A row as it is written: one member a column, in the order of [`COLUMNS`].
#[derive(Debug, serde::Serialize)]
pub(crate) struct Written<'a> {
    pub(crate) row: &'static str,
    pub(crate) seq: Option<ReadingSeq>,
    pub(crate) meter_no: &'a str,
    pub(crate) service_point: Option<&'a str>,
    pub(crate) customer: Option<&'a str>,
    pub(crate) customer_name: Option<&'a str>,
    pub(crate) area: Option<&'a str>,
    pub(crate) day: Date,
    pub(crate) register: Obis,
    pub(crate) alias: &'a str,
    pub(crate) value: Option<String>,
    pub(crate) unit: Option<&'static str>,
    pub(crate) quality: Option<&'static str>,
    pub(crate) rules: Vec<&'a str>,
    pub(crate) version: Option<u32>,
    pub(crate) supersedes: Option<ReadingSeq>,
    pub(crate) captured_at: Option<UtcMicros>,
    pub(crate) received_at: Option<UtcMicros>,
    pub(crate) meter_clock: Option<MeterClock>,
    pub(crate) occurred: Option<MeterClock>,
    pub(crate) late: Option<bool>,
    pub(crate) exchange: Option<ExchangeId>,
    pub(crate) ct: Option<u32>,
    pub(crate) pt: Option<u32>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) reason_detail: Option<&'a str>,
}

/// The cause of a missing value nobody has tried to read yet.
const NOT_ASKED: &str = "not_asked";

impl DailyRow {
    pub(crate) fn written(&self) -> Written<'_> {
        let place = self.place.as_ref();
        let customer = place.and_then(|p| p.customer.as_ref());
        let register = registers().get(self.register);
        let mut written = Written {
            row: "missing",
            seq: None,
            meter_no: self.meter_no.as_str(),
            service_point: place.map(|p| p.service_point.as_str()),
            customer: customer.map(|(no, _)| no.as_str()),
            customer_name: customer.map(|(_, name)| name.as_str()),
            area: place.and_then(|p| p.area.as_ref()).map(AreaCode::as_str),
            day: self.day,
            register: self.register,
            alias: register.map_or("", |r| r.alias.as_str()),
            value: None,
            unit: register.map(|r| r.unit.symbol()),
            quality: None,
            rules: Vec::new(),
            version: None,
            supersedes: None,
            captured_at: None,
            received_at: None,
            meter_clock: None,
            occurred: None,
            late: None,
            exchange: None,
            ct: place.map(|p| p.transformers.ct),
            pt: place.map(|p| p.transformers.pt),
            reason: None,
            reason_detail: None,
        };
        match &self.content {
            Content::Reading(version) => written.reading(version),
            Content::Missing { reason, detail } => {
                written.reason = Some(reason.map_or(NOT_ASKED, FailureKind::code));
                written.reason_detail = detail.as_deref();
            }
        }
        written
    }
}

impl<'a> Written<'a> {
    fn reading(&mut self, version: &'a Version) {
        self.row = "reading";
        self.seq = Some(version.seq);
        self.version = Some(version.version);
        self.supersedes = version.supersedes;
        self.captured_at = Some(version.captured_at);
        self.received_at = Some(version.received_at);
        self.meter_clock = version.meter_clock;
        self.occurred = version.occurred;
        self.late = version.late.map(|lateness| lateness == Lateness::Late);
        self.exchange = version.exchange;
        if let Observed::Number(quantity) = &version.value {
            self.value = Some(quantity.decimal().to_string());
            self.unit = Some(quantity.unit.symbol());
        }
        self.quality = Some(match (&version.quality, &version.value) {
            (Quality::Suspect(_), _) => "suspect",
            (Quality::Good, Observed::None(NoValue::Absent)) => "absent",
            // A value nobody can read is never good, whatever a row claims.
            (Quality::Good, Observed::None(_)) => "suspect",
            (Quality::Good, Observed::Number(_)) => "good",
        });
        if let Quality::Suspect(rules) = &version.quality {
            self.rules = rules.iter().map(AsRef::as_ref).collect();
        }
    }
}
