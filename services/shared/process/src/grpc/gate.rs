//! What every request to a listener goes through: span, access, deadline, measurement.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use tonic::{Status, body::Body};
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::{
    Access,
    methods::{Method, Methods},
    observe::{self, Side},
    timeout::{TIMEOUT, timeout},
};
use crate::trace;

/// The deadline of a unary rpc whose caller sets none.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);
/// tonic ends a call at its caller's deadline, too, but as `CANCELLED`, which reads as if the caller had changed
/// its mind: we are a moment earlier.
const BEFORE_TONIC: Duration = Duration::from_millis(5);

#[derive(Clone)]
pub(super) struct Gate {
    pub(super) access: Access,
    pub(super) methods: Arc<Methods>,
}

#[derive(Clone)]
pub(super) struct Gated<S> {
    gate: Gate,
    inner: S,
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated {
            gate: self.clone(),
            inner,
        }
    }
}

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The one that was polled ready is the one to call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let gate = self.gate.clone();

        let method = gate.methods.at(request.uri().path());
        let span = observe::span(Side::Server, &method);
        trace::continue_from(&span, request.headers());
        let recorded = span.clone();
        let work = async move {
            let started = Instant::now();
            let admitted = gate
                .access
                .admit(request.uri().path(), request.headers().get(AUTHORIZATION));
            let response = match admitted {
                Err(status) => status.into_http(),
                Ok(caller) => {
                    if let Some(caller) = caller {
                        recorded.record("caller", caller.name.as_str());
                        request.extensions_mut().insert(caller);
                    }
                    let deadline = deadline(&method, request.headers());
                    answer(inner.call(request), deadline).await?
                }
            };
            let code = observe::code(response.headers());
            observe::finished(Side::Server, &recorded, &method, code, started.elapsed());
            Ok(response)
        };
        Box::pin(work.instrument(span))
    }
}

/// How long the answer may take: a caller's own deadline holds, and a stream may last.
fn deadline(method: &Method, headers: &HeaderMap) -> Option<Duration> {
    let named = headers.get(TIMEOUT).and_then(|value| value.to_str().ok());
    match timeout(named) {
        Some(named) => Some(named.saturating_sub(BEFORE_TONIC)),
        None => method.unary.then_some(DEFAULT_DEADLINE),
    }
}

async fn answer(
    call: impl Future<Output = Result<Response<Body>, Infallible>>,
    deadline: Option<Duration>,
) -> Result<Response<Body>, Infallible> {
    let Some(deadline) = deadline else {
        return call.await;
    };
    match tokio::time::timeout(deadline, call).await {
        Ok(response) => response,
        Err(_) => Ok(Status::deadline_exceeded("the rpc took too long").into_http()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::unary(true, None, Some(DEFAULT_DEADLINE))]
    #[case::unary_with_its_own(true, Some("5S"), Some(Duration::from_millis(4_995)))]
    #[case::unary_with_none_that_can_be_read(true, Some("soon"), Some(DEFAULT_DEADLINE))]
    #[case::unary_with_too_many_digits(true, Some("123456789S"), Some(DEFAULT_DEADLINE))]
    #[case::unary_with_an_empty_one(true, Some(""), Some(DEFAULT_DEADLINE))]
    #[case::stream(false, None, None)]
    #[case::stream_with_its_own(false, Some("5S"), Some(Duration::from_millis(4_995)))]
    #[case::next_to_nothing(true, Some("1n"), Some(Duration::ZERO))]
    fn a_caller_s_deadline_holds_and_a_unary_rpc_without_one_gets_one(
        #[case] unary: bool,
        #[case] timeout: Option<&'static str>,
        #[case] expected: Option<Duration>,
    ) {
        let method = Method {
            service: "a.B".to_owned(),
            name: "C".to_owned(),
            unary,
        };
        let mut headers = HeaderMap::new();
        if let Some(timeout) = timeout {
            headers.insert("grpc-timeout", http::HeaderValue::from_static(timeout));
        }
        assert_eq!(deadline(&method, &headers), expected);
    }

    #[tokio::test]
    async fn an_rpc_that_takes_too_long_is_told_so() {
        let response = answer(std::future::pending(), Some(Duration::from_millis(1)))
            .await
            .unwrap();
        assert_eq!(
            observe::code(response.headers()),
            tonic::Code::DeadlineExceeded
        );
    }
}
