//! From bytes to checked rows: the part of an import that does not know what a row means.

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::ops::Range;

use super::encoding::decode;
use crate::dto::archive::{Encoding, Fault, RefusedRow};

/// Longest value of one cell. Names are at most 64 characters; paths and passwords need a little more.
pub(super) const CELL_MAX_CHARS: usize = 256;
/// How much of a refused value is shown.
const SHOWN_CHARS: usize = 64;

/// One column of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in the head line.
    pub name: &'static str,
    /// Whether the column and a value in each row must be there.
    pub need: Need,
    /// What goes in, in English.
    pub en: &'static str,
    /// What goes in, in Chinese.
    pub zh: &'static str,
}

/// Whether a value must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The column must exist and every row must have a value.
    Required,
    /// The column may be missing, the value may be empty.
    Optional,
    /// As optional; and what stands there is never shown.
    Secret,
}

/// One row of a file, once checked.
pub(crate) trait Line: Sized {
    const COLUMNS: &'static [Column];
    /// The column that names the row.
    const KEY: &'static str;
    /// Makes the row, or leaves the reasons why not in `cells`.
    fn parse(cells: &mut Cells<'_>) -> Option<Self>;
    /// Line of the file on which the row starts.
    fn line(&self) -> u64;
    /// What names the row for people.
    fn key(&self) -> String;
    /// What no two rows of one file may share, as `(column, value)`; checked in order.
    fn identities(&self) -> Vec<(&'static str, String)>;
}

/// Why a whole file was refused. Nothing of it was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("the file is empty; the first line must name the columns: {expected}")]
    Empty { expected: String },
    #[error("the file is UTF-16; save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\")")]
    Utf16,
    #[error("the head line is neither UTF-8 nor GBK; save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\")")]
    NotUtf8,
    #[error("the file is not GBK (GB 18030) throughout; save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\")")]
    NotGb18030,
    #[error("the head line has no comma but {found:?}; columns are separated by commas")]
    Separator { found: char },
    #[error("{}", columns_text(.unknown, .missing, .twice, .expected))]
    Columns { unknown: Vec<String>, missing: Vec<&'static str>, twice: Vec<String>, expected: String },
    #[error("the file has more than {max} rows; split it")]
    TooManyRows { max: u64 },
}

fn columns_text(unknown: &[String], missing: &[&str], twice: &[String], expected: &str) -> String {
    let mut parts = Vec::new();
    for (what, names) in
        [("unknown", unknown.join(", ")), ("missing", missing.join(", ")), ("repeated", twice.join(", "))]
    {
        if !names.is_empty() {
            parts.push(format!("{what} column: {names}"));
        }
    }
    format!("{}; accepted are {expected}", parts.join("; "))
}

/// A file as it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Csv<'a> {
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
    /// What the client says its text is written in.
    pub(crate) encoding: Option<Encoding>,
}

/// A file after checking.
#[derive(Debug)]
pub(crate) struct Table<L> {
    /// What its text was written in.
    pub(crate) encoding: Encoding,
    /// Rows with any content.
    pub(crate) rows: u64,
    /// The good ones with their line.
    pub(crate) good: Vec<L>,
    /// The bad ones.
    pub(crate) refused: Vec<RefusedRow>,
}

/// Reads and checks a whole file.
pub(crate) fn read<L: Line>(file: Csv<'_>, rows_max: u64) -> Result<Table<L>, HeadError> {
    if let [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] = file.bytes {
        return Err(HeadError::Utf16);
    }
    let (body, encoding) = decode(file.bytes, file.encoding).ok_or(HeadError::NotGb18030)?;
    let body = &*body;
    let mut records = Records::new(body);
    let mut lines = LineCounter::new(body);
    let mut record = csv::ByteRecord::new();
    if records.next(&mut record).is_none() {
        return Err(HeadError::Empty { expected: expected(L::COLUMNS) });
    }
    let head = Head::parse::<L>(&record)?;
    let mut table = Table { encoding, rows: 0, good: Vec::new(), refused: Vec::new() };
    let mut seen = HashMap::new();
    while let Some(at) = records.next(&mut record) {
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) {
            continue;
        }
        table.rows += 1;
        if table.rows > rows_max {
            return Err(HeadError::TooManyRows { max: rows_max });
        }
        let line = lines.line_of(at.start);
        if let Some(next_line) = torn(body, at, &record, &head) {
            let reason = "a quote is not closed on this line".to_owned();
            table.refused.push(RefusedRow {
                line,
                key: None,
                faults: vec![Fault { column: None, value: None, reason }],
            });
            records.go_on_at(next_line);
            continue;
        }
        let mut cells = Cells { head: &head, record: &record, line, faults: Vec::new() };
        let key = cells.shown(L::KEY);
        let parsed = if cells.fits() { L::parse(&mut cells) } else { None };
        let parsed = parsed.filter(|_| cells.faults.is_empty());
        let parsed = parsed.filter(|row| cells.is_first(row, &mut seen));
        match parsed {
            Some(row) => table.good.push(row),
            None => table.refused.push(RefusedRow { line, key, faults: cells.faults }),
        }
    }
    Ok(table)
}

