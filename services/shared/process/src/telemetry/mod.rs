//! Logs, traces and metrics.
//!
//! Meters and the trace propagator are OpenTelemetry's globals, so that every crate can use them
//! without knowing this one: `opentelemetry::global::meter("roomsync")`. Make instruments lazily
//! (`LazyLock`): one made before the harness has started stays silent for ever.
//!
//! Never a mail address, a title or a token in a log line, a span or a label; identifiers are
//! fields. A label has few values: names of rpcs, queues and transactions, never ids.

pub(crate) mod logs;
mod metrics;
mod traces;

use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing_subscriber::{
    Layer as _, filter::LevelFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

pub(crate) use metrics::render;

use crate::config::TelemetryConfig;

/// Sets the globals that have no settings: the W3C propagator and the meter provider. Safe to call
/// often; [`crate::main`] and [`crate::start_in_process`] both do. A test that uses a part of a
/// service before it starts one calls this first.
pub fn install_globals() {
    global::set_text_map_propagator(TraceContextPropagator::new());
    metrics::install();
}

/// What has to be flushed at the end of the process.
pub(crate) struct Telemetry {
    tracer: SdkTracerProvider,
}

impl Telemetry {
    /// Installs logs and traces for the whole process. Call it inside the runtime: the exporter's
    /// connection lives there.
    pub(crate) fn install(
        service: &'static str,
        instance: &str,
        config: &TelemetryConfig,
    ) -> anyhow::Result<Self> {
        install_globals();
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(opentelemetry::KeyValue::new(
                "service.instance.id",
                instance.to_owned(),
            ))
            .build();
        let tracer = traces::provider(resource, config.endpoint())?;
        global::set_tracer_provider(tracer.clone());
        // A filter per layer: less in the log must not mean fewer traces.
        let log_layer = logs::layer(config.log_format).with_filter(config.filter()?);
        let trace_layer = tracing_opentelemetry::layer()
            .with_tracer(tracer.tracer("roomsync"))
            .with_filter(LevelFilter::INFO);
        tracing_subscriber::registry()
            .with(log_layer)
            .with(trace_layer)
            .try_init()?;
        logs::log_panics();
        Ok(Self { tracer })
    }

    /// Sends what is still held back. Blocks; call it outside the runtime.
    pub(crate) fn flush(self) {
        if let Err(error) = self.tracer.shutdown() {
            tracing::warn!(error = %error, "failed to flush traces");
        }
    }
}
