//! The client: one connection pool, deadlines, and what every call has in common.

use std::{fmt, sync::Arc, time::Instant};

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Proxy, RequestBuilder, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tracing::Instrument as _;
use url::Url;

use crate::{
    GoogleConfig, GoogleError, OddItem, answer::Answer, call::Call, classify::classify,
    id_token::Keys,
};

/// In whose name, and on whose account of the quota, a call is made.
#[derive(Debug, Clone)]
pub struct Access {
    /// The access token.
    pub token: SecretString,
    /// Sent as `quotaUser`, at most 40 characters: without it, delegated calls of all subjects count
    /// on the service account.
    pub quota_user: String,
}

/// Google's APIs. Cheap to clone.
#[derive(Clone)]
pub struct Google(Arc<Inner>);

struct Inner {
    http: Client,
    config: GoogleConfig,
    id_token_keys: Keys,
    calls: Histogram<f64>,
    odd_items: Counter<u64>,
}

impl fmt::Debug for Google {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Google").finish_non_exhaustive()
    }
}

/// Everything but letters, digits, `-` and `_` is encoded in a part of a path.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

impl Google {
    /// A client. Fails only when the machine has no usable TLS set-up, or the proxy is none.
    pub fn new(config: &GoogleConfig) -> Result<Self, GoogleError> {
        let builder = Client::builder()
            .timeout(config.timeout)
            .connect_timeout(config.connect_timeout)
            // Google does not redirect; a token must not travel to where somebody else points.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("roomsync/", env!("CARGO_PKG_VERSION")));
        let builder = match &config.proxy_url {
            Some(url) => builder.proxy(Proxy::all(url.clone()).map_err(GoogleError::unreachable)?),
            None => builder.no_proxy(),
        };
        let meter = global::meter("roomsync");
        Ok(Self(Arc::new(Inner {
            http: builder.build().map_err(GoogleError::unreachable)?,
            config: config.clone(),
            id_token_keys: Keys::default(),
            calls: meter
                .f64_histogram("roomsync.google.call.duration")
                .with_unit("s")
                .with_description("Calls to Google, by method and outcome")
                .build(),
            odd_items: meter
                .u64_counter("roomsync.google.odd_items")
                .with_description("Items of Google's answers that could not be read")
                .build(),
        })))
    }

    /// The configuration that the client was made with.
    pub fn config(&self) -> &GoogleConfig {
        &self.0.config
    }

    pub(crate) fn id_token_keys(&self) -> &Keys {
        &self.0.id_token_keys
    }

    pub(crate) fn http(&self) -> &Client {
        &self.0.http
    }

    /// An address of the Calendar API. Each part is encoded as a whole.
    pub(crate) fn calendar_url(&self, parts: &[&str]) -> Result<Url, GoogleError> {
        // An address is normalised where it is parsed: parts of dots would climb to another method.
        if parts.iter().any(|part| part.bytes().all(|b| b == b'.')) {
            return Err(GoogleError::NotFound);
        }
        let parts: Vec<_> = parts
            .iter()
            .map(|it| utf8_percent_encode(it, PART).to_string())
            .collect();
        join(&self.0.config.calendar_url, &parts.join("/"))
    }

    pub(crate) fn directory_url(&self, path: &str) -> Result<Url, GoogleError> {
        join(&self.0.config.directory_url, path)
    }

    /// The address of a person in the Directory.
    pub(crate) fn user_url(&self, user: &str) -> Result<Url, GoogleError> {
        if user.bytes().all(|b| b == b'.') {
            return Err(GoogleError::NotFound);
        }
        let user = utf8_percent_encode(user, PART);
        self.directory_url(&format!("admin/directory/v1/users/{user}"))
    }

    /// One authorised call; the body of a good answer.
    pub(crate) async fn call(
        &self,
        call: Call,
        access: &Access,
        request: RequestBuilder,
    ) -> Result<Vec<u8>, GoogleError> {
        let request = request
            .bearer_auth(access.token.expose_secret())
            .query(&[("quotaUser", &access.quota_user)]);
        self.measured(call, async {
            let answer = self.send(request).await?;
            if answer.status.is_success() {
                return Ok(answer.body);
            }
            Err(classify(
                call,
                answer.status,
                answer.retry_after,
                &answer.body,
            ))
        })
        .await
    }

    /// One authorised call; the JSON of a good answer.
    pub(crate) async fn call_json<T: DeserializeOwned>(
        &self,
        call: Call,
        access: &Access,
        request: RequestBuilder,
    ) -> Result<T, GoogleError> {
        let body = self.call(call, access, request).await?;
        serde_json::from_slice(&body)
            .map_err(|_| GoogleError::Unreadable("not the JSON that was expected"))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Answer, GoogleError> {
        let response = request.send().await.map_err(GoogleError::unreachable)?;
        Answer::read(response, self.0.config.max_answer_bytes).await
    }

    /// Runs a call in its span and measures it.
    pub(crate) async fn measured<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, GoogleError>>,
    ) -> Result<T, GoogleError> {
        let method = call.as_str();
        let span = tracing::info_span!(
            "google",
            otel.name = format!("google {method}"),
            otel.kind = "client",
            google.method = method,
            outcome = tracing::field::Empty,
        );
        let started = Instant::now();
        let result = work.instrument(span.clone()).await;
        let outcome = result.as_ref().map_or_else(GoogleError::kind, |_| "ok");
        span.record("outcome", outcome);
        self.0.calls.record(
            started.elapsed().as_secs_f64(),
            &[
                KeyValue::new("method", method),
                KeyValue::new("outcome", outcome),
            ],
        );
        result
    }

    /// Counts what could not be read, and says so once per answer.
    pub(crate) fn count_odd(&self, call: Call, odd: &[OddItem]) {
        for item in odd {
            let labels = [
                KeyValue::new("method", call.as_str()),
                KeyValue::new("why", item.why.as_str()),
            ];
            self.0.odd_items.add(1, &labels);
        }
        if let Some(first) = odd.first() {
            tracing::warn!(
                google.method = call.as_str(),
                count = odd.len(),
                why = first.why.as_str(),
                "items of google's answer could not be read; the others are used",
            );
        }
    }
}

fn join(base: &Url, path: &str) -> Result<Url, GoogleError> {
    base.join(path).map_err(|_| GoogleError::NotFound)
}
