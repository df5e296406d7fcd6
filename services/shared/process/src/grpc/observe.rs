//! A span and a duration per rpc, on both sides.

use std::{sync::LazyLock, time::Duration};

use opentelemetry::{KeyValue, global, metrics::Histogram};
use tonic::Code;
use tracing::{Span, field::Empty};

use super::methods::Method;

const BOUNDARIES: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

static SERVER: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    histogram(
        "rpc.server.duration",
        "Time to the answer of an rpc, or to the start of its stream",
    )
});
static CLIENT: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    histogram(
        "rpc.client.duration",
        "Time until an rpc we called answered, or began its stream",
    )
});

fn histogram(name: &'static str, description: &'static str) -> Histogram<f64> {
    global::meter("roomsync")
        .f64_histogram(name)
        .with_description(description)
        .with_unit("s")
        .with_boundaries(BOUNDARIES.to_vec())
        .build()
}

/// Which side of an rpc we are.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Server,
    Client,
}

/// The span of one rpc; `caller` and the code are filled in when they are known.
pub(super) fn span(side: Side, method: &Method) -> Span {
    let kind = match side {
        Side::Server => "server",
        Side::Client => "client",
    };
    tracing::info_span!(
        "rpc",
        otel.name = format!("{}/{}", method.service, method.name),
        otel.kind = kind,
        rpc.system = "grpc",
        rpc.service = method.service,
        rpc.method = method.name,
        rpc.grpc.status_code = Empty,
        caller = Empty,
    )
}

/// Records how an rpc went.
pub(super) fn finished(side: Side, span: &Span, method: &Method, code: Code, took: Duration) {
    span.record("rpc.grpc.status_code", code as i32);
    let labels = [
        KeyValue::new("rpc.service", method.service.clone()),
        KeyValue::new("rpc.method", method.name.clone()),
        KeyValue::new("rpc.grpc.status_code", i64::from(code as i32)),
    ];
    let histogram = match side {
        Side::Server => &SERVER,
        Side::Client => &CLIENT,
    };
    histogram.record(took.as_secs_f64(), &labels);
    // The fault is ours only for these; everything else is an answer, and the caller's to log.
    let fault = matches!(code, Code::Internal | Code::Unknown | Code::DataLoss);
    if fault && matches!(side, Side::Server) {
        span.in_scope(|| tracing::warn!(code = ?code, "rpc failed"));
    }
}

/// The code of an answer. A unary rpc that fails says so in the headers; one that has begun to
/// answer is taken for well.
pub(super) fn code(headers: &http::HeaderMap) -> Code {
    headers
        .get("grpc-status")
        .map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}
