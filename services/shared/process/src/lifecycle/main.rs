//! `main` of every binary.

use std::{future::Future, io::Write as _, process::ExitCode, time::Duration};

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::{Parts, instance, live, signals::Signals};
use crate::{
    CommandFailure, Context, OwnCommand, Service, ServiceConfig,
    cli::{ConfigVerb, Line, Order, Verb},
    config::Loaded,
    exit::{self, Failure},
    healthcheck,
    telemetry::Telemetry,
};

/// How long the runtime may take to let go of blocking work at the end.
const LAST_MOMENTS: Duration = Duration::from_secs(1);

/// Answers the command line: `run` (default), `migrate`, `config check`, `config print`,
/// `healthcheck`, and the service's own command, if it has one. The exit code is 0, 64 for a bad configuration or command line (nothing has been
/// opened then), 1 for everything else that fails.
///
/// `run` returns once everything is started, or at the shutdown; both are fine.
pub fn main<C, F, Fut>(service: Service<C>, run: F) -> ExitCode
where
    C: ServiceConfig,
    F: FnOnce(Context<C>) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    // First of all: with two providers linked, rustls panics at its first use otherwise.
    install_crypto();
    let own = service.own_command.map(|own| (own.describe)());
    let has_schema = service.migrate.is_some();
    let line = match Line::parse(service.name, has_schema, own, std::env::args_os()) {
        Ok(line) => line,
        Err(code) => return code.into(),
    };
    let outcome = answer(service, line, run);
    if let Err(failure) = &outcome
        && !matches!(failure, Failure::Logged)
    {
        // Standard error and not the log: there is no log yet.
        eprintln!("{}: {}", service.name, chain(failure));
    }
    exit::code(&outcome).into()
}

/// Installs the one crypto provider. A second call changes nothing.
pub(super) fn install_crypto() {
    // Fails only when one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn answer<C, F, Fut>(service: Service<C>, line: Line, run: F) -> Result<(), Failure>
where
    C: ServiceConfig,
    F: FnOnce(Context<C>) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let loaded = Loaded::read(
        service.default_config,
        line.config.as_deref(),
        environment(),
    )?;
    let config: C = loaded.config()?;
    let verb = match (line.order, service.own_command) {
        (Order::Verb(verb), _) => verb,
        (Order::Own(arguments), Some(own)) => {
            return say(&answer_own(service.name, own, config, arguments)?);
        }
        (Order::Own(_), None) => return Err(Failure::Usage("no such command".to_owned())),
    };
    match verb {
        Verb::Run => {
            let parts = Parts::new(service.name);
            let instance = parts.instance.clone();
            observed(service, &instance, config, async |config| {
                let signals = Signals::install().context("failed to listen for signals")?;
                let shutdown = parts.shutdown.clone();
                tokio::select! {
                    outcome = live(config, parts, run) => outcome,
                    () = signals.pass_on(shutdown) => Ok(()),
                }
            })
        }
        Verb::Migrate => {
            let Some(migrate) = service.migrate else {
                return Err(Failure::Usage(
                    "this service has no schema to migrate".to_owned(),
                ));
            };
            observed(service, &instance(service.name), config, async |config| {
                migrate(config).await
            })
        }
        Verb::Config(ConfigVerb::Check) => say("the configuration is good"),
        Verb::Config(ConfigVerb::Print) => say(loaded.redacted()?.trim_end()),
        Verb::Healthcheck { live } => {
            let path = if live { "/livez" } else { "/readyz" };
            let asked = runtime()?.block_on(healthcheck::ask(config.process().admin.listen, path));
            asked.map_err(Failure::from)
        }
    }
}

/// Runs `work` with logs and traces, which are flushed whatever became of it.
fn observed<C: ServiceConfig>(
    service: Service<C>,
    instance: &str,
    config: C,
    work: impl AsyncFnOnce(C) -> anyhow::Result<()>,
) -> Result<(), Failure> {
    let runtime = runtime()?;
    let (telemetry, outcome) = runtime.block_on(async {
        let telemetry = &config.process().telemetry;
        let telemetry = Telemetry::install(service.name, instance, telemetry)?;
        tracing::info!(service = service.name, instance, "starting");
        let outcome = work(config).await;
        if let Err(error) = &outcome {
            tracing::error!(error = format!("{error:#}"), "failed");
        }
        anyhow::Ok((telemetry, outcome))
    })?;
    telemetry.flush();
    runtime.shutdown_timeout(LAST_MOMENTS);
    outcome.map_err(|_| Failure::Logged)
}

/// Runs the service's own command. The log has warnings only: who calls it reads the answer.
fn answer_own<C: ServiceConfig>(
    name: &'static str,
    own: OwnCommand<C>,
    config: C,
    arguments: clap::ArgMatches,
) -> Result<String, Failure> {
    let runtime = runtime()?;
    let (telemetry, outcome) = runtime.block_on(async {
        let mut telemetry = config.process().telemetry.clone();
        "warn".clone_into(&mut telemetry.log);
        let telemetry = Telemetry::install(name, &instance(name), &telemetry)?;
        let outcome: Result<String, CommandFailure> = (own.answer)(config, arguments).await;
        anyhow::Ok((telemetry, outcome))
    })?;
    telemetry.flush();
    runtime.shutdown_timeout(LAST_MOMENTS);
    Ok(outcome?)
}

fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")
}

/// The environment, without what is not text: no key and no value of ours is that.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn say(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{text}")
        .context("failed to print")
        .map_err(Failure::from)
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
