//! The channel to another service.

use std::{
    error::Error as _,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use http::{
    HeaderValue, Request, Response,
    header::{AUTHORIZATION, InvalidHeaderValue},
};
use secrecy::ExposeSecret as _;
use tonic::{
    Code, Status, TimeoutExpired,
    body::Body,
    transport::{self, Certificate, ClientTlsConfig, Endpoint, Identity},
};
use tower::Service;
use tracing::Instrument as _;

use super::{
    config::ClientConfig,
    methods::Method,
    observe::{self, Side},
    timeout::TIMEOUT,
};
use crate::trace;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVE: Duration = Duration::from_secs(20);

/// A lazy, reconnecting channel; cheap to clone: `MirrorServiceClient::new(channel.clone())`.
///
/// Adds the bearer token, the trace context and the default deadline. A request that sets its own
/// (`tonic::Request::set_timeout`) keeps it: do that for uploads that may take long. The deadline
/// is about the answer's beginning, so a stream one reads lasts as long as it likes.
#[derive(Clone, Debug)]
pub struct Channel {
    inner: transport::Channel,
    authorization: HeaderValue,
    /// The default deadline as the `grpc-timeout` header says it.
    timeout: HeaderValue,
}

/// Why there is no channel. That the other side is away is no reason: calls say so.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The token cannot be a header.
    #[error("the token has characters a header cannot carry")]
    Token(#[source] InvalidHeaderValue),
    /// The authority's certificate cannot be used.
    #[error("failed to set up TLS to {host}")]
    Tls {
        /// The other side.
        host: String,
        /// Why.
        #[source]
        source: transport::Error,
    },
}

/// A channel as configured. Connects at the first call.
pub fn connect(config: &ClientConfig) -> Result<Channel, ConnectError> {
    let bearer = format!("Bearer {}", config.token.expose_secret());
    let mut authorization = HeaderValue::try_from(bearer).map_err(ConnectError::Token)?;
    authorization.set_sensitive(true);

    let mut endpoint = Endpoint::from(config.url.clone())
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true);
    if config.url.scheme_str() == Some("https") {
        endpoint = endpoint
            .tls_config(client_tls(config))
            .map_err(|source| ConnectError::Tls {
                host: config.url.host().unwrap_or_default().to_owned(),
                source,
            })?;
    }
    Ok(Channel {
        inner: endpoint.connect_lazy(),
        authorization,
        timeout: grpc_timeout(config.timeout),
    })
}

fn client_tls(config: &ClientConfig) -> ClientTlsConfig {
    let tls = match &config.ca {
        Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)),
        None => ClientTlsConfig::new().with_enabled_roots(),
    };
    match &config.identity {
        Some(own) => tls.identity(Identity::from_pem(
            &own.certificate,
            own.key.expose_secret(),
        )),
        None => tls,
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(context).map_err(status)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The one that was polled ready is the one to call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);

        let method = method(request.uri().path());
        let span = observe::span(Side::Client, &method);
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers
            .entry(TIMEOUT)
            .or_insert_with(|| self.timeout.clone());
        trace::pass_on(&span, headers);

        let recorded = span.clone();
        let work = async move {
            let started = Instant::now();
            let result = inner.call(request).await.map_err(status);
            let code = match &result {
                Ok(response) => observe::code(response.headers()),
                Err(status) => status.code(),
            };
            observe::finished(Side::Client, &recorded, &method, code, started.elapsed());
            result
        };
        Box::pin(work.instrument(span))
    }
}

/// The rpc we call. Our own code names it, so it is fit for a label.
fn method(path: &str) -> Method {
    let (service, name) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or((path, ""));
    Method {
        service: service.to_owned(),
        name: name.to_owned(),
        unary: false,
    }
}

/// Milliseconds are fine enough; the header has room for eight digits, which is a day.
fn grpc_timeout(timeout: Duration) -> HeaderValue {
    let millis = u32::try_from(timeout.as_millis())
        .unwrap_or(u32::MAX)
        .min(99_999_999);
    // Cannot fail: digits and a letter are always a header.
    HeaderValue::try_from(format!("{millis}m")).unwrap_or(HeaderValue::from_static("10S"))
}

/// tonic calls an expired deadline `CANCELLED`; callers look for `DEADLINE_EXCEEDED`.
fn status(error: transport::Error) -> Status {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<TimeoutExpired>() {
            return Status::new(Code::DeadlineExceeded, "the rpc took too long");
        }
        source = cause.source();
    }
    Status::from_error(Box::new(error))
}
