//! Names in both languages for what the protocol's crate names in code.

use hes_dlt645::{RelayAction, Service};

use crate::decoded::Label;

/// What a service is called: the stable name, and labels.
pub(super) fn service(service: Service) -> (&'static str, Label) {
    let (name, en, zh) = match service {
        Service::Security => ("security", "Security authentication", "安全认证"),
        Service::BroadcastTime => ("broadcast_time", "Broadcast time", "广播校时"),
        Service::Read => ("read", "Read data", "读数据"),
        Service::ReadFollow => ("read_follow", "Read follow-up data", "读后续数据"),
        Service::ReadAgain => ("read_again", "Read again", "重读数据"),
        Service::ReadAddress => ("read_address", "Read address", "读通信地址"),
        Service::Write => ("write", "Write data", "写数据"),
        Service::WriteAddress => ("write_address", "Write address", "写通信地址"),
        Service::Freeze => ("freeze", "Freeze", "冻结命令"),
        Service::ChangeBaud => ("change_baud", "Change speed", "更改通信速率"),
        Service::ChangePassword => ("change_password", "Change password", "修改密码"),
        Service::ClearDemand => ("clear_demand", "Clear maximum demand", "最大需量清零"),
        Service::ClearMeter => ("clear_meter", "Clear meter", "电表清零"),
        Service::ClearEvents => ("clear_events", "Clear events", "事件清零"),
        Service::Relay => ("control", "Relay, alarm, keep power", "跳合闸、报警、保电"),
        Service::MultiFunction => ("multi_function", "Multi-function output", "多功能端子输出控制"),
    };
    (name, Label::new(en, zh))
}

/// What a relay command does.
pub(super) fn action(action: RelayAction) -> Label {
    let (en, zh) = match action {
        RelayAction::Trip => ("trip: open the relay", "跳闸"),
        RelayAction::CloseAllow => ("allow closing: the customer closes by a button", "合闸允许"),
        RelayAction::Close => ("close the relay", "直接合闸"),
        RelayAction::AlarmOn => ("alarm on", "报警"),
        RelayAction::AlarmOff => ("alarm off", "报警解除"),
        RelayAction::KeepPowerOn => ("keep power on: refuse trips", "保电"),
        RelayAction::KeepPowerOff => ("keep power off: allow trips", "保电解除"),
        RelayAction::Other(_) => ("unknown control code", "未知控制命令"),
    };
    Label::new(en, zh)
}

/// Every reason of a refusal the protocol's crate names, in words.
const ERRORS: [(&str, &str, &str); 16] = [
    ("other", "other error", "其他错误"),
    ("no_requested_data", "no requested data", "无请求数据"),
    ("password_or_authorisation", "wrong password or not authorised", "密码错/未授权"),
    ("baud_cannot_change", "the speed cannot be changed", "通信速率不能更改"),
    ("too_many_year_zones", "too many year zones", "年时区数超"),
    ("too_many_day_periods", "too many day periods", "日时段数超"),
    ("too_many_tariffs", "too many tariffs", "费率数超"),
    ("reserved", "reserved", "保留"),
    ("repeated_recharge", "repeated recharge", "重复充值"),
    ("esam_check_failed", "ESAM check failed", "ESAM验证失败"),
    ("identity_failed", "identity authentication failed", "身份认证失败"),
    ("customer_number_mismatch", "customer number does not match", "客户编号不匹配"),
    ("recharge_count_wrong", "wrong recharge count", "充值次数错误"),
    ("over_hoarding_limit", "over the hoarding limit", "购电超囤积"),
    ("address_abnormal", "abnormal address", "地址异常"),
    ("illegal_data", "illegal data", "非法数据"),
];

/// A reason of a refusal.
pub(super) fn error(name: &str) -> Label {
    let row = ERRORS.iter().find(|row| row.0 == name);
    row.map_or_else(|| Label::new(name, name), |(_, en, zh)| Label::new(*en, *zh))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hes_dlt645::{Dialect, Errors};

    #[test]
    fn every_error_bit_has_a_label_in_both_languages() {
        for dialect in [Dialect::V2007, Dialect::V1997] {
            for name in Errors::new(dialect, 0xFF).names().chain(Errors::security(0x01FF).names()) {
                assert!(ERRORS.iter().any(|row| row.0 == name), "{name}");
            }
        }
    }
}
