//! Trace context on its way between processes, in the W3C form.
//!
//! All of it works through OpenTelemetry's global propagator, which this crate installs; crates
//! that do not know this one (broker, postgres) use that global directly.

use std::collections::HashMap;

use opentelemetry::{
    Context, global,
    propagation::{Extractor, Injector},
    trace::TraceContextExt as _,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const TRACEPARENT: &str = "traceparent";

/// The `traceparent` of the current span; `None` outside a trace.
pub fn inject() -> Option<String> {
    let mut carrier = HashMap::new();
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut carrier));
    carrier.remove(TRACEPARENT)
}

/// The trace context a `traceparent` names; empty when it is not one.
pub fn extract(traceparent: &str) -> Context {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &carrier)
    })
}

/// Links `span` to the trace that caused it, without becoming its child: for work that happens
/// later than, or together with, other work. A `traceparent` that is none changes nothing.
pub fn link(span: &Span, traceparent: &str) {
    let cause = extract(traceparent).span().span_context().clone();
    if cause.is_valid() {
        span.add_link(cause);
    }
}

/// Makes `span` a child of the trace in `headers`, when there is one.
pub(crate) fn continue_from(span: &Span, headers: &http::HeaderMap) {
    let context = global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &FromHeaders(headers))
    });
    if context.span().span_context().is_valid() {
        // Fails only when there is no OpenTelemetry layer, and then there is no trace to continue.
        let _ = span.set_parent(context);
    }
}

/// Writes the trace of `span` into `headers`.
pub(crate) fn pass_on(span: &Span, headers: &mut http::HeaderMap) {
    let context = span.context();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut IntoHeaders(headers));
    });
}

struct FromHeaders<'a>(&'a http::HeaderMap);

impl Extractor for FromHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct IntoHeaders<'a>(&'a mut http::HeaderMap);

impl Injector for IntoHeaders<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(key), value.try_into()) {
            self.0.insert(name, value);
        }
    }
}
