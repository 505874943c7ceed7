//! Rows as text: CSV and NDJSON, appended to a buffer.

use std::io::Write;

use crate::row::{COLUMNS, DailyRow, FORMAT_NAME, FORMAT_VERSION, Written};

/// A text format of the daily reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// RFC 4180 with a head line, UTF-8 without a byte order mark, LF. No field is a formula to a spreadsheet.
    #[default]
    Csv,
    /// One JSON object a line, `null` for what is not there.
    Ndjson,
}

impl Format {
    /// The media type, with name and version of the columns.
    pub fn media_type(self) -> String {
        let base = match self {
            Format::Csv => "text/csv; charset=utf-8; header=present",
            Format::Ndjson => "application/x-ndjson",
        };
        format!("{base}; profile=\"{FORMAT_NAME}/{FORMAT_VERSION}\"")
    }
    /// What stands before the first row.
    pub fn head(self) -> Vec<u8> {
        match self {
            Format::Ndjson => Vec::new(),
            Format::Csv => {
                let mut head = COLUMNS.iter().map(|c| c.name).collect::<Vec<_>>().join(",").into_bytes();
                head.push(b'\n');
                head
            }
        }
    }
    /// Appends one row.
    pub fn append(self, row: &DailyRow, to: &mut Vec<u8>) {
        let written = row.written();
        match self {
            Format::Csv => append_csv(&written, to),
            Format::Ndjson => {
                serde_json::to_writer(&mut *to, &written).expect("a row has no map keys and a Vec takes every byte");
                to.push(b'\n');
            }
        }
    }
}

fn append_csv(row: &Written<'_>, to: &mut Vec<u8>) {
    let mut fields = CsvLine { to, first: true };
    fields.text(row.row);
    fields.shown(row.seq);
    fields.written_by_people(row.meter_no);
    for text in [row.service_point, row.customer, row.customer_name, row.area] {
        fields.written_by_people(text.unwrap_or_default());
    }
    fields.shown(Some(row.day));
    fields.shown(Some(row.register));
    fields.text(row.alias);
    fields.text(row.value.as_deref().unwrap_or_default());
    fields.text(row.unit.unwrap_or_default());
    fields.text(row.quality.unwrap_or_default());
    fields.text(&row.rules.join(";"));
    fields.shown(row.version);
    fields.shown(row.supersedes);
    fields.shown(row.captured_at);
    fields.shown(row.received_at);
    fields.shown(row.meter_clock.map(|c| c.0));
    fields.shown(row.occurred.map(|c| c.0));
    fields.shown(row.late);
    fields.shown(row.exchange);
    fields.shown(row.ct);
    fields.shown(row.pt);
    fields.text(row.reason.unwrap_or_default());
    fields.written_by_people(row.reason_detail.unwrap_or_default());
    to.push(b'\n');
}

/// Writes the fields of one line without an allocation a field; quotes only what needs it.
struct CsvLine<'a> {
    to: &'a mut Vec<u8>,
    first: bool,
}

