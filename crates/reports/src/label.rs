//! What people read: Chinese and English words for the stable codes of reports. Machines use the codes.

use hes_model::FailureKind;

use crate::{Dimension, Exclusion, SlotState};

/// A language people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// 中文.
    Zh,
    /// English.
    En,
}

/// One thing in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Label {
    /// Chinese.
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
}

impl Label {
    /// The words in one language.
    pub const fn text(self, lang: Lang) -> &'static str {
        match lang {
            Lang::Zh => self.zh,
            Lang::En => self.en,
        }
    }
}

/// What has a name in both languages.
pub trait Labelled {
    /// Its name.
    fn label(&self) -> Label;
}

const fn both(zh: &'static str, en: &'static str) -> Label {
    Label { zh, en }
}

impl Labelled for FailureKind {
    fn label(&self) -> Label {
        match self {
            FailureKind::ChannelDown => both("通道离线", "channel down"),
            FailureKind::NoReply => both("电表无应答", "no reply"),
            FailureKind::Incomplete => both("应答不完整", "incomplete answer"),
            FailureKind::Checksum => both("校验和错误", "check sum wrong"),
            FailureKind::WrongAddress => both("应答地址不符", "answer from another address"),
            FailureKind::WrongItem => both("应答数据项不符", "answer to another question"),
            FailureKind::Refused => both("电表拒绝", "refused by the meter"),
            FailureKind::NotSupported => both("电表不支持", "not supported by the meter"),
            FailureKind::NotHeld => both("电表已无此数据", "no longer held by the meter"),
            FailureKind::Suspect => both("数据可疑", "suspect value"),
            FailureKind::Clock => both("电表时钟异常", "meter clock unusable"),
            FailureKind::Key => both("密码或密钥错误", "password or key"),
            FailureKind::Interrupted => both("采集中断", "interrupted"),
        }
    }
}

impl Labelled for Dimension {
    fn label(&self) -> Label {
        match self {
            Dimension::Area => both("台区", "area"),
            Dimension::Channel => both("通道", "channel"),
            Dimension::Reader => both("抄表员", "reader"),
            Dimension::Cause => both("原因", "cause"),
            Dimension::Protocol => both("规约", "protocol"),
            Dimension::Model => both("表型", "model"),
        }
    }
}

impl Labelled for Exclusion {
    fn label(&self) -> Label {
        match self {
            Exclusion::NotCommissioned => both("未投运", "not commissioned"),
            Exclusion::Suspended => both("已暂停", "suspended"),
            Exclusion::Retired => both("已停用", "retired"),
            Exclusion::NotInstalled => both("当日未安装", "not installed on that day"),
            Exclusion::NothingDue => both("当日无应采数据", "nothing due on that day"),
        }
    }
}

impl Labelled for SlotState {
    fn label(&self) -> Label {
        match self {
            SlotState::OnTime => both("按时采到", "on time"),
            SlotState::Late => both("补抄采到", "late"),
            SlotState::Suspect => both("数据可疑", "suspect only"),
            SlotState::GivenUp => both("放弃", "given up"),
            SlotState::Open => both("待采", "open"),
        }
    }
}
