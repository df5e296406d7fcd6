//! Logs of a test: warnings to its captured output, more with `RUST_LOG`.

use std::sync::Once;

use tracing_subscriber::EnvFilter;

/// Installs them, once per process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
        // Somebody else may have been faster, for instance the test itself.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_test_writer()
            .try_init();
    });
}
