//! A frame cut into its fields.

use std::ops::Range;

use hes_dlt645::items::{Reading, Value, items};
use hes_dlt645::{
    Answer, Authority, Command, Control, Data, DataId, DateTime, Dialect, Direction, Frame, RelayCommand, Service,
};

use super::labels;
use super::meaning::{minute, reading_label, record_count, written};
use super::tiles::Tiles;
use crate::Secrets;
use crate::decoded::{Field, Label};

/// Bytes from the first start byte to the data.
pub(super) const HEADER: usize = 10;

/// Every field of a whole frame, in wire order.
pub(super) fn fields(bytes: &[u8], frame: &Frame<'_>, dialect: Dialect, secrets: Secrets) -> Vec<Field> {
    let data = frame.wake_bytes + HEADER..frame.wake_bytes + HEADER + frame.data.len();
    let mut tiles = Tiles::new(bytes, data.clone(), secrets);
    let hex = |range: Range<usize>| bytes.get(range).unwrap_or_default();
    tiles.lay(frame.wake_bytes, "wake_up", frame.wake_bytes.to_string(), Label::new("Wake-up bytes", "前导字节"));
    tiles.lay(1, "start", "", Label::new("Frame start", "帧起始符"));
    tiles.lay(6, "address", frame.address.to_string(), Label::new("Address", "地址域"));
    tiles.lay(1, "start", "", Label::new("Frame start", "帧起始符"));
    tiles.lay(1, "control", control_value(frame, dialect), Label::new("Control code", "控制码"));
    tiles.lay(1, "length", frame.data.len().to_string(), Label::new("Data length", "数据域长度"));
    lay_data(&mut tiles, frame, dialect);
    tiles.gap_to(frame.data.len(), "data", Label::new("Data", "数据"));
    let sum = hex(data.end..data.end + 1).first().map(|sum| format!("{sum:02X}"));
    tiles.lay(1, "checksum", sum.unwrap_or_default(), Label::new("Check sum", "校验码"));
    tiles.lay(1, "end", "", Label::new("Frame end", "结束符"));
    tiles.finish()
}

/// Whether frames of this control byte carry passwords, in either edition: one whose form is not known is hidden whole.
pub(super) fn carries_password(control: Control) -> bool {
    use Service::{ChangePassword, ClearDemand, ClearEvents, ClearMeter, Relay, Write};
    [Dialect::V2007, Dialect::V1997]
        .iter()
        .filter_map(|dialect| dialect.service(control.function()))
        .any(|service| matches!(service, Write | ChangePassword | ClearDemand | ClearMeter | ClearEvents | Relay))
}

/// Whether what is written to this item is a password: 04000C01 to 04000C0A, one a level.
pub(super) fn is_password(item: DataId) -> bool {
    matches!(item, DataId::V2007(0x0400_0C00..=0x0400_0CFF))
}

/// Where passwords stand in the data of a frame.
pub(super) fn passwords(frame: &Frame<'_>, dialect: Dialect) -> Vec<Range<usize>> {
    let after = |at: usize| at + 1..at + 4;
    let item = dialect.item_bytes();
    let whole = 0..frame.data.len();
    match frame.control.direction() {
        Direction::Request => match Command::parse(dialect, frame) {
            Command::Write { item: named, value, .. } if is_password(named) => {
                vec![after(item), whole.end - value.len()..whole.end]
            }
            Command::Write { .. } => vec![after(item)],
            Command::ChangePassword { item: named, .. } => {
                let at = if named.is_some() { item } else { 0 };
                vec![after(at), after(at + 4)]
            }
            Command::ClearDemand { .. } | Command::ClearMeter { .. } | Command::ClearEvents { .. } => vec![after(0)],
            Command::Relay(_) | Command::SealedRelay { .. } => vec![after(0)],
            Command::Other { .. } if carries_password(frame.control) => vec![whole],
            _ => Vec::new(),
        },
        Direction::Answer => match Answer::parse(dialect, frame) {
            Answer::PasswordChanged { .. } => vec![after(0)],
            Answer::Other { .. } if carries_password(frame.control) => vec![whole],
            _ => Vec::new(),
        },
    }
}

