//! Metrics: OpenTelemetry in the code, Prometheus on the admin port.

use std::sync::OnceLock;

use opentelemetry::global;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder as _, Registry, TextEncoder};

static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// Makes the global meter provider, once per process. Services that share a process (tests) share
/// it too.
pub(crate) fn install() {
    REGISTRY.get_or_init(|| {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .without_target_info()
            .build();
        match exporter {
            Ok(exporter) => {
                let provider = SdkMeterProvider::builder().with_reader(exporter).build();
                global::set_meter_provider(provider);
            }
            // Cannot happen with a registry that is new; and a service without metrics serves.
            Err(error) => tracing::error!(error = %error, "metrics are off"),
        }
        registry
    });
}

/// Everything measured so far, as Prometheus reads it.
pub(crate) fn render() -> Result<String, prometheus::Error> {
    let families = REGISTRY.get().map(Registry::gather).unwrap_or_default();
    let mut text = Vec::new();
    TextEncoder::new().encode(&families, &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
