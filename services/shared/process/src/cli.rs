//! The command line every binary answers.

use std::{ffi::OsString, path::PathBuf};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::exit;

/// A process of roomsync. Its settings are described in `config print` and its default TOML.
#[derive(Debug, Parser)]
#[command(
    version,
    arg_required_else_help = false,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// A TOML file over the defaults; the environment (`ROOMSYNC__SECTION__KEY`) goes over both.
    #[arg(long, global = true, value_name = "FILE", env = "ROOMSYNC_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Verb>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Verb {
    /// Run the service (the default).
    Run,
    /// Bring the database schema up to date, then exit.
    Migrate,
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Ask a running process, by the admin port of the same configuration, whether it is ready.
    Healthcheck {
        /// Ask only whether it is alive.
        #[arg(long)]
        live: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Validate it; exit code 64 when it is bad.
    Check,
    /// Print it as TOML, secrets redacted.
    Print,
}

impl Cli {
    /// Reads the arguments. `Err` is the exit code after clap has printed help or a complaint.
    pub(crate) fn parse(
        name: &'static str,
        has_schema: bool,
        arguments: impl Iterator<Item = OsString>,
    ) -> Result<Self, u8> {
        let command = Self::command()
            .name(name)
            .mut_subcommand("migrate", |c| c.hide(!has_schema));
        command
            .try_get_matches_from(arguments)
            .and_then(|found| Self::from_arg_matches(&found))
            .map_err(|error| {
                // Nobody is left to tell when even this cannot be printed.
                let _ = error.print();
                if error.use_stderr() { exit::USAGE } else { 0 }
            })
    }

    /// What to do.
    pub(crate) fn verb(&self) -> Verb {
        self.command.unwrap_or(Verb::Run)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parse(line: &str) -> Result<Cli, u8> {
        Cli::parse(
            "test-service",
            true,
            line.split_whitespace().map(OsString::from),
        )
    }

    #[rstest]
    #[case("x", Verb::Run)]
    #[case("x run", Verb::Run)]
    #[case("x migrate", Verb::Migrate)]
    #[case("x config check", Verb::Config(ConfigVerb::Check))]
    #[case("x config print --config a.toml", Verb::Config(ConfigVerb::Print))]
    #[case("x healthcheck --live", Verb::Healthcheck { live: true })]
    fn every_verb_is_understood(#[case] line: &str, #[case] verb: Verb) {
        assert_eq!(parse(line).unwrap().verb(), verb);
    }

    #[rstest]
    #[case::help("x --help", 0)]
    #[case::unknown_verb("x dance", 64)]
    #[case::incomplete("x config", 64)]
    fn the_exit_code_tells_help_from_a_mistake(#[case] line: &str, #[case] code: u8) {
        assert_eq!(parse(line).unwrap_err(), code);
    }
}