fn control_value(frame: &Frame<'_>, dialect: Dialect) -> String {
    let service = dialect.service(frame.control.function());
    let name = service.map_or("unknown", |service| labels::service(service).0);
    match (frame.control.direction(), frame.control.is_abnormal(), frame.control.follow()) {
        (Direction::Request, ..) => name.to_owned(),
        (Direction::Answer, true, _) => format!("{name}: refused"),
        (Direction::Answer, false, hes_dlt645::Follow::More) => format!("{name}: answer, more follows"),
        (Direction::Answer, false, hes_dlt645::Follow::Last) => format!("{name}: answer"),
    }
}

fn lay_data(tiles: &mut Tiles<'_>, frame: &Frame<'_>, dialect: Dialect) {
    match frame.control.direction() {
        Direction::Request => lay_command(tiles, &Command::parse(dialect, frame), dialect),
        Direction::Answer => lay_answer(tiles, &Answer::parse(dialect, frame)),
    }
}

fn lay_item(tiles: &mut Tiles<'_>, item: DataId) {
    tiles.lay(item.dialect().item_bytes(), "data_item", item.to_string(), Label::new("Data item", "数据标识"));
}

fn lay_authority(tiles: &mut Tiles<'_>, authority: &Authority) {
    let level = format!("{:02X}", authority.password.level);
    tiles.lay(1, "password_level", level, Label::new("Password level", "密码权限"));
    tiles.lay_secret(3, "password", authority.password.reveal().to_string(), Label::new("Password", "密码"));
    if let Some(operator) = authority.operator {
        tiles.lay(4, "operator", operator.to_string(), Label::new("Operator code", "操作者代码"));
    }
}

fn lay_command(tiles: &mut Tiles<'_>, command: &Command<'_>, dialect: Dialect) {
    match command {
        Command::Read { item, blocks, since } => {
            lay_item(tiles, *item);
            if let Some(blocks) = blocks {
                tiles.lay(
                    1,
                    "blocks",
                    record_count(*blocks).to_string(),
                    Label::new("Load-profile records", "负荷记录块数"),
                );
            }
            if let Some(since) = since {
                tiles.lay(5, "since", minute(*since), Label::new("From this time on", "给定时间"));
            }
        }
        Command::ReadFollow { item, seq } => {
            lay_item(tiles, *item);
            if let Some(seq) = seq {
                tiles.lay(1, "sequence", seq.to_string(), Label::new("Frame number", "帧序号"));
            }
        }
        Command::ReadAgain | Command::ReadAddress => {}
        Command::Write { item, authority, value } => {
            lay_item(tiles, *item);
            lay_authority(tiles, authority);
            let (text, label) = (value.to_string(), Label::new("Value written", "写入数据"));
            match written(*item, authority, *value) {
                Some(readings) => lay_readings(tiles, &readings, *value),
                None if is_password(*item) => tiles.lay_secret(value.len(), "value", text, label),
                None => tiles.lay(value.len(), "value", text, label),
            }
        }
        Command::WriteAddress { address } => {
            tiles.lay(6, "new_address", address.to_string(), Label::new("New address", "新地址"));
        }
        Command::BroadcastTime { time } => {
            tiles.lay(6, "time", time.to_string(), Label::new("Time", "时间"));
        }
        Command::Freeze { .. } => {
            let value = tiles.plain(4);
            tiles.lay(4, "freeze_at", value, Label::new("When to freeze: mm hh DD MM, 99 for every", "冻结时间"));
        }
        Command::ChangeBaud { baud } => {
            let speed = baud.speed().map_or_else(|| "?".to_owned(), |speed| speed.to_string());
            tiles.lay(1, "baud", speed, Label::new("Speed", "通信速率特征字"));
        }
        Command::ChangePassword { item, old, new } => {
            if let Some(item) = item {
                lay_item(tiles, *item);
            }
            for (password, level_name, name, level, label) in [
                (
                    old,
                    "password_level",
                    "password",
                    Label::new("Password level", "原密码权限"),
                    Label::new("Password", "原密码"),
                ),
                (
                    new,
                    "new_password_level",
                    "new_password",
                    Label::new("New password level", "新密码权限"),
                    Label::new("New password", "新密码"),
                ),
            ] {
                tiles.lay(1, level_name, format!("{:02X}", password.level), level);
                tiles.lay_secret(3, name, password.reveal().to_string(), label);
            }
        }
        Command::ClearDemand { authority } | Command::ClearMeter { authority } => lay_authority(tiles, authority),
        Command::ClearEvents { authority, item } => {
            lay_authority(tiles, authority);
            lay_item(tiles, *item);
        }
        Command::Relay(relay) => lay_relay(tiles, relay),
        Command::SealedRelay { authority, sealed } => {
            lay_authority(tiles, authority);
            let label = Label::new("Enciphered command and its authentication code", "控制命令密文及MAC");
            tiles.lay(sealed.len(), "sealed", sealed.to_string(), label);
        }
        Command::MultiFunction { output } => {
            tiles.lay(1, "output", format!("{output:02X}"), Label::new("Output shows", "输出信号类别"));
        }
        Command::Security { item, data } => {
            lay_item(tiles, *item);
            tiles.lay(
                data.len(),
                "security_data",
                data.to_string(),
                Label::new("Opaque security data", "安全认证数据"),
            );
        }
        Command::Other { control, data } => {
            let label = match dialect {
                Dialect::V2007 => Label::new("Data of no known form", "未知格式数据"),
                Dialect::V1997 => Label::new("Data of no known form (1997)", "未知格式数据(1997)"),
            };
            let named = match dialect.service(control.0) {
                Some(Service::Read | Service::ReadFollow) => DataId::split(dialect, *data),
                _ => None,
            };
            let rest = named.map_or(*data, |(item, rest)| {
                lay_item(tiles, item);
                rest
            });
            lay_unknown(tiles, *control, rest, label);
        }
    }
}