/// The records of a file and where they stand.
struct Records<'a>(csv::Reader<Cursor<&'a [u8]>>);

impl<'a> Records<'a> {
    fn new(body: &'a [u8]) -> Self {
        Self(csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(Cursor::new(body)))
    }
    /// The next record. Byte records of a flexible reader over memory have no way to fail.
    fn next(&mut self, record: &mut csv::ByteRecord) -> Option<Range<usize>> {
        let found = self.0.read_byte_record(record).unwrap_or(false);
        let at = |position: &csv::Position| usize::try_from(position.byte()).unwrap_or(usize::MAX);
        found.then(|| record.position().map_or(0, at)..at(self.0.position()))
    }
    /// Reads on from here, whatever was read before. Seeking in memory has no way to fail either.
    fn go_on_at(&mut self, at: usize) {
        let mut position = csv::Position::new();
        position.set_byte(u64::try_from(at).unwrap_or(u64::MAX));
        drop(self.0.seek(position));
    }
}

/// Where the line behind the first one of a record starts, if an open quote made other rows a part of it. A value may have
/// lines; but then its quotes are closed, the row has its number of values, and none of them is longer than values are.
fn torn(body: &[u8], at: Range<usize>, record: &csv::ByteRecord, head: &Head) -> Option<usize> {
    let bytes = body.get(at.clone())?;
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let first_line = bytes.iter().skip(blank).position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let end = blank + first_line;
    let one_line = bytes.get(end..)?.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
    let open = bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
    let too_long = record.iter().any(|cell| String::from_utf8_lossy(cell).chars().nth(CELL_MAX_CHARS).is_some());
    (!one_line && (open || too_long || record.len() != head.len)).then_some(at.start + end + 1)
}

fn expected(columns: &[Column]) -> String {
    columns.iter().map(|c| c.name).collect::<Vec<_>>().join(", ")
}

/// Which column stands where.
#[derive(Debug)]
struct Head {
    columns: BTreeMap<&'static str, (usize, Need)>,
    len: usize,
}

impl Head {
    fn parse<L: Line>(record: &csv::ByteRecord) -> Result<Self, HeadError> {
        let mut columns = BTreeMap::new();
        let (mut unknown, mut twice) = (Vec::new(), Vec::new());
        for (index, cell) in record.iter().enumerate() {
            let name = std::str::from_utf8(cell).map_err(|_| HeadError::NotUtf8)?.trim().to_ascii_lowercase();
            if let Some(found) = name.chars().find(|c| matches!(c, ';' | '\t')).filter(|_| record.len() == 1) {
                return Err(HeadError::Separator { found });
            }
            match L::COLUMNS.iter().find(|c| c.name == name) {
                None => unknown.push(format!("{:?}", cut(&name))),
                Some(column) if columns.contains_key(column.name) => twice.push(name),
                Some(column) => {
                    columns.insert(column.name, (index, column.need));
                }
            }
        }
        let required = L::COLUMNS.iter().filter(|c| c.need == Need::Required);
        let missing: Vec<_> = required.map(|c| c.name).filter(|name| !columns.contains_key(name)).collect();
        if unknown.is_empty() && missing.is_empty() && twice.is_empty() {
            return Ok(Self { columns, len: record.len() });
        }
        Err(HeadError::Columns { unknown, missing, twice, expected: expected(L::COLUMNS) })
    }
}

/// The cells of one row; collects what is wrong with them.
#[derive(Debug)]
pub(crate) struct Cells<'a> {
    head: &'a Head,
    record: &'a csv::ByteRecord,
    line: u64,
    faults: Vec<Fault>,
}

