//! What an error of the database means to the caller.

use sqlx::{Error, error::DatabaseError};

/// PostgreSQL is away or overloaded: the same call may succeed later, and the caller is not to blame.
pub fn is_unavailable(error: &Error) -> bool {
    match error {
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed => true,
        // 08: connection; 53: out of resources; 57: shutdown, crash, statement cancelled by timeout.
        Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "53", "57"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

/// PostgreSQL aborted the transaction in favour of another (40001, 40P01): running it again helps.
pub fn is_worth_retrying(error: &Error) -> bool {
    error.as_database_error().is_some_and(is_abort)
}

pub(crate) fn is_abort(error: &dyn DatabaseError) -> bool {
    error
        .code()
        .is_some_and(|code| matches!(&*code, "40001" | "40P01"))
}

/// The name of the constraint that a statement violated.
pub fn constraint(error: &Error) -> Option<&str> {
    error.as_database_error()?.constraint()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_database_that_is_away_is_unavailable() {
        assert!(is_unavailable(&Error::PoolTimedOut));
        assert!(!is_unavailable(&Error::RowNotFound));
        assert!(!is_worth_retrying(&Error::PoolTimedOut));
    }
}
