//! `channels.csv`: the shared media meters hang on.

use std::num::NonZeroU16;

use hes_model::{ChannelConfig, ChannelName, CommAddress, DialIn, Endpoint, LineSettings, Parity, Registration};

use super::table::{Cells, Column, Line, Need};

/// The columns of `channels.csv`.
pub const COLUMNS: &[Column] = &[
    Column { name: "name", need: Need::Required, en: "name of the channel", zh: "通道名称" },
    Column {
        name: "kind", need: Need::Required, en: "serial, dial or dial_in", zh: "类型:serial、dial 或 dial_in"
    },
    Column { name: "path", need: Need::Optional, en: "device path (serial)", zh: "串口设备路径(serial)" },
    Column {
        name: "host", need: Need::Optional, en: "host name or IP address (dial)", zh: "主机名或IP地址(dial)"
    },
    Column { name: "port", need: Need::Optional, en: "TCP port 1 to 65535 (dial)", zh: "TCP端口(dial)" },
    Column {
        name: "registration",
        need: Need::Optional,
        en: "packet:TEXT or frame:ADDRESS (dial_in)",
        zh: "注册包 packet:文本 或 frame:表地址(dial_in)",
    },
    Column {
        name: "baud", need: Need::Optional, en: "speed of the meters' line, default 2400", zh: "波特率,默认2400"
    },
    Column { name: "data_bits", need: Need::Optional, en: "7 or 8, default 8", zh: "数据位,默认8" },
    Column { name: "parity", need: Need::Optional, en: "none, even or odd, default even", zh: "校验位,默认even" },
    Column {
        name: "extra_delay_ms",
        need: Need::Optional,
        en: "what the path adds to a reply, 0 to 600000, default 0",
        zh: "通道附加延时(毫秒),默认0",
    },
    Column {
        name: "wake_up",
        need: Need::Optional,
        en: "FE bytes before a frame, 0 to 20, default 4",
        zh: "前导FE个数,默认4",
    },
];

/// Slowest path accepted: ten minutes, far beyond any radio or power-line network that still answers.
const EXTRA_DELAY_MAX_MS: u32 = 600_000;
/// Most wake-up bytes; the standard asks for four, some meters want a few more.
const WAKE_UP_MAX: u8 = 20;
const WAKE_UP_DEFAULT: u8 = 4;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChannelRow {
    pub(crate) line: u64,
    pub(crate) config: ChannelConfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Serial,
    Dial,
    DialIn,
}

impl Line for ChannelRow {
    const COLUMNS: &'static [Column] = COLUMNS;
    const KEY: &'static str = "name";

    fn parse(cells: &mut Cells<'_>) -> Option<Self> {
        let name = cells.required("name", ChannelName::new);
        let endpoint = cells.required("kind", kind).and_then(|kind| endpoint(cells, kind));
        let line = line_settings(cells);
        let extra = cells.optional("extra_delay_ms", |text| number(text, 0, EXTRA_DELAY_MAX_MS));
        let wake_up = cells.optional("wake_up", |text| number(text, 0, WAKE_UP_MAX));
        let config = ChannelConfig {
            name: name?,
            endpoint: endpoint?,
            line: line?,
            extra_delay_ms: extra?.unwrap_or(0),
            wake_up: wake_up?.unwrap_or(WAKE_UP_DEFAULT),
        };
        Some(Self { line: cells.line(), config })
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn key(&self) -> String {
        self.config.name.to_string()
    }

    fn identities(&self) -> Vec<(&'static str, String)> {
        let name = ("name", self.key());
        let medium = match &self.config.endpoint {
            Endpoint::Serial { path } => ("path", path.clone()),
            Endpoint::Dial { host, port } => ("port", format!("{host}:{port}")),
            Endpoint::DialIn(DialIn { registration: Registration::Packet(text) }) => {
                ("registration", format!("packet:{text}"))
            }
            Endpoint::DialIn(DialIn { registration: Registration::FirstFrame(address) }) => {
                ("registration", format!("frame:{address}"))
            }
        };
        vec![name, medium]
    }
}

fn kind(text: &str) -> Result<Kind, &'static str> {
    match text {
        "serial" => Ok(Kind::Serial),
        "dial" => Ok(Kind::Dial),
        "dial_in" => Ok(Kind::DialIn),
        _ => Err("accepted are serial, dial, dial_in"),
    }
}

/// The end point of a kind; columns of the other kinds must be empty, so that a slip is not read as something else.
fn endpoint(cells: &mut Cells<'_>, kind: Kind) -> Option<Endpoint> {
    let columns = [("path", Kind::Serial), ("host", Kind::Dial), ("port", Kind::Dial), ("registration", Kind::DialIn)];
    for (column, _) in columns.iter().filter(|(_, of)| *of != kind) {
        cells.optional(column, |_| Err::<(), _>("must be empty for this kind of channel"))?;
    }
    match kind {
        Kind::Serial => cells.required("path", path).map(|path| Endpoint::Serial { path }),
        Kind::Dial => {
            let host = cells.required("host", host);
            let port = cells.required("port", |text| {
                text.parse::<NonZeroU16>().map_err(|_| "accepted is a TCP port from 1 to 65535")
            });
            Some(Endpoint::Dial { host: host?, port: port? })
        }
        Kind::DialIn => {
            cells.required("registration", registration).map(|registration| Endpoint::DialIn(DialIn { registration }))
        }
    }
}

fn path(text: &str) -> Result<String, &'static str> {
    if text.chars().any(char::is_control) { Err("control characters are not allowed") } else { Ok(text.to_owned()) }
}

fn host(text: &str) -> Result<String, &'static str> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']' | '%');
    if text.chars().all(allowed) { Ok(text.to_owned()) } else { Err("accepted is a host name or an IP address") }
}

fn registration(text: &str) -> Result<Registration, String> {
    match text.split_once(':') {
        Some(("packet", packet)) if !packet.is_empty() => Ok(Registration::Packet(packet.to_owned())),
        Some(("frame", address)) => {
            address.parse::<CommAddress>().map(Registration::FirstFrame).map_err(|e| e.to_string())
        }
        _ => Err("accepted are packet:TEXT and frame:ADDRESS".to_owned()),
    }
}

fn line_settings(cells: &mut Cells<'_>) -> Option<LineSettings> {
    let default = LineSettings::DLT645;
    let baud = cells.optional("baud", |text| {
        let baud = text.parse().map_err(|_| "accepted is a whole number, as 2400".to_owned())?;
        LineSettings::new(baud, default.data_bits(), default.parity())
            .map(LineSettings::baud)
            .map_err(|e| e.to_string())
    });
    let data_bits = cells.optional("data_bits", |text| number(text, 7, 8));
    let parity = cells.optional("parity", |text| match text {
        "none" => Ok(Parity::None),
        "even" => Ok(Parity::Even),
        "odd" => Ok(Parity::Odd),
        _ => Err("accepted are none, even, odd"),
    });
    let baud = baud?.unwrap_or(default.baud());
    let data_bits = data_bits?.unwrap_or(default.data_bits());
    LineSettings::new(baud, data_bits, parity?.unwrap_or(default.parity())).ok()
}

fn number<N>(text: &str, min: N, max: N) -> Result<N, String>
where
    N: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let wrong = || format!("accepted is a whole number from {min} to {max}");
    text.parse().ok().filter(|n| (&min..=&max).contains(&n)).ok_or_else(wrong)
}