impl Cells<'_> {
    /// Line of the file on which the row starts.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }
    /// A value that must be there.
    pub(crate) fn required<T, E: std::fmt::Display>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if let Some(text) = self.text(column)?.map(ToOwned::to_owned) {
            return self.parsed(column, &text, parse);
        }
        self.fault(column, "a value is required".to_owned());
        None
    }
    /// A value that may be missing: `Some(None)` then, and `None` when what is there is wrong.
    pub(crate) fn optional<T, E: std::fmt::Display>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.text(column)?.map(ToOwned::to_owned) {
            Some(text) => self.parsed(column, &text, parse).map(Some),
            None => Some(None),
        }
    }
    /// Says that what stands in a column is wrong.
    pub(crate) fn fault(&mut self, column: &'static str, reason: String) {
        let secret = matches!(self.head.columns.get(column), Some((_, Need::Secret)));
        let value = if secret { None } else { self.shown(column) };
        self.faults.push(Fault { column: Some(column.to_owned()), value, reason });
    }
    fn parsed<T, E: std::fmt::Display>(
        &mut self,
        column: &'static str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        parse(text).map_err(|reason| self.fault(column, reason.to_string())).ok()
    }
    /// The trimmed text of a column, `Some(None)` where there is none, `None` (and a fault) where it is not readable.
    fn text(&mut self, column: &'static str) -> Option<Option<&str>> {
        let Some(cell) = self.cell(column) else { return Some(None) };
        let cell = cell.trim_ascii();
        let reason = match std::str::from_utf8(cell) {
            Ok(text) if text.chars().nth(CELL_MAX_CHARS).is_none() => {
                // Borrowed anew: the fault below needs `self` mutably.
                let text = std::str::from_utf8(self.cell(column)?.trim_ascii()).ok()?.trim();
                return Some((!text.is_empty()).then_some(text));
            }
            Ok(_) => format!("longer than {CELL_MAX_CHARS} characters (is a quote not closed?)"),
            Err(_) => "not UTF-8; save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\")".to_owned(),
        };
        self.fault(column, reason);
        None
    }
    fn cell(&self, column: &str) -> Option<&[u8]> {
        self.head.columns.get(column).and_then(|&(index, _)| self.record.get(index))
    }
    /// What stands in a column, cut to a readable length; damaged characters are replaced.
    fn shown(&self, column: &str) -> Option<String> {
        let text = String::from_utf8_lossy(self.cell(column)?.trim_ascii()).into_owned();
        (!text.is_empty()).then(|| cut(&text))
    }
    /// Whether the row has as many cells as the head line.
    fn fits(&mut self) -> bool {
        if self.record.len() == self.head.len {
            return true;
        }
        let reason = format!("{} values, the head line has {} columns", self.record.len(), self.head.len);
        self.faults.push(Fault { column: None, value: None, reason });
        false
    }
    fn is_first<L: Line>(&mut self, row: &L, seen: &mut HashMap<(&'static str, String), u64>) -> bool {
        let identities = row.identities();
        for identity in &identities {
            if let Some(earlier) = seen.get(identity) {
                self.fault(identity.0, format!("stands in line {earlier} already"));
            }
        }
        if self.faults.is_empty() {
            seen.extend(identities.into_iter().map(|identity| (identity, self.line)));
        }
        self.faults.is_empty()
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Turns byte offsets into line numbers, walking forward once.
///
/// The reader's own line number is that of the empty lines it skips before a record; people look for the record.
struct LineCounter<'a> {
    body: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    fn new(body: &'a [u8]) -> Self {
        Self { body, at: 0, line: 1 }
    }
    fn line_of(&mut self, offset: usize) -> u64 {
        while let Some(&byte) = self.body.get(self.at) {
            if self.at >= offset && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            let lone_return = byte == b'\r' && self.body.get(self.at + 1) != Some(&b'\n');
            self.line += u64::from(byte == b'\n' || lone_return);
            self.at += 1;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{ChannelRow, MeterLine};
    use hes_model::{Endpoint, Protocol};
    use hes_store::AreaRow;

    const HEAD: &str = "meter_no,protocol,address,channel,area,service_point,customer,customer_name,password\n";

    fn read<L: Line>(bytes: &[u8], rows_max: u64) -> Result<Table<L>, HeadError> {
        super::read(Csv { bytes, encoding: None }, rows_max)
    }

    fn meters(body: &str) -> Table<MeterLine> {
        read(format!("{HEAD}{body}").as_bytes(), 1_000).unwrap()
    }

    fn faults<L>(table: &Table<L>) -> Vec<(u64, String, String)> {
        let of = |row: &RefusedRow| {
            row.faults
                .iter()
                .map(|f| (row.line, f.column.clone().unwrap_or_default(), f.reason.clone()))
                .collect::<Vec<_>>()
        };
        table.refused.iter().flat_map(of).collect()
    }

    #[test]
    fn columns_come_in_any_order_with_a_byte_order_mark_and_crlf() {
        let file = "\u{FEFF} Service_Point ,area,channel,address,protocol,meter_no,customer_name,customer\r\n\
                    P1,A1,bus-1, 161 ,dlt645-2007,M1,\"王,小明\",C1\r\n";
        let table = read::<MeterLine>(file.as_bytes(), 10).unwrap();
        assert_eq!(table.refused, []);
        let row = &table.good[0].row;
        assert_eq!((row.line, row.no.as_str(), row.address.to_string()), (2, "M1", "000000000161".to_owned()));
        assert_eq!(row.customer_name.as_deref(), Some("王,小明"));
        assert_eq!(row.protocol, Protocol::Dlt645v2007);
    }

    #[test]
    fn every_fault_of_a_row_is_named_and_the_good_rows_stay() {
        let table = meters(
            "M1,dlt645-2007,1,b,A,P1,,,\n\
             ,dlt645,12x,b,A,P2,,,\n\
             M3,dlt645-1997,999999999999,b,,P3,,,\n\
             M4,dlt645-2007,4,b,A,P4,,,\n",
        );
        assert_eq!(table.rows, 4);
        assert_eq!(
            table.good.iter().map(|m| (m.row.line, m.row.no.as_str())).collect::<Vec<_>>(),
            [(2, "M1"), (5, "M4")]
        );
        let columns: Vec<_> = faults(&table).into_iter().map(|(line, column, _)| (line, column)).collect();
        let expected = [(3, "meter_no"), (3, "protocol"), (3, "address"), (4, "address"), (4, "area")];
        assert_eq!(columns, expected.map(|(line, column)| (line, column.to_owned())));
    }

    #[test]
    fn lines_are_counted_as_an_editor_shows_them() {
        let table = meters("\n\r\nM1,x,1,b,A,P1,C,\"two\r\nlines\",\n,,,,,,,,\n\nM2,x,1,b,A,P1,,,\n");
        assert_eq!(table.rows, 2);
        assert_eq!(table.refused.iter().map(|r| r.line).collect::<Vec<_>>(), [4, 8]);
    }

    #[test]
    fn a_row_that_repeats_another_is_refused_with_the_line_of_the_first() {
        let row = |no: u32, address: u32| format!("M{no},dlt645-2007,{address},b,A,P{no},,,\n");
        let table = meters(&[row(1, 1), row(1, 2), row(2, 1), row(3, 3)].concat());
        assert_eq!(table.good.len(), 2);
        let expected = [(3, "meter_no", "stands in line 2 already"), (4, "address", "stands in line 2 already")];
        assert_eq!(faults(&table), expected.map(|(line, column, why)| (line, column.to_owned(), why.to_owned())));
    }

    #[test]
    fn an_open_quote_costs_its_own_row_and_no_other() {
        let row = |no: u32| format!("M{no},dlt645-2007,{no},b,A,P{no},C{no},name,\r\n");
        let long: String = (20..60).map(row).collect();
        for (broken, behind) in [
            ("\"M2,dlt645-2007,2,b,A,P2,,,\r\n", row(3)),
            ("M2,dlt645-2007,2,b,A,P2,C2,\"name,\r\n", row(3)),
            ("M2,dlt645-2007,2,b,A,P2,C2,name,\"\r\n", row(3)),
            ("M2,dlt645-2007,2,b,A,P2,C2,\"name,\r\n", long.clone()),
            ("M2,dlt645-2007,2,b,A,P2,C2,\"name,\n", row(3).replace("name", "\"name\"")),
        ] {
            let table = meters(&[&row(1), broken, &behind].concat());
            let expected = vec![(3, String::new(), "a quote is not closed on this line".to_owned())];
            assert_eq!(faults(&table), expected, "{broken}{behind}");
            assert_eq!(table.good.len(), 1 + behind.lines().count(), "{broken}{behind}");
            assert_eq!(table.good[1].row.line, 4);
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let table = meters("M1,dlt645-2007,1,b,A,P1,,,12 4567\nM2,dlt645-2007,2,b,A,P2,,,0011aaFF\n");
        assert_eq!(table.refused[0].faults[0].column.as_deref(), Some("password"));
        assert!(!format!("{table:?}").contains("4567"));
        assert_eq!(table.good[0].row.password.as_ref().unwrap().expose(), [0x00, 0x11, 0xAA, 0xFF]);
    }

    #[test]
    fn damaged_text_costs_its_row_only_and_says_what_to_do() {
        let mut file = HEAD.as_bytes().to_vec();
        // 王, its last byte lost.
        file.extend(b"M1,dlt645-2007,1,b,A,P1,C1,\xE7\x8E,\nM2,dlt645-2007,2,b,A,P2,,,\n");
        let table = read::<MeterLine>(&file, 10).unwrap();
        assert_eq!(table.good.len(), 1);
        let (line, column, why) = faults(&table).remove(0);
        assert_eq!((line, column.as_str()), (2, "customer_name"));
        assert!(why.contains("save the file as UTF-8"), "{why}");
    }

    #[test]
    fn a_head_line_that_is_not_usable_refuses_the_file_and_names_everything() {
        let head = |text: &[u8]| read::<AreaRow>(text, 10).unwrap_err().to_string();
        assert!(head(b"").contains("the file is empty"));
        assert!(head(b"\xFF\xFEc\0").contains("UTF-16"));
        assert!(head(b"code,\xE7\x8E\n").contains("UTF-8"));
        assert!(head(b"code;name\nA;B\n").contains("separated by commas"));
        let all = head(b"name,name,colour\nx,y,z\n");
        for part in
            ["unknown column: \"colour\"", "missing column: code", "repeated column: name", "accepted are code, name"]
        {
            assert!(all.contains(part), "{all}");
        }
    }

    #[test]
    fn limits_hold_on_rows_and_on_values() {
        assert_eq!(read::<AreaRow>(b"code\n1\n2\n3\n", 2).unwrap_err(), HeadError::TooManyRows { max: 2 });
        let table = read::<AreaRow>(format!("code,name\nA,{}\n", "台".repeat(257)).as_bytes(), 10).unwrap();
        assert!(faults(&table)[0].2.starts_with("longer than 256"));
        let shown = table.refused[0].faults[0].value.as_ref().unwrap();
        assert_eq!(shown.chars().count(), SHOWN_CHARS + 1);
    }

    #[test]
    fn a_row_with_another_number_of_values_is_refused_as_a_whole() {
        let table = read::<AreaRow>("code,name\nA,B,C\nD\nE,F\n".as_bytes(), 10).unwrap();
        assert_eq!(table.good.len(), 1);
        assert_eq!(faults(&table)[0], (2, String::new(), "3 values, the head line has 2 columns".to_owned()));
    }

    #[test]
    fn each_kind_of_channel_takes_its_own_columns_only() {
        let file = "name,kind,path,host,port,registration,baud,parity\n\
                    s,serial,/dev/ttyS0,,,,9600,none\n\
                    d,dial,,192.168.1.5,4001,,,\n\
                    p,dial_in,,,,packet:861234567890123,,\n\
                    f,dial_in,,,,frame:161,,\n\
                    x,dial,/dev/ttyS0,h,0,,1234,mark\n\
                    y,dial_in,,,,imei:1,,\n\
                    z,serial,/dev/ttyS0,,,,,\n";
        let table = read::<ChannelRow>(file.as_bytes(), 10).unwrap();
        assert_eq!(table.good.len(), 4);
        assert!(matches!(&table.good[0].config.endpoint, Endpoint::Serial { path } if path == "/dev/ttyS0"));
        assert_eq!((table.good[0].config.line.baud(), table.good[1].config.line.baud()), (9600, 2400));
        let refused: Vec<_> = faults(&table).into_iter().map(|(line, column, _)| (line, column)).collect();
        let expected = [(6, "path"), (6, "baud"), (6, "parity"), (7, "registration"), (8, "path")];
        assert_eq!(refused, expected.map(|(line, column)| (line, column.to_owned())));
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_every_row_is_accounted_for() {
        let mut seed = 1_u64;
        for _ in 0..2_000 {
            let mut bytes = HEAD.as_bytes().to_vec();
            for _ in 0..200 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let pool = b",,,\"\"\r\n\n;x1\xFF\xCD\xE5\x8F\xB0";
                bytes.push(pool[usize::try_from(seed >> 33).unwrap() % pool.len()]);
            }
            let table = read::<MeterLine>(&bytes, 1_000).unwrap();
            assert_eq!(table.rows, (table.good.len() + table.refused.len()) as u64);
            assert!(table.refused.iter().all(|r| !r.faults.is_empty()));
        }
    }
}
