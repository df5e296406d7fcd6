use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    trace::{SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use roomsync_messages::LinkDue;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{Scratch, Script, eventually, link_due};

#[derive(Debug, Clone, Default)]
struct Ended(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Ended {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().expect("no test panicked").push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[tokio::test]
async fn the_consumers_span_is_named_after_the_message_and_linked_to_the_producers() {
    let ended = Ended::default();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(ended.clone())
        .build();
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("spec"));
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|_: &LinkDue, _| Ok(()));
    scratch.consume(&broker, &handler);

    let producer = tracing::info_span!("produce");
    let context = producer.context().span().span_context().clone();
    broker
        .publisher()
        .publish(&link_due(1))
        .instrument(producer)
        .await
        .unwrap();

    let consumer = eventually("the consumer's span", async || {
        ended
            .0
            .lock()
            .unwrap()
            .iter()
            .find(|span| span.name == "consume link.due")
            .cloned()
    })
    .await;
    assert_ne!(
        consumer.span_context.trace_id(),
        context.trace_id(),
        "linked, not a child"
    );
    let linked: Vec<_> = consumer
        .links
        .iter()
        .map(|link| link.span_context.span_id())
        .collect();
    assert_eq!(linked, [context.span_id()]);
    scratch.end().await;
}
