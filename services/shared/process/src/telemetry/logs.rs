//! Log lines: an object per line for machines, or text for people.

use std::{
    io::{self, IsTerminal as _},
    panic,
};

use tracing::Subscriber;
use tracing_subscriber::{Layer, fmt, registry::LookupSpan};

use crate::config::LogFormat;

/// Writes to standard error; standard output belongs to commands that print something.
pub(crate) fn layer<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let layer = fmt::layer().with_writer(io::stderr);
    match format {
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
        LogFormat::Text => layer
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .boxed(),
    }
}

/// A panic becomes a log line like any other, so that it is not lost among objects.
pub(crate) fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let text = crate::spawner::panic_text(info.payload());
        tracing::error!(location, "panic: {text}");
    }));
}
