//! What a handler says when it could not do its work: retry or reject, on the line where it fails.

use std::time::Duration;

/// Why a message was not handled, and what should happen to it.
#[derive(Debug)]
pub enum Failure {
    /// Try again later.
    Retry {
        /// What went wrong.
        cause: anyhow::Error,
        /// Not before this has passed; the ladder decides when absent.
        after: Option<Duration>,
    },
    /// It was not tried: it comes back, and no attempt is counted, which would make a later failure wait for
    /// hours.
    NotNow {
        /// What it waits for.
        cause: anyhow::Error,
        /// Not before this has passed.
        after: Duration,
    },
    /// It will never succeed: park it.
    Reject {
        /// What is wrong with it.
        cause: anyhow::Error,
    },
}

impl Failure {
    /// Try again when the ladder says.
    pub fn retry(cause: impl Into<anyhow::Error>) -> Self {
        Self::Retry {
            cause: cause.into(),
            after: None,
        }
    }

    /// Try again, but not before `after` has passed.
    pub fn retry_after(cause: impl Into<anyhow::Error>, after: Duration) -> Self {
        Self::Retry {
            cause: cause.into(),
            after: Some(after),
        }
    }

    /// It is not its turn: try it for the first time when `after` has passed.
    pub fn not_now(cause: impl Into<anyhow::Error>, after: Duration) -> Self {
        Self::NotNow {
            cause: cause.into(),
            after,
        }
    }

    /// Park it.
    pub fn reject(cause: impl Into<anyhow::Error>) -> Self {
        Self::Reject {
            cause: cause.into(),
        }
    }

    /// What went wrong.
    pub fn cause(&self) -> &anyhow::Error {
        match self {
            Self::Retry { cause, .. } | Self::NotNow { cause, .. } | Self::Reject { cause } => {
                cause
            }
        }
    }
}

/// `retry` and `reject` in the words of the call site.
pub trait ResultExt<T> {
    /// An error is worth another try.
    fn or_retry(self) -> Result<T, Failure>;
    /// An error is worth another try, but not before `after` has passed.
    fn or_retry_after(self, after: Duration) -> Result<T, Failure>;
    /// An error means that the message can never be handled; `why` says so to the operator.
    fn or_reject(self, why: &'static str) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> ResultExt<T> for Result<T, E> {
    fn or_retry(self) -> Result<T, Failure> {
        self.map_err(Failure::retry)
    }

    fn or_retry_after(self, after: Duration) -> Result<T, Failure> {
        self.map_err(|error| Failure::retry_after(error, after))
    }

    fn or_reject(self, why: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure::reject(error.into().context(why)))
    }
}

/// The same for what may be absent.
pub trait OptionExt<T> {
    /// Absence is worth another try.
    fn ok_or_retry(self, why: &'static str) -> Result<T, Failure>;
    /// Absence means that the message can never be handled.
    fn ok_or_reject(self, why: &'static str) -> Result<T, Failure>;
}

impl<T> OptionExt<T> for Option<T> {
    fn ok_or_retry(self, why: &'static str) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::retry(anyhow::Error::msg(why)))
    }

    fn ok_or_reject(self, why: &'static str) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::reject(anyhow::Error::msg(why)))
    }
}
