//! Errors as clients see them: problem+json (RFC 9457) with a stable `code`. The mapping table is [`Code::row`].
//!
//! Nothing of the database's own words leaves the server; they go to the log, where an operator finds them.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hes_store::StoreError;

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Seconds after which a client that was told `busy` may ask again.
const RETRY_AFTER_SECONDS: &str = "2";

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $en:literal, $zh:literal;)*) => {
        /// Every kind of error the API answers with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }
        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];
            /// The stable name, the HTTP status, and what people read in English and Chinese.
            pub const fn row(self) -> (&'static str, StatusCode, &'static str, &'static str) {
                match self { $(Code::$name => ($code, StatusCode::$status, $en, $zh),)* }
            }
        }
    };
}

codes! {
    /// No token, or not the right one.
    Unauthorized = "unauthorized", UNAUTHORIZED, "access token missing or wrong", "缺少访问令牌或令牌错误";
    /// The `Host` header names another machine.
    HostRefused = "host_refused", FORBIDDEN, "the server answers on loopback names only", "服务器只接受本机地址";
    /// A page of another site.
    OriginRefused = "origin_refused", FORBIDDEN, "pages of other sites may not use this server", "不接受其他网站页面的请求";
    /// No such route.
    UnknownRoute = "unknown_route", NOT_FOUND, "no such route", "没有此接口";
    /// The route exists, the method does not.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "method not allowed here", "此接口不支持该方法";
    /// A parameter of the query or path is missing, unknown or not readable.
    InvalidParameter = "invalid_parameter", BAD_REQUEST, "parameter not accepted", "参数不正确";
    /// The body is not what the route takes.
    InvalidBody = "invalid_body", BAD_REQUEST, "request body not readable", "请求内容无法解析";
    /// The body's media type is not what the route takes.
    MediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "media type not accepted", "不支持的内容类型";
    /// The body is larger than the configured limit.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "request body too large", "请求内容过大";
    /// The body did not arrive in time.
    BodyTimeout = "body_timeout", REQUEST_TIMEOUT, "request body did not arrive in time", "请求内容传送超时";
    /// The head line of a CSV file is not usable, so no row was looked at.
    CsvHeader = "csv_header", UNPROCESSABLE_ENTITY, "head line of the CSV file not accepted", "CSV表头不正确";
    /// The plan breaks a rule.
    PlanInvalid = "plan_invalid", UNPROCESSABLE_ENTITY, "plan not accepted", "采集任务不正确";
    /// No such meter.
    UnknownMeter = "unknown_meter", NOT_FOUND, "no such meter", "没有此电表";
    /// No such plan.
    UnknownPlan = "unknown_plan", NOT_FOUND, "no such plan", "没有此采集任务";
    /// No such on-demand read.
    UnknownRead = "unknown_read", NOT_FOUND, "no such on-demand read", "没有此召测任务";
    /// No such reading.
    UnknownReading = "unknown_reading", NOT_FOUND, "no such reading", "没有此读数";
    /// No such channel.
    UnknownChannel = "unknown_channel", NOT_FOUND, "no such channel", "没有此通道";
    /// No such register.
    UnknownRegister = "unknown_register", NOT_FOUND, "no such register", "没有此数据项";
    /// No such service point.
    UnknownServicePoint = "unknown_service_point", NOT_FOUND, "no such service point", "没有此用电点";
    /// The meter has no channel, so nobody can ask it.
    MeterNotReadable = "meter_not_readable", CONFLICT, "meter cannot be asked as it stands in the archive", "按档案无法召测此电表";
    /// The same thing is being done already.
    Conflict = "conflict", CONFLICT, "in conflict with what is there", "与现有数据冲突";
    /// Too much in work.
    Busy = "busy", SERVICE_UNAVAILABLE, "too much in work, ask again shortly", "服务器繁忙,请稍后再试";
    /// Took too long.
    TimedOut = "timed_out", GATEWAY_TIMEOUT, "not answered in time", "处理超时";
    /// The database does not answer.
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE, "database does not answer", "数据库不可用";
    /// The disk is full.
    DiskFull = "disk_full", INSUFFICIENT_STORAGE, "disk full", "磁盘已满";
    /// The backup was not written.
    BackupFailed = "backup_failed", INTERNAL_SERVER_ERROR, "backup not written", "备份失败";
    /// A defect of the server.
    Internal = "internal", INTERNAL_SERVER_ERROR, "internal error, see the server's log", "服务器内部错误,请查看日志";
}

impl Code {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        self.row().0
    }
}

/// One error, ready to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
}

impl Problem {
    /// An error with a detail that tells what to do next.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }
    /// A parameter that was not accepted, with the reason.
    pub fn parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Self::new(Code::InvalidParameter, format!("{name}: {why}"))
    }
    /// What happened and what to do next.
    pub fn detail(&self) -> &str {
        &self.detail
    }
    /// Which kind it is.
    pub fn code(&self) -> Code {
        self.code
    }
}

/// What the store could not do, in words that leak nothing of the database. The details are logged here, once.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Database(_) | StoreError::Closed => Code::StoreUnavailable,
            StoreError::Full => Code::DiskFull,
            StoreError::Corrupt { .. } | StoreError::NoSuchProof { .. } | StoreError::Sealed { .. } => Code::Internal,
            StoreError::NoSuchMeter { .. } | StoreError::NoSuchMeterRow { .. } => Code::UnknownMeter,
            StoreError::NoSuchPlan { .. } => Code::UnknownPlan,
            StoreError::Plan(rule) => return Self::new(Code::PlanInvalid, rule.to_string()),
            StoreError::NotASlot { .. } => Code::InvalidParameter,
            StoreError::Conflict(_) => Code::Conflict,
            StoreError::Busy { .. } => Code::Busy,
        };
        if matches!(code, Code::Internal | Code::StoreUnavailable | Code::DiskFull) {
            tracing::error!(error = &error as &dyn std::error::Error, "the store failed a request");
        }
        match error {
            StoreError::Database(_) => Self::new(code, "the database failed; see the server's log"),
            told => Self::new(code, told.to_string()),
        }
    }
}

/// What goes over the wire, both ways: the client reads it with the same type.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProblemBody {
    /// `urn:hes:problem:CODE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// English title of the code.
    pub title: String,
    /// Chinese title of the code.
    pub title_zh: String,
    /// HTTP status.
    pub status: u16,
    /// The stable name.
    pub code: String,
    /// What happened this time and what to do next.
    pub detail: String,
}

impl From<&Problem> for ProblemBody {
    fn from(problem: &Problem) -> Self {
        let (code, status, title, title_zh) = problem.code.row();
        Self {
            kind: format!("urn:hes:problem:{code}"),
            title: title.to_owned(),
            title_zh: title_zh.to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: problem.detail.clone().into_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.code.row().1, Json(ProblemBody::from(&self))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        match self.code {
            Code::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::Busy | Code::StoreUnavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_every_one_is_an_error() {
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            let (name, status, en, zh) = code.row();
            assert!(status.is_client_error() || status.is_server_error(), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert!(en.is_ascii() && !zh.is_ascii(), "{name}");
        }
    }
}
