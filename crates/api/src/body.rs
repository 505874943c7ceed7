//! Request bodies: bounded in size before they are kept, and in time between their pieces.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;

use crate::dto::archive::Encoding;
use crate::import::encoding_named;
use crate::state::Shared;
use crate::{Code, Problem};

/// A JSON body, checked against its type.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned> FromRequest<Shared> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Problem> {
        require_media_type(request.headers(), &["application/json"])?;
        let body = read(request, state.config.body_max_bytes, state).await?;
        let parsed = serde_json::from_slice(&body);
        parsed.map(Self).map_err(|error| Problem::new(Code::InvalidBody, error.to_string()))
    }
}

/// A JSON body that may be missing altogether, which is the type's default.
#[derive(Debug)]
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned + Default> FromRequest<Shared> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Problem> {
        let named = request.headers().contains_key(header::CONTENT_TYPE);
        if named {
            require_media_type(request.headers(), &["application/json"])?;
        }
        let body = read(request, state.config.body_max_bytes, state).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        let parsed = serde_json::from_slice(&body);
        parsed.map(Self).map_err(|error| Problem::new(Code::InvalidBody, error.to_string()))
    }
}

/// A CSV file as the body.
#[derive(Debug)]
pub(crate) struct CsvBody {
    pub(crate) file: Bytes,
    /// What the client says its text is written in: `charset` of the media type.
    pub(crate) encoding: Option<Encoding>,
}

impl FromRequest<Shared> for CsvBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Problem> {
        require_media_type(request.headers(), &["text/csv"])?;
        let encoding = charset(request.headers())?;
        let file = read(request, state.config.import_max_bytes, state).await?;
        Ok(Self { file, encoding })
    }
}

fn require_media_type(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if accepted.iter().any(|a| a.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    Err(Problem::new(Code::MediaType, format!("Content-Type must be {}, found {essence:?}", accepted.join(" or "))))
}

/// The encoding that the media type names, if it names one.
fn charset(headers: &HeaderMap) -> Result<Option<Encoding>, Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let parameters = given.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let Some((_, charset)) = parameters.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
    else {
        return Ok(None);
    };
    let charset = charset.trim().trim_matches('"');
    let unknown = || {
        let detail = format!("charset {charset:?} is not read here; accepted are utf-8, gbk, gb2312, gb18030");
        Problem::new(Code::MediaType, detail)
    };
    encoding_named(charset).map(Some).ok_or_else(unknown)
}

/// Collects a body of at most `max` bytes whose pieces arrive in time.
async fn read(request: Request, max: u64, state: &Shared) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Code::BodyTooLarge, format!("more than the {max} bytes accepted here"));
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|n| n > max) {
        return Err(too_large());
    }
    let mut body: Body = request.into_body();
    let mut collected = Vec::new();
    loop {
        let frame = tokio::time::timeout(state.config.read_timeout(), body.frame()).await;
        let frame = frame.map_err(|_| Problem::new(Code::BodyTimeout, "the body stopped arriving"))?;
        let Some(frame) = frame else { return Ok(collected.into()) };
        let frame = frame.map_err(|error| Problem::new(Code::InvalidBody, error.to_string()))?;
        let Ok(piece) = frame.into_data() else { continue };
        if u64::try_from(collected.len() + piece.len()).unwrap_or(u64::MAX) > max {
            return Err(too_large());
        }
        collected.extend_from_slice(&piece);
    }
}
