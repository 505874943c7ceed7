//! `areas.csv`: transformer areas and the readers responsible for them.

use hes_model::{AreaCode, NameError, ReaderCode};
use hes_store::AreaRow;

use super::table::{Cells, Column, Line, Need};

/// The columns of `areas.csv`.
pub const COLUMNS: &[Column] = &[
    Column { name: "code", need: Need::Required, en: "code of the area", zh: "台区编号" },
    Column { name: "name", need: Need::Optional, en: "its name; the code where empty", zh: "台区名称" },
    Column { name: "reader", need: Need::Optional, en: "staff code of its reader", zh: "抄表员工号" },
    Column {
        name: "reader_name",
        need: Need::Optional,
        en: "the reader's name; the code where empty",
        zh: "抄表员姓名",
    },
];

impl Line for AreaRow {
    const COLUMNS: &'static [Column] = COLUMNS;
    const KEY: &'static str = "code";

    fn parse(cells: &mut Cells<'_>) -> Option<Self> {
        let code = cells.required("code", AreaCode::new);
        let name = cells.optional("name", free_text);
        let reader = cells.optional("reader", ReaderCode::new);
        let reader_name = cells.optional("reader_name", free_text);
        let row = Self { line: cells.line(), code: code?, name: name?, reader: reader?, reader_name: reader_name? };
        if row.reader.is_none() && row.reader_name.is_some() {
            cells.fault("reader", "a reader with a name needs a staff code".to_owned());
            return None;
        }
        Some(row)
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn key(&self) -> String {
        self.code.to_string()
    }

    fn identities(&self) -> Vec<(&'static str, String)> {
        vec![("code", self.key())]
    }
}

/// A name for people: blanks inside are fine, control characters are not.
pub(super) fn free_text(text: &str) -> Result<String, NameError> {
    match text.chars().find(|c| c.is_control()) {
        Some(bad) => Err(NameError::Character { bad }),
        None => Ok(text.to_owned()),
    }
}
