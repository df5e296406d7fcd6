//! webhook-ingest: hears Google's pushes and puts them on the queue.
//!
//! A push means "look at this calendar", nothing more. This service checks that it came through a
//! channel of ours (the signed token says which calendar; there is no database), publishes
//! `calendar.changed`, and answers 200 only after the broker's confirm. Whatever cannot be made safe
//! in time is answered 503, because Google repeats a push for 5xx and for nothing else.
//!
//! * `push.rs` decides what a request's headers mean; no I/O.
//! * `http.rs` has the routes and the answers.
//! * `serve.rs` has the connections and their limits.
//!
//! To hear another kind of push: a route in `http.rs`, a file like `push.rs`, a message.

mod config;
mod http;
mod metrics;
mod push;
mod serve;

use std::sync::Arc;

use anyhow::Context as _;
use roomsync_broker::{Broker, parked};
use roomsync_domain::{SharedClock, SystemClock};
use roomsync_process::{CommandFailure, Context, OwnCommand, ReadyFlag, Service};
use tokio::{net::TcpListener, sync::watch};

pub use config::{ChannelTokenKey, ChannelTokensConfig, Config, HttpConfig};

/// The name of the service.
pub const SERVICE: &str = "webhook-ingest";

/// What the harness needs to know.
pub fn service() -> Service<Config> {
    Service::new(SERVICE, include_str!("../config.default.toml")).with_command(OwnCommand {
        describe: parked::cli::command,
        answer: |config, arguments| {
            Box::pin(async move {
                let answer = parked::cli::answer(SERVICE, &config.broker, &arguments).await;
                answer.map_err(|refused| CommandFailure {
                    exit_code: refused.exit_code,
                    why: refused.to_string(),
                })
            })
        },
    })
}

/// Starts the listener (`public` in the announced ports) and the connection to the broker. Neither
/// waits for the other: without a broker, pushes are answered 503 and readiness says so.
pub async fn run(ctx: Context<Config>) -> anyhow::Result<()> {
    run_by(Arc::new(SystemClock), ctx).await
}

/// The same by another clock than the machine's: a wrong one, in tests.
pub async fn run_by(clock: SharedClock, ctx: Context<Config>) -> anyhow::Result<()> {
    let Context {
        config,
        shutdown,
        readiness,
        spawner,
        ports,
        instance,
        ..
    } = ctx;
    let ready = readiness.register("broker");
    let tokens = config
        .channel_tokens
        .ring()
        .context("channel_tokens.keys cannot be used")?;
    // Requests in hand still publish after the soft shutdown: only consumers end with it.
    let broker = Broker::start(SERVICE, &instance, &config.broker, shutdown.soft());
    spawner.spawn("readiness", {
        let (connected, soft) = (broker.connected_changes(), shutdown.soft());
        async move {
            soft.run_until_cancelled(follow(connected, ready)).await;
        }
    });

    let listener = TcpListener::bind(config.http.listen)
        .await
        .with_context(|| format!("failed to listen on {}", config.http.listen))?;
    ports.announce("public", listener.local_addr()?);
    let routes = http::routes(&config.http, tokens, broker.publisher(), clock);
    let serve = serve::run(
        listener,
        routes,
        config.http,
        shutdown.soft(),
        spawner.clone(),
    );
    spawner.spawn_critical("http", async {
        serve.await;
        anyhow::Ok(())
    });
    Ok(())
}

async fn follow(mut connected: watch::Receiver<bool>, ready: ReadyFlag) {
    loop {
        ready.set(*connected.borrow_and_update());
        if connected.changed().await.is_err() {
            return ready.set(false);
        }
    }
}