/// Data whose form is not known, which may hold a password somewhere.
fn lay_unknown(tiles: &mut Tiles<'_>, control: Control, data: Data<'_>, label: Label) {
    match carries_password(control) {
        true => tiles.lay_secret(data.len(), "data", data.to_string(), label),
        false => tiles.lay(data.len(), "data", data.to_string(), label),
    }
}

fn lay_relay(tiles: &mut Tiles<'_>, relay: &RelayCommand) {
    lay_authority(tiles, &Authority { password: relay.password, operator: Some(relay.operator) });
    let (name, Label { en, zh }) = (relay.action.name(), labels::action(relay.action));
    tiles.lay(1, "n1", name, Label::new(format!("N1: {en}"), format!("N1 控制命令类型: {zh}")));
    tiles.lay(1, "n2", format!("{:02X}", relay.n2), Label::new("N2: reserved", "N2 保留"));
    let until = relay.deadline().map_or_else(|| Data::plain(&relay.valid_until.0).to_string(), |at| at.to_string());
    tiles.lay(6, "valid_until", until, Label::new("N3–N8: command counts until", "N3~N8 命令有效截止时间"));
}

fn lay_answer(tiles: &mut Tiles<'_>, answer: &Answer<'_>) {
    match *answer {
        Answer::Data { item, data, seq, follow, .. } => {
            lay_item(tiles, item);
            let part = seq.is_some() || follow == hes_dlt645::Follow::More;
            if part {
                tiles.lay(data.len(), "part", data.to_string(), Label::new("Part of the data", "部分数据"));
            } else {
                lay_values(tiles, item, data);
            }
            if let Some(seq) = seq {
                tiles.lay(1, "sequence", seq.to_string(), Label::new("Frame number", "帧序号"));
            }
        }
        Answer::Address { address } => {
            tiles.lay(6, "meter_address", address.to_string(), Label::new("The meter's address", "通信地址"));
        }
        Answer::Done { .. } => {}
        Answer::BaudChanged { baud } => {
            let speed = baud.speed().map_or_else(|| "?".to_owned(), |speed| speed.to_string());
            tiles.lay(1, "baud", speed, Label::new("Speed", "通信速率特征字"));
        }
        Answer::PasswordChanged { password } => {
            tiles.lay(1, "password_level", format!("{:02X}", password.level), Label::new("Password level", "密码权限"));
            tiles.lay_secret(3, "password", password.reveal().to_string(), Label::new("Password", "密码"));
        }
        Answer::MultiFunction { output } => {
            tiles.lay(1, "output", format!("{output:02X}"), Label::new("Output shows", "输出信号类别"));
        }
        Answer::Security { item, data } => {
            lay_item(tiles, item);
            tiles.lay(
                data.len(),
                "security_data",
                data.to_string(),
                Label::new("Opaque security data", "安全认证数据"),
            );
        }
        Answer::Refused { errors, .. } => {
            let names: Vec<&str> = errors.names().collect();
            let words = |pick: fn(Label) -> String| {
                errors.names().map(|name| pick(labels::error(name))).collect::<Vec<_>>().join(", ")
            };
            let label = Label::new(format!("Error: {}", words(|l| l.en)), format!("错误信息字: {}", words(|l| l.zh)));
            let len = if errors.bits() > 0xFF { 2 } else { 1 };
            tiles.lay(len, "error", names.join(", "), label);
        }
        Answer::Other { control, data } => {
            lay_unknown(tiles, control, data, Label::new("Data of no known form", "未知格式数据"));
        }
    }
}

