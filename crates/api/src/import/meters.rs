//! `meters.csv`: meters with their service point, customer and installation.

use hes_model::{
    AreaCode, ChannelName, CustomerNo, GroupName, MeterNo, MeterState, ModelName, Protocol, ReaderCode, Secret,
    ServicePointNo,
};
use hes_store::MeterRow;
use jiff::civil::Date;

use super::areas::free_text;
use super::table::{Cells, Column, Line, Need};

/// The columns of `meters.csv`.
pub const COLUMNS: &[Column] = &[
    Column { name: "meter_no", need: Need::Required, en: "number of the meter", zh: "电表资产编号" },
    Column {
        name: "protocol",
        need: Need::Required,
        en: "dlt645-2007 or dlt645-1997",
        zh: "规约:dlt645-2007 或 dlt645-1997",
    },
    Column {
        name: "address",
        need: Need::Required,
        en: "address on the wire, 1 to 12 digits",
        zh: "通信地址,1至12位数字",
    },
    Column {
        name: "model",
        need: Need::Optional,
        en: "profile of the model; generic for the protocol",
        zh: "表型,默认按规约",
    },
    Column { name: "channel", need: Need::Required, en: "name of its channel", zh: "通道名称" },
    Column { name: "area", need: Need::Required, en: "code of the transformer area", zh: "台区编号" },
    Column { name: "reader", need: Need::Optional, en: "staff code of the area's reader", zh: "抄表员工号" },
    Column { name: "service_point", need: Need::Required, en: "number of the service point", zh: "用电点编号" },
    Column { name: "customer", need: Need::Optional, en: "customer number", zh: "户号" },
    Column { name: "customer_name", need: Need::Optional, en: "the customer's name", zh: "户名" },
    Column {
        name: "ct",
        need: Need::Optional,
        en: "current transformer factor, default 1",
        zh: "电流互感器倍率,默认1",
    },
    Column {
        name: "pt",
        need: Need::Optional,
        en: "voltage transformer factor, default 1",
        zh: "电压互感器倍率,默认1",
    },
    Column {
        name: "installed_from",
        need: Need::Optional,
        en: "first day at the service point, default today",
        zh: "安装日期,默认当日",
    },
    Column { name: "groups", need: Need::Optional, en: "groups, separated by ;", zh: "分组,以;分隔" },
    Column { name: "password", need: Need::Secret, en: "password, hex digits", zh: "密码(十六进制)" },
    Column {
        name: "state",
        need: Need::Optional,
        en: "active, not_commissioned, suspended or retired; default active",
        zh: "状态,默认active",
    },
];

/// Largest transformer factor accepted: 750 kV over 100 V, or 6,300 A over 1 A, with room.
const TRANSFORMER_MAX: u32 = 100_000;
/// Longest password in bytes; DL/T 645 uses four.
const PASSWORD_MAX_BYTES: usize = 64;
/// Most groups of one meter.
const GROUPS_MAX: usize = 16;

/// One row: the meter with its place, and the reader the file names for its area.
#[derive(Debug, Clone)]
pub(crate) struct MeterLine {
    pub(crate) row: MeterRow,
    pub(crate) reader: Option<ReaderCode>,
}

impl Line for MeterLine {
    const COLUMNS: &'static [Column] = COLUMNS;
    const KEY: &'static str = "meter_no";

    fn parse(cells: &mut Cells<'_>) -> Option<Self> {
        // All cells are looked at before the first `?`, so that one pass names everything wrong with a row.
        let no = cells.required("meter_no", MeterNo::new);
        let protocol = cells.required("protocol", protocol);
        let address = cells.required("address", str::parse);
        let model = cells.optional("model", ModelName::new);
        let channel = cells.required("channel", ChannelName::new);
        let area = cells.required("area", AreaCode::new);
        let reader = cells.optional("reader", ReaderCode::new);
        let service_point = cells.required("service_point", ServicePointNo::new);
        let customer = cells.optional("customer", CustomerNo::new);
        let customer_name = cells.optional("customer_name", free_text);
        let ct = cells.optional("ct", transformer);
        let pt = cells.optional("pt", transformer);
        let installed_from = cells.optional("installed_from", day);
        let groups = cells.optional("groups", groups);
        let password = cells.optional("password", password);
        let state = cells.optional("state", state);
        let row = MeterRow {
            line: cells.line(),
            no: no?,
            protocol: protocol?,
            address: address?,
            model: model?,
            channel: channel?,
            area: area?,
            service_point: service_point?,
            customer: customer?,
            customer_name: customer_name?,
            ct: ct?,
            pt: pt?,
            installed_from: installed_from?,
            groups: groups?,
            password: password?,
            state: state?,
        };
        if row.customer.is_none() && row.customer_name.is_some() {
            cells.fault("customer", "a customer with a name needs a number".to_owned());
            return None;
        }
        Some(Self { row, reader: reader? })
    }

    fn line(&self) -> u64 {
        self.row.line
    }

    fn key(&self) -> String {
        self.row.no.to_string()
    }

    fn identities(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![("meter_no", self.key())];
        // A retired meter leaves its address free for the next.
        if self.row.state != Some(MeterState::Retired) {
            all.push(("address", format!("{} {}", self.row.channel, self.row.address)));
        }
        all
    }
}

fn protocol(text: &str) -> Result<Protocol, &'static str> {
    Protocol::from_code(text).ok_or("accepted are dlt645-2007, dlt645-1997")
}

pub(crate) fn transformer(text: &str) -> Result<u32, String> {
    let wrong = || format!("accepted is a whole number from 1 to {TRANSFORMER_MAX}");
    text.parse().ok().filter(|n| (1..=TRANSFORMER_MAX).contains(n)).ok_or_else(wrong)
}

fn day(text: &str) -> Result<Date, &'static str> {
    text.parse().map_err(|_| "accepted is a day as 2026-07-01")
}

fn groups(text: &str) -> Result<Vec<GroupName>, String> {
    let mut names = std::collections::BTreeSet::new();
    for name in text.split(';').map(str::trim).filter(|name| !name.is_empty()) {
        names.insert(GroupName::new(name).map_err(|e| e.to_string())?);
    }
    if names.len() > GROUPS_MAX {
        return Err(format!("at most {GROUPS_MAX} groups"));
    }
    Ok(names.into_iter().collect())
}

pub(crate) fn password(text: &str) -> Result<Secret, String> {
    let wrong = || format!("accepted are pairs of hex digits, up to {PASSWORD_MAX_BYTES} bytes");
    if !text.len().is_multiple_of(2) || text.len() > 2 * PASSWORD_MAX_BYTES || !text.is_ascii() {
        return Err(wrong());
    }
    let byte = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let digits_only = text.bytes().all(|b| b.is_ascii_hexdigit());
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(byte).collect();
    bytes.filter(|_| digits_only).map(Secret::new).ok_or_else(wrong)
}

fn state(text: &str) -> Result<MeterState, &'static str> {
    let all = [MeterState::Active, MeterState::NotCommissioned, MeterState::Suspended, MeterState::Retired];
    let found = all.into_iter().find(|s| s.code() == text);
    found.ok_or("accepted are active, not_commissioned, suspended, retired")
}
