//! The smallest service: it does nothing, in every way a process of roomsync does it.
//!
//! `tests/process.rs` runs it to see exit codes, signals and probes of a real process.

use std::process::ExitCode;

use roomsync_process::{
    CommandFailure, ConfigError, Context, OwnCommand, ProcessConfig, Service, ServiceConfig,
};
use secrecy::SecretString;
use serde::Deserialize;

const SERVICE: Service<Config> = Service::new("idle", include_str!("idle.default.toml"))
    .with_command(OwnCommand {
        describe: || clap::Command::new("greet").arg(clap::Arg::new("whom").required(true)),
        answer: |config, arguments| {
            Box::pin(async move {
                tracing::info!("not in the log of a command");
                match arguments.get_one::<String>("whom") {
                    Some(whom) if !config.idle.stubborn => Ok(format!("hello {whom}")),
                    _ => Err(CommandFailure {
                        exit_code: 66,
                        why: "nobody is greeted".to_owned(),
                    }),
                }
            })
        },
    });

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    process: ProcessConfig,
    idle: Idle,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Idle {
    /// Whether a task is left that does not care about the soft stage.
    stubborn: bool,
    /// Shows that secrets are not printed.
    #[expect(dead_code, reason = "read by nobody, as a good secret")]
    token: SecretString,
}

impl ServiceConfig for Config {
    fn process(&self) -> &ProcessConfig {
        &self.process
    }

    fn validate(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

async fn run(context: Context<Config>) -> anyhow::Result<()> {
    tracing::info_span!("idle.start").in_scope(|| tracing::info!("idling"));
    if context.config.idle.stubborn {
        context.spawner.spawn("stubborn", std::future::pending());
    }
    Ok(())
}

fn main() -> ExitCode {
    roomsync_process::main(SERVICE, run)
}