/// The values behind an item.
fn lay_values(tiles: &mut Tiles<'_>, item: DataId, data: Data<'_>) {
    let readings: Vec<Reading<'_>> = items(item.dialect()).read(item, data).collect();
    lay_readings(tiles, &readings, data);
}

/// Values out of `data`, which comes next, and what stands between them.
fn lay_readings(tiles: &mut Tiles<'_>, readings: &[Reading<'_>], data: Data<'_>) {
    let before = tiles.laid_of_data();
    for reading in readings {
        if let Some(offset) = reading.bytes.offset_in(data) {
            lay_structure(tiles, before + offset);
        }
        let value = match &reading.value {
            Value::None(why) => why.code().to_owned(),
            value => format!("{value} {}", reading.field.unit()).trim_end().to_owned(),
        };
        let value = match reading.occurred {
            Some(at) => format!("{value} at {}", minute(at)),
            None => value,
        };
        tiles.lay(reading.bytes.len(), reading.name.to_string(), value, reading_label(reading));
    }
    lay_structure(tiles, before + data.len());
}

/// What stands between values, up to `end` of the data field: separators, and the frame of load-profile records.
fn lay_structure(tiles: &mut Tiles<'_>, end: usize) {
    loop {
        match tiles.plain_to(end).as_slice() {
            [] => return,
            [0xA0, 0xA0, len, time @ ..] if time.len() >= 5 => {
                let time = time.first_chunk::<5>().and_then(|time| DateTime::from_wire_minute(*time));
                tiles.lay(2, "record_start", "", Label::new("Record start", "记录起始码"));
                tiles.lay(1, "record_length", len.to_string(), Label::new("Record length", "记录字节数"));
                let time = time.map_or_else(|| tiles.plain(5), minute);
                tiles.lay(5, "record_time", time, Label::new("Time of the record", "负荷记录存储时间"));
            }
            [sum, 0xE5] | [sum, 0xE5, 0xA0, 0xA0, ..] => {
                tiles.lay(1, "record_sum", format!("{sum:02X}"), Label::new("Record sum", "记录累加校验码"));
                tiles.lay(1, "record_end", "", Label::new("Record end", "记录结束码"));
            }
            [0xAA, ..] => tiles.lay(1, "separator", "", Label::new("Separator", "块分隔码")),
            _ => tiles.gap_to(end, "structure", Label::new("Bytes between values", "数据间字节")),
        }
    }
}