impl CsvLine<'_> {
    fn separate(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.to.push(b',');
        }
    }
    fn text(&mut self, text: &str) {
        self.separate();
        self.quoted(text);
    }
    /// Text that came in with a file or from the field. A spreadsheet would run it as a formula if it began like one; the
    /// apostrophe before it, which a leading apostrophe of its own gets too, is taken off again by whoever reads it.
    fn written_by_people(&mut self, text: &str) {
        self.separate();
        if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) {
            self.quoted(&format!("'{text}"));
        } else {
            self.quoted(text);
        }
    }
    fn quoted(&mut self, text: &str) {
        if !text.bytes().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r')) {
            self.to.extend_from_slice(text.as_bytes());
            return;
        }
        self.to.push(b'"');
        for byte in text.bytes() {
            if byte == b'"' {
                self.to.push(b'"');
            }
            self.to.push(byte);
        }
        self.to.push(b'"');
    }
    /// A value whose text never needs quotes.
    fn shown(&mut self, value: Option<impl std::fmt::Display>) {
        self.separate();
        if let Some(value) = value {
            write!(self.to, "{value}").expect("a Vec takes every byte");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Content, Lateness, Place, Version};
    use hes_model::{
        CustomerNo, ExchangeId, FailureKind, MeterNo, NoValue, Observed, Quality, Quantity, ReadingSeq, ServicePointNo,
        Transformers, Unit, UtcMicros,
    };

    fn reading() -> DailyRow {
        DailyRow {
            meter_no: MeterNo::new("粤A-0001").unwrap(),
            place: Some(Place {
                service_point: ServicePointNo::new("SP1").unwrap(),
                customer: Some((CustomerNo::new("C1").unwrap(), "王,\"小明\"".to_owned())),
                area: Some("A1".parse().unwrap()),
                transformers: Transformers { ct: 30, pt: 1 },
            }),
            day: "2026-07-01".parse().unwrap(),
            register: "1.0.1.8.0.255".parse().unwrap(),
            content: Content::Reading(Version {
                seq: ReadingSeq(41),
                version: 2,
                supersedes: Some(ReadingSeq(17)),
                value: Observed::Number(Quantity::new(12_345_600, 2, Unit::Kwh)),
                quality: Quality::Good,
                captured_at: UtcMicros(1_782_835_200_000_000),
                received_at: UtcMicros(1_782_835_500_250_000),
                meter_clock: None,
                occurred: None,
                late: Some(Lateness::Late),
                exchange: Some(ExchangeId(9)),
            }),
        }
    }

    fn text(format: Format, row: &DailyRow) -> String {
        let mut out = Vec::new();
        format.append(row, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn columns() -> Vec<&'static str> {
        COLUMNS.iter().map(|c| c.name).collect()
    }

    #[test]
    fn a_csv_row_has_one_field_a_column_and_reads_back() {
        let file = [Format::Csv.head(), text(Format::Csv, &reading()).into_bytes()].concat();
        let mut reader = csv::Reader::from_reader(file.as_slice());
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), columns());
        let record = reader.records().next().unwrap().unwrap();
        let field = |name: &str| record.get(columns().iter().position(|c| *c == name).unwrap()).unwrap().to_owned();
        assert_eq!(field("customer_name"), "王,\"小明\"");
        assert_eq!(field("value"), "123456.00");
        assert_eq!(field("day"), "2026-07-01");
        assert_eq!(field("supersedes"), "17");
        assert_eq!(field("late"), "true");
        assert_eq!(field("received_at"), "2026-06-30T16:05:00.25Z");
        assert_eq!(field("reason"), "");
    }

    #[test]
    fn no_name_is_a_formula_to_a_spreadsheet_and_every_name_can_be_got_back() {
        for name in
            ["=1+1", "+86 20", "-7", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(\"x\",\"y\")", "'=1", "'quoted'", "张=三"]
        {
            let mut row = reading();
            row.meter_no = MeterNo::new("=A1").unwrap();
            row.place.as_mut().unwrap().customer = Some((CustomerNo::new("-1").unwrap(), name.to_owned()));
            let line = text(Format::Csv, &row);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            let field = |name: &str| record.get(columns().iter().position(|c| *c == name).unwrap()).unwrap();
            let shown = field("customer_name");
            assert!(!shown.starts_with(['=', '+', '-', '@', '\t', '\r']), "{shown:?}");
            assert_eq!(shown.strip_prefix('\'').unwrap_or(shown), name);
            assert_eq!((field("meter_no"), field("customer"), field("value")), ("'=A1", "'-1", "123456.00"));
            let object: serde_json::Value = serde_json::from_str(&text(Format::Ndjson, &row)).unwrap();
            assert_eq!((object["customer_name"].as_str(), object["meter_no"].as_str()), (Some(name), Some("=A1")));
        }
    }

    #[test]
    fn a_number_below_zero_stays_a_number() {
        let mut row = reading();
        let Content::Reading(version) = &mut row.content else { unreachable!("made above") };
        version.value = Observed::Number(Quantity::new(-12_345, 4, Unit::Kw));
        assert!(text(Format::Csv, &row).contains(",-1.2345,"));
    }

    #[test]
    fn an_ndjson_row_has_the_columns_in_their_order_and_numbers_stay_exact() {
        let line = text(Format::Ndjson, &reading());
        let mut at = 0;
        for name in columns() {
            let found =
                line[at..].find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name} missing or out of order"));
            at += found;
        }
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
        assert_eq!(object.len(), COLUMNS.len());
        assert_eq!(object["value"], "123456.00");
        assert_eq!(object["ct"], 30);
    }

    #[test]
    fn a_missing_row_says_why() {
        let detail = Some("no answer in 500 ms".to_owned());
        let mut row = reading();
        row.content = Content::Missing { reason: Some(FailureKind::NoReply), detail };
        let line = text(Format::Csv, &row);
        assert!(line.starts_with("missing,,粤A-0001,SP1,"), "{line}");
        assert!(line.ends_with(",no_reply,no answer in 500 ms\n"), "{line}");
        row.content = Content::Missing { reason: None, detail: None };
        assert!(text(Format::Ndjson, &row).contains(r#""reason":"not_asked""#));
    }

    #[test]
    fn a_suspect_or_absent_value_never_looks_good() {
        let with = |value: Observed, quality: Quality| {
            let mut row = reading();
            let Content::Reading(version) = &mut row.content else { unreachable!("made above") };
            (version.value, version.quality) = (value, quality);
            text(Format::Ndjson, &row)
        };
        let number = Observed::Number(Quantity::new(1, 0, Unit::Kwh));
        let suspect = with(number, Quality::Suspect(vec!["V04".into(), "V05".into()]));
        assert!(suspect.contains(r#""quality":"suspect","rules":["V04","V05"]"#), "{suspect}");
        assert!(with(Observed::None(NoValue::Absent), Quality::Good).contains(r#""quality":"absent""#));
        assert!(with(Observed::None(NoValue::NotBcd), Quality::Good).contains(r#""quality":"suspect""#));
    }

    #[test]
    fn the_documented_columns_are_the_columns() {
        let documented: Vec<(&str, &str)> = include_str!("../COLUMNS.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "))
            .collect();
        let columns: Vec<(&str, &str)> = COLUMNS.iter().map(|c| (c.name, c.holds)).collect();
        assert_eq!(documented, columns);
    }
}
