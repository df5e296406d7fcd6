//! The routes, and how a push is answered.
//!
//! Refusals that cost nothing come first: sizes, then the token. Only a push of ours takes one of the
//! places in flight, so strangers cannot fill them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header};
use roomsync_broker::Publisher;
use roomsync_domain::{SharedClock, channel_token::ChannelTokens};
use roomsync_messages::CalendarChanged;
use tokio::{sync::Semaphore, time::timeout};
use tracing::Instrument as _;

use crate::{
    config::HttpConfig,
    metrics::{Metrics, Outcome},
    push::{self, Push, Refused},
};

/// What the handler needs.
#[derive(Clone)]
struct Ingest(Arc<Inner>);

struct Inner {
    tokens: ChannelTokens,
    publisher: Publisher,
    clock: SharedClock,
    metrics: Metrics,
    in_flight: Semaphore,
    max_header_bytes: usize,
    max_body_bytes: usize,
    body_timeout: Duration,
    confirm_timeout: Duration,
}

/// All routes.
pub(crate) fn routes(
    config: &HttpConfig,
    tokens: ChannelTokens,
    publisher: Publisher,
    clock: SharedClock,
) -> Router {
    let ingest = Ingest(Arc::new(Inner {
        tokens,
        publisher,
        clock,
        metrics: Metrics::new(),
        in_flight: Semaphore::new(config.max_in_flight),
        max_header_bytes: config.max_header_bytes,
        max_body_bytes: config.max_body_bytes,
        body_timeout: config.body_timeout,
        confirm_timeout: config.confirm_timeout,
    }));
    Router::new()
        .route("/google/calendar/push", post(receive))
        .route("/robots.txt", get(robots))
        .with_state(ingest)
}

/// Google's pushes honour the host's robots.txt: say that they may come.
async fn robots() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain")],
        "User-agent: *\nAllow: /\n",
    )
}

async fn receive(State(Ingest(ingest)): State<Ingest>, request: Request) -> Response {
    // A trace of its own for each push: a connection may carry thousands.
    let span = tracing::info_span!(
        parent: None,
        "google push",
        otel.kind = "server",
        calendar = tracing::field::Empty,
        channel = tracing::field::Empty,
        outcome = tracing::field::Empty,
    );
    async {
        let (status, outcome) = ingest.answer(request).await;
        tracing::Span::current().record("outcome", outcome.as_str());
        ingest.metrics.count(outcome);
        status.into_response()
    }
    .instrument(span)
    .await
}

impl Inner {
    async fn answer(&self, request: Request) -> (StatusCode, Outcome) {
        let (head, body) = request.into_parts();
        if size(&head.headers) > self.max_header_bytes {
            return (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                Outcome::Oversized,
            );
        }
        if announced(&head.headers).is_some_and(|length| length > self.max_body_bytes) {
            return (StatusCode::PAYLOAD_TOO_LARGE, Outcome::Oversized);
        }
        let push = match push::read(&head.headers, &self.tokens) {
            Ok(push) => push,
            Err(Refused::Foreign) => return (StatusCode::NOT_FOUND, Outcome::Foreign),
            Err(Refused::Malformed(header)) => {
                tracing::debug!(header, "a push was malformed");
                return (StatusCode::BAD_REQUEST, Outcome::Malformed);
            }
        };
        let span = tracing::Span::current();
        span.record("calendar", tracing::field::display(push.calendar));
        span.record("channel", tracing::field::display(push.channel));
        let Ok(_place) = self.in_flight.try_acquire() else {
            return (StatusCode::SERVICE_UNAVAILABLE, Outcome::Overloaded);
        };
        if let Err(status) = self.drain(body).await {
            return (status, Outcome::Oversized);
        }
        self.publish(push).await
    }

    /// Reads the body, which says nothing, so that the connection can go on after it.
    async fn drain(&self, body: Body) -> Result<(), StatusCode> {
        match timeout(self.body_timeout, to_bytes(body, self.max_body_bytes)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
        }
    }

    async fn publish(&self, push: Push) -> (StatusCode, Outcome) {
        let (sync, number) = (push.sync, push.number);
        let message = CalendarChanged {
            calendar: push.calendar,
            channel: push.channel,
            resource: push.resource,
            sync,
            received_at: self.clock.now(),
        };
        let started = Instant::now();
        let unconfirmed = (StatusCode::SERVICE_UNAVAILABLE, Outcome::Unconfirmed);
        match timeout(self.confirm_timeout, self.publisher.publish(&message)).await {
            Ok(Ok(())) => {
                self.metrics.confirmed(started.elapsed());
                tracing::debug!(sync, number, "a push is on the queue");
                (
                    StatusCode::OK,
                    if sync {
                        Outcome::Sync
                    } else {
                        Outcome::Accepted
                    },
                )
            }
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "a push could not be published; answering 503");
                unconfirmed
            }
            Err(_) => {
                tracing::warn!("a push was not confirmed in time; answering 503");
                unconfirmed
            }
        }
    }
}

/// Size of the header section, as it came.
fn size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

/// The length that the body is said to have.
fn announced(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
