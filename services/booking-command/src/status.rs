//! Why a command was refused, and how gRPC says it.
//!
//! Features return [`CommandError`]; this is the only file of the service that makes a
//! `tonic::Status`. Every status carries an `ErrorInfo` with domain `roomsync`, a reason in
//! `UPPER_SNAKE` and metadata. What went wrong inside (SQL, sealing) is logged here, once, and never
//! sent. To add a kind of refusal: a variant, its arm below, and the reason in the `.proto` comment.

use std::time::Duration;

use roomsync_postgres::{is_unavailable, is_worth_retrying};
use roomsync_process::grpc::{problem, problem_later};
use tonic::{Code, Status};

/// Facts about a refusal, by name, for `ErrorInfo.metadata`. No personal data.
pub type Metadata = Vec<(&'static str, String)>;

/// How long a caller should wait when PostgreSQL is away.
const DATABASE_RETRY: Duration = Duration::from_secs(1);

/// Why a command was refused.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// `INVALID_ARGUMENT` `INVALID_FIELD`.
    #[error("{field}: expected {expected}")]
    InvalidField {
        /// Path of the field, e.g. `objects[3].time_zone`.
        field: String,
        /// What was expected, for people.
        expected: &'static str,
    },
    /// `INVALID_ARGUMENT` with a reason of its own.
    #[error("invalid: {reason}")]
    Invalid {
        /// In `UPPER_SNAKE`.
        reason: &'static str,
        /// Facts for the caller.
        metadata: Metadata,
    },
    /// `NOT_FOUND`, also for what belongs to another tenant.
    #[error("not found: {0}")]
    NotFound(&'static str),
    /// `PERMISSION_DENIED`.
    #[error("not allowed: {0}")]
    Forbidden(&'static str),
    /// `ALREADY_EXISTS`.
    #[error("already there: {reason}")]
    AlreadyExists {
        /// In `UPPER_SNAKE`.
        reason: &'static str,
        /// Facts for the caller.
        metadata: Metadata,
    },
    /// `FAILED_PRECONDITION`.
    #[error("not possible now: {reason}")]
    Precondition {
        /// In `UPPER_SNAKE`.
        reason: &'static str,
        /// Facts for the caller.
        metadata: Metadata,
    },
    /// ABORTED: somebody was faster, do it again from the start.
    #[error("overtaken: {reason}")]
    Aborted {
        /// In `UPPER_SNAKE`.
        reason: &'static str,
    },
    /// `OUT_OF_RANGE`.
    #[error("out of range: {reason}")]
    OutOfRange {
        /// In `UPPER_SNAKE`.
        reason: &'static str,
    },
    /// `RESOURCE_EXHAUSTED` with `RetryInfo`.
    #[error("too much for now: {reason}")]
    Exhausted {
        /// In `UPPER_SNAKE`.
        reason: &'static str,
        /// When to come back.
        retry_after: Duration,
    },
    /// UNAVAILABLE with `RetryInfo`.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// In `UPPER_SNAKE`.
        reason: &'static str,
        /// When to come back.
        retry_after: Duration,
    },
    /// UNAVAILABLE with `RetryInfo`, in the middle of the work: the facts say how far it came.
    #[error("stopped in the middle: {reason}")]
    Stopped {
        /// In `UPPER_SNAKE`.
        reason: &'static str,
        /// Facts for the caller.
        metadata: Metadata,
        /// When to come back.
        retry_after: Duration,
    },
    /// A query failed: UNAVAILABLE when the database is away or a transaction lost against others
    /// however often it ran, else INTERNAL without details.
    #[error("the database did not do what it should")]
    Database(#[from] sqlx::Error),
    /// Our own fault: INTERNAL without details.
    #[error("internal error")]
    Internal(#[from] anyhow::Error),
}

impl CommandError {
    /// A field that is not as it should be.
    pub fn invalid(field: impl Into<String>, expected: &'static str) -> Self {
        Self::InvalidField {
            field: field.into(),
            expected,
        }
    }

    /// A precondition without further facts.
    pub fn precondition(reason: &'static str) -> Self {
        Self::Precondition {
            reason,
            metadata: Vec::new(),
        }
    }
}

impl From<CommandError> for Status {
    fn from(error: CommandError) -> Self {
        let message = error.to_string();
        match error {
            CommandError::InvalidField { field, expected } => problem(
                Code::InvalidArgument,
                "INVALID_FIELD",
                message,
                &[("field", &field), ("expected", expected)],
            ),
            CommandError::Invalid { reason, metadata } => {
                with_facts(Code::InvalidArgument, reason, message, &metadata)
            }
            CommandError::NotFound(reason) => problem(Code::NotFound, reason, message, &[]),
            CommandError::Forbidden(reason) => {
                problem(Code::PermissionDenied, reason, message, &[])
            }
            CommandError::AlreadyExists { reason, metadata } => {
                with_facts(Code::AlreadyExists, reason, message, &metadata)
            }
            CommandError::Precondition { reason, metadata } => {
                with_facts(Code::FailedPrecondition, reason, message, &metadata)
            }
            CommandError::Aborted { reason } => problem(Code::Aborted, reason, message, &[]),
            CommandError::OutOfRange { reason } => problem(Code::OutOfRange, reason, message, &[]),
            CommandError::Exhausted {
                reason,
                retry_after,
            } => problem_later(Code::ResourceExhausted, reason, message, &[], retry_after),
            CommandError::Unavailable {
                reason,
                retry_after,
            } => unavailable(reason, message, retry_after),
            CommandError::Stopped {
                reason,
                metadata,
                retry_after,
            } => {
                let facts = borrowed(&metadata);
                problem_later(Code::Unavailable, reason, message, &facts, retry_after)
            }
            CommandError::Database(error)
                if is_unavailable(&error) || is_worth_retrying(&error) =>
            {
                tracing::warn!(error = %Chain(&error), "the database is away");
                unavailable(
                    "DATABASE_UNAVAILABLE",
                    "try again".to_owned(),
                    DATABASE_RETRY,
                )
            }
            CommandError::Database(error) => {
                tracing::error!(error = %Chain(&error), "a query failed");
                problem(Code::Internal, "INTERNAL", "internal error", &[])
            }
            CommandError::Internal(error) => {
                tracing::error!(error = %format_args!("{error:#}"), "a command failed");
                problem(Code::Internal, "INTERNAL", "internal error", &[])
            }
        }
    }
}

fn with_facts(code: Code, reason: &'static str, message: String, facts: &Metadata) -> Status {
    problem(code, reason, message, &borrowed(facts))
}

fn borrowed(facts: &Metadata) -> Vec<(&str, &str)> {
    facts
        .iter()
        .map(|(name, fact)| (*name, fact.as_str()))
        .collect()
}

fn unavailable(reason: &'static str, message: String, retry_after: Duration) -> Status {
    problem_later(Code::Unavailable, reason, message, &[], retry_after)
}

/// An error with its causes on one line. PostgreSQL's messages may hold values of a row in their
/// detail; `Display` of sqlx leaves the detail out.
struct Chain<'a>(&'a sqlx::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use roomsync_process::grpc;

    use super::*;

    #[test]
    fn a_lost_database_is_unavailable_and_tells_when_to_come_back() {
        let status = Status::from(CommandError::Database(sqlx::Error::PoolTimedOut));
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(
            grpc::reason(&status).as_deref(),
            Some("DATABASE_UNAVAILABLE")
        );
        assert_eq!(grpc::retry_after(&status), Some(DATABASE_RETRY));
    }

    #[test]
    fn what_went_wrong_inside_is_not_sent() {
        let cause = anyhow::anyhow!("secret detail of a@example.com");
        let status = Status::from(CommandError::Internal(cause));
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(status.message(), "internal error");
    }

    #[test]
    fn an_invalid_field_is_named_with_what_was_expected() {
        let status = Status::from(CommandError::invalid(
            "objects[3].time_zone",
            "an IANA name",
        ));
        assert_eq!(grpc::reason(&status).as_deref(), Some("INVALID_FIELD"));
        assert_eq!(
            grpc::metadata(&status, "field").as_deref(),
            Some("objects[3].time_zone")
        );
        assert_eq!(
            grpc::metadata(&status, "expected").as_deref(),
            Some("an IANA name")
        );
    }
}
