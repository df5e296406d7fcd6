//! Why a process ended, and the exit code that says so.

use crate::{CommandFailure, ConfigError};

/// Wrong usage or configuration, as in `sysexits.h`: an orchestrator that restarts the process
/// changes nothing.
pub(crate) const USAGE: u8 = 64;

/// Why a process did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration is bad; no port was opened and nothing was connected.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The command makes no sense for this service.
    #[error("{0}")]
    Usage(String),
    /// The service's own command did not do what it was told.
    #[error(transparent)]
    Command(#[from] CommandFailure),
    /// Something failed while starting, running or stopping.
    #[error(transparent)]
    Broken(#[from] anyhow::Error),
    /// The same, and the log has already said what.
    #[error("failed, see the log")]
    Logged,
}

/// The exit code for an outcome.
pub(crate) fn code(outcome: &Result<(), Failure>) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(Failure::Config(_) | Failure::Usage(_)) => USAGE,
        Err(Failure::Command(failure)) => failure.exit_code,
        Err(Failure::Broken(_) | Failure::Logged) => 1,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::well(Ok(()), 0)]
    #[case::bad_configuration(Err(ConfigError::invalid("a.b", "is odd").into()), 64)]
    #[case::usage(Err(Failure::Usage("no schema".into())), 64)]
    #[case::of_its_own(Err(CommandFailure { exit_code: 66, why: "none".into() }.into()), 66)]
    #[case::failure(Err(anyhow::anyhow!("lost").into()), 1)]
    #[case::failure_in_the_log(Err(Failure::Logged), 1)]
    fn every_outcome_has_its_exit_code(#[case] outcome: Result<(), Failure>, #[case] code: u8) {
        assert_eq!(super::code(&outcome), code);
    }
}
