//! The command line every binary answers.

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgMatches, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

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
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Verb>,
}

/// What the command line says.
#[derive(Debug)]
pub(crate) struct Line {
    /// The file given by `--config`.
    pub(crate) config: Option<PathBuf>,
    /// What to do.
    pub(crate) order: Order,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// What every binary can.
    Verb(Verb),
    /// The service's own command.
    Own(ArgMatches),
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

impl Line {
    /// Reads the arguments. `own` is a command of the service's own. `Err` is the exit code after clap has
    /// printed help or a complaint.
    pub(crate) fn parse(
        name: &'static str,
        has_schema: bool,
        own: Option<Command>,
        arguments: impl Iterator<Item = OsString>,
    ) -> Result<Self, u8> {
        let own_name = own.as_ref().map(|own| own.get_name().to_owned());
        let command = Cli::command()
            .name(name)
            .mut_subcommand("migrate", |c| c.hide(!has_schema))
            .subcommands(own);
        command
            .try_get_matches_from(arguments)
            .and_then(|found| Self::read(found, own_name.as_deref()))
            .map_err(|error| {
                // Nobody is left to tell when even this cannot be printed.
                let _ = error.print();
                if error.use_stderr() { exit::USAGE } else { 0 }
            })
    }

    fn read(mut found: ArgMatches, own: Option<&str>) -> Result<Self, clap::Error> {
        if own.is_some() && found.subcommand_name() == own {
            let config = found.remove_one("config");
            if let Some((_, arguments)) = found.remove_subcommand() {
                let order = Order::Own(arguments);
                return Ok(Self { config, order });
            }
        }
        let Cli { config, command } = Cli::from_arg_matches(&found)?;
        let order = Order::Verb(command.unwrap_or(Verb::Run));
        Ok(Self { config, order })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parse(line: &str) -> Result<Line, u8> {
        let own = Command::new("greet").arg(clap::Arg::new("whom").required(true));
        let words = line.split_whitespace().map(OsString::from);
        Line::parse("test-service", true, Some(own), words)
    }

    #[rstest]
    #[case("x", Verb::Run)]
    #[case("x run", Verb::Run)]
    #[case("x migrate", Verb::Migrate)]
    #[case("x config check", Verb::Config(ConfigVerb::Check))]
    #[case("x config print --config a.toml", Verb::Config(ConfigVerb::Print))]
    #[case("x healthcheck --live", Verb::Healthcheck { live: true })]
    fn every_verb_is_understood(#[case] line: &str, #[case] verb: Verb) {
        let order = parse(line).unwrap().order;
        assert!(
            matches!(order, Order::Verb(found) if found == verb),
            "{order:?}"
        );
    }

    #[rstest]
    #[case("x greet ana", None)]
    #[case("x greet ana --config a.toml", Some("a.toml"))]
    #[case("x --config a.toml greet ana", Some("a.toml"))]
    fn a_command_of_the_services_own_is_understood(#[case] line: &str, #[case] file: Option<&str>) {
        let Line { config, order } = parse(line).unwrap();
        let Order::Own(arguments) = order else {
            panic!("unexpected {order:?}");
        };
        assert_eq!(arguments.get_one::<String>("whom").unwrap(), "ana");
        assert_eq!(config, file.map(PathBuf::from));
    }

    #[rstest]
    #[case::help("x --help", 0)]
    #[case::unknown_verb("x dance", 64)]
    #[case::incomplete("x config", 64)]
    #[case::incomplete_own("x greet", 64)]
    #[case::help_of_own("x greet --help", 0)]
    fn the_exit_code_tells_help_from_a_mistake(#[case] line: &str, #[case] code: u8) {
        assert_eq!(parse(line).unwrap_err(), code);
    }
}
