//! Talks to a running server over its HTTP API.
//!
//! One request, one answer; nothing is retried here. What the server refuses comes back as [`Refused`] with the
//! server's own words in the chosen language.

use std::net::SocketAddr;

use anyhow::Context;
use hes_api::{ProblemBody, Token};
use reqwest::header::{ACCEPT, CONTENT_TYPE, IF_NONE_MATCH};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::{Unreachable, UsageError};
use crate::settings::Settings;
use crate::text::{Language, language, say, told};

/// Longest error body read.
const PROBLEM_MAX_BYTES: usize = 64 << 10;

/// A refusal of the server.
#[derive(Debug, thiserror::Error)]
#[error("{title}: {detail}")]
pub(crate) struct Refused {
    /// The stable name of what is wrong.
    pub(crate) code: String,
    title: String,
    detail: String,
}

/// A client of one server.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Token,
}

impl Client {
    /// A client of the server at `server`, or where the settings say it listens.
    pub(crate) fn new(settings: &Settings, server: Option<&str>) -> anyhow::Result<Self> {
        let base = server.map_or_else(|| format!("http://{}", listening(settings)), ToOwned::to_owned);
        let base = Url::parse(&base)
            .ok()
            .filter(|url| url.scheme() == "http" && url.has_host())
            .ok_or_else(|| UsageError(say::server_not_a_url(&base)))?;
        let token_file = settings.token_file();
        let token = Token::read(&token_file).map_err(|error| match error {
            // No token was ever made: no server was ever started on this data folder.
            hes_api::TokenError::File { ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                anyhow::Error::new(error).context(Unreachable { url: base.to_string() })
            }
            error => error.into(),
        })?;
        let http = reqwest::Client::builder().no_proxy().build().context("preparing the HTTP client")?;
        Ok(Self { http, base, token })
    }

    /// Gets a resource.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> anyhow::Result<T> {
        let request = self.request(Method::GET, path, query)?;
        self.answer(request).await
    }
    /// Posts a document.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> anyhow::Result<T> {
        let request = self.request(Method::POST, path, &[])?.json(body);
        self.answer(request).await
    }
    /// Puts a document in its place.
    pub(crate) async fn put<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> anyhow::Result<T> {
        let request = self.request(Method::PUT, path, &[])?.json(body);
        self.answer(request).await
    }
    /// Puts a document in its place, unless something is there already.
    pub(crate) async fn create<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> anyhow::Result<T> {
        let request = self.request(Method::PUT, path, &[])?.header(IF_NONE_MATCH, "*").json(body);
        self.answer(request).await
    }
    /// Removes a resource.
    pub(crate) async fn delete(&self, path: &[&str]) -> anyhow::Result<()> {
        let request = self.request(Method::DELETE, path, &[])?;
        self.accepted(request).await.map(drop)
    }
    /// Posts a CSV file; `media_type` may name its character set.
    pub(crate) async fn post_csv<T: DeserializeOwned>(
        &self,
        path: &[&str],
        media_type: &str,
        csv: Vec<u8>,
    ) -> anyhow::Result<T> {
        let request = self.request(Method::POST, path, &[])?.header(CONTENT_TYPE, media_type).body(csv);
        self.answer(request).await
    }
    /// Gets a resource that is streamed.
    pub(crate) async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        accept: &str,
    ) -> anyhow::Result<Response> {
        let request = self.request(Method::GET, path, query)?.header(ACCEPT, accept);
        self.accepted(request).await
    }

    fn request(&self, method: Method, path: &[&str], query: &[(&str, String)]) -> anyhow::Result<RequestBuilder> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| UsageError(say::server_not_a_url(&self.base)))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(self.http.request(method, url).bearer_auth(self.token.expose()))
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let response = self.accepted(request).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return serde_json::from_value(serde_json::Value::Null).context("the server answered with nothing");
        }
        response.json().await.context("reading the server's answer")
    }

    async fn accepted(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.map_err(|error| {
            let unreachable = error.is_connect();
            let error = anyhow::Error::new(error.without_url());
            if unreachable { error.context(Unreachable { url: self.base.to_string() }) } else { error }
        })?;
        if response.status().is_success() { Ok(response) } else { Err(refused(response).await) }
    }
}

/// Where the server of these settings listens. A port the system chose stands in the data folder while the server runs.
fn listening(settings: &Settings) -> SocketAddr {
    let configured = settings.api.listen;
    match configured.port() {
        0 => crate::server::address_of_running(&settings.data_dir.0).unwrap_or(configured),
        _ => configured,
    }
}

/// Reads a refusal. What is not problem+json is not our server.
async fn refused(mut response: Response) -> anyhow::Error {
    let status = response.status();
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        if body.len() + piece.len() > PROBLEM_MAX_BYTES {
            break;
        }
        body.extend_from_slice(&piece);
    }
    match serde_json::from_slice::<ProblemBody>(&body) {
        Ok(problem) => {
            let title = match language() {
                Language::English => problem.title,
                Language::Chinese => problem.title_zh,
            };
            Refused { code: problem.code, title, detail: told(problem.detail) }.into()
        }
        Err(_) => anyhow::anyhow!(say::server_not_ours(status)),
    }
}
