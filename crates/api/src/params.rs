//! Query and path parameters. What is unknown or not readable is named, never ignored.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use hes_model::{Obis, UtcMicros, registers};
use hes_store::Calendar;
use jiff::civil::Date;

use crate::state::Shared;
use crate::{Code, Problem};

/// The query, checked against its type.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned + Send> FromRequestParts<Shared> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &Shared) -> Result<Self, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(params)| Self(params)).map_err(|refused| {
            let text = refused.body_text();
            let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            Problem::new(Code::InvalidParameter, reason.to_owned())
        })
    }
}

/// The one variable part of a path, parsed as `T`. What does not parse names nothing that exists: `CODE` of the caller.
#[derive(Debug)]
pub(crate) struct Named<T>(pub(crate) T);

impl<T: FromStr<Err: std::fmt::Display> + Send> FromRequestParts<Shared> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|refused| Problem::new(Code::InvalidParameter, refused.body_text()))?;
        text.parse().map(Self).map_err(|why| Problem::new(Code::InvalidParameter, format!("{text:?}: {why}")))
    }
}

/// A register by OBIS code or alias.
pub(crate) fn register(name: &str) -> Result<Obis, Problem> {
    if let Some(known) = registers().by_name(name) {
        return Ok(known.obis);
    }
    name.parse().map_err(|_| {
        let shown: String = name.chars().take(64).collect();
        Problem::new(
            Code::UnknownRegister,
            format!("{shown:?} is neither an alias, as import_active_total, nor an OBIS code, as 1.0.1.8.0.255"),
        )
    })
}

/// A time given as a day (its 00:00 in the utility's zone) or as an instant in RFC 3339.
pub(crate) fn instant(name: &'static str, text: &str, calendar: &Calendar) -> Result<UtcMicros, Problem> {
    if let Ok(day) = text.parse::<Date>()
        && text.len() <= "-009999-01-01".len()
        && !text.contains('T')
    {
        return Ok(calendar.day_start(day));
    }
    let parsed = text.parse::<jiff::Timestamp>();
    parsed
        .map(UtcMicros::from)
        .map_err(|_| Problem::parameter(name, "accepted are a day, 2026-07-01, or an instant, 2026-07-01T00:00:00Z"))
}
