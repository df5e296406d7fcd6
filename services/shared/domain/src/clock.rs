//! The clock of the domain's decisions. Leases, due times and buckets do not use it: they compare
//! with PostgreSQL's `now()` only.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};

/// Tells what time it is.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock as it is passed around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everybody else is given"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
