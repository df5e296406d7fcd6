//! booking-command: the API, the bookings, and the lending of access to Google.
//!
//! ```text
//! booking app -> public listener   -> tenants/ catalogue/ people/ links/ access/ bookings/ (operators: operator/)
//! sync-worker -> internal listener -> mirror/ (what Google says), access/ (tokens and budget)
//!                                       '-> changes.rs -> outbox -> relay -> RabbitMQ
//! ```
//!
//! It is the only writer of bookings and the only holder of secrets. Several replicas run side by
//! side: they meet only in PostgreSQL, whose clock alone counts leases, claims and budgets. Every
//! query names its tenant, and what belongs to another one is not found.
//!
//! To add an rpc: the `.proto`, then a file in the folder of its feature; to add a feature: a folder
//! with `rpc.rs` (who may ask), its decisions and its SQL, and its service in `serve.rs`.

pub mod access;
pub mod anonymise;
pub mod bookings;
mod caller;
pub mod catalogue;
pub mod changes;
pub mod cleanup;
pub mod config;
pub mod consumers;
mod convert;
pub mod display;
pub mod links;
pub mod mirror;
pub mod notices;
pub mod occupancy;
pub mod operator;
pub mod people;
mod ready;
mod serve;
pub mod status;
pub mod tenants;
pub mod validate;
pub mod watch;
pub mod writing;

use std::sync::Arc;

use anyhow::Context as _;
use roomsync_broker::{Broker, parked};
use roomsync_google::Google;
use roomsync_messages::GoogleWriteRequested;
use roomsync_postgres::Database;
use roomsync_process::{CommandFailure, Context, OwnCommand, Service, Spawner, grpc};
use roomsync_sealing::Keyring;
use sqlx::migrate::Migrator;
use tokio_util::sync::CancellationToken;

use crate::access::{Lender, offers::Offers};
pub use crate::config::Config;
pub use crate::tenants::gate;

/// The name of the service.
pub const SERVICE: &str = "booking-command";
/// The schema it owns.
pub const SCHEMA: &str = "booking";
/// Its migrations.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// What the harness needs to know.
pub fn service() -> Service<Config> {
    Service::new(SERVICE, include_str!("../config.default.toml"))
        .with_migrate(|config: Config| {
            Box::pin(async move {
                let database = Database::connect_lazy(&config.database, SCHEMA)?;
                Ok(database.migrate(&MIGRATOR).await?)
            })
        })
        .with_command(OwnCommand {
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

/// Starts everything; the tasks run until shutdown.
///
/// PostgreSQL and RabbitMQ may be away: rpcs answer UNAVAILABLE, the relay waits, `/readyz` says so.
pub async fn run(ctx: Context<Config>) -> anyhow::Result<()> {
    let database_ready = ctx.readiness.register("database");
    let broker_ready = ctx.readiness.register("broker");
    let Context {
        config,
        shutdown,
        spawner,
        ports,
        instance,
        ..
    } = ctx;
    let soft = shutdown.soft();

    let database = Database::connect_lazy(&config.database, SCHEMA)?;
    let google = Google::new(&config.google).context("failed to set up calls to google")?;
    let ring = Keyring::new(&config.sealing)?;
    let offers = Offers::new(&config.consent, &config.delegation)?;
    let callers = grpc::Callers::load(&config.callers)?;
    let public = grpc::Listener::bind(&config.public).await?;
    let internal = grpc::Listener::bind(&config.internal).await?;
    ports.announce("public", public.local_addr());
    ports.announce("internal", internal.local_addr());

    if config.migration.on_start {
        if !database.wait_until_reachable(&soft).await {
            return Ok(());
        }
        database.migrate(&MIGRATOR).await?;
    }
    let lender = Lender::new(database.clone(), google, ring, config.budget).offering(offers);
    let watch = watch::Watch::default();
    let writer = writing::Writer {
        database: database.clone(),
        lender: lender.clone(),
        config: config.bookings,
    };
    let desk = bookings::Desk {
        database: database.clone(),
        lender: lender.clone(),
        watch: watch.clone(),
        turns: bookings::turns::Turns::default(),
        writer: writer.clone(),
        config: config.bookings,
        spawner: spawner.clone(),
    };
    let broker = Broker::start(SERVICE, &instance, &config.broker, soft.clone());
    let operator = operator::OperatorRpc::new(database.clone(), broker.parked());
    let consumer = Arc::new(consumers::Consumer {
        writer: desk.writer.clone(),
        shares: consumers::Shares::new(config.broker.prefetch.into()),
    });
    let (queue, reachable, stop) = (broker.clone(), database.clone(), soft.clone());
    spawner.spawn("google-write.requested", async move {
        // Without PostgreSQL every message would only climb the retry ladder.
        if reachable.wait_until_reachable(&stop).await {
            queue.consume::<GoogleWriteRequested, _>(consumer).await;
        }
    });
    spawner.spawn_critical(
        "public listener",
        serve::public(
            public,
            desk,
            operator,
            config.sync_by_hand,
            callers.clone(),
            shutdown.clone(),
            spawner.clone(),
        ),
    );
    spawner.spawn_critical(
        "internal listener",
        serve::internal(
            internal,
            &database,
            &lender,
            config.links.pending_for,
            callers,
            shutdown,
        ),
    );
    jobs(&spawner, &config, &writer, watch, &soft);
    let relay = roomsync_relay::run(database.clone(), broker.publisher(), soft.clone());
    spawner.spawn("relay", relay);
    spawner.spawn(
        "database",
        ready::follow_database(database, database_ready, soft.clone()),
    );
    spawner.spawn("broker", ready::follow_broker(broker, broker_ready, soft));
    Ok(())
}

/// Starts what goes on by itself in every replica: they meet in PostgreSQL.
fn jobs(
    spawner: &Spawner,
    config: &Config,
    writer: &writing::Writer,
    watch: watch::Watch,
    soft: &CancellationToken,
) {
    let (database, lender) = (&writer.database, &writer.lender);
    spawner.spawn("watch", watch.run(database.clone(), soft.clone()));
    spawner.spawn(
        "looks",
        bookings::looks::run(database.clone(), config.bookings, soft.clone()),
    );
    spawner.spawn(
        "ask again",
        writing::run(database.clone(), config.bookings, soft.clone()),
    );
    spawner.spawn(
        "cleanup",
        cleanup::run(database.clone(), config.cleanup, soft.clone()),
    );
    spawner.spawn(
        "anonymise",
        anonymise::run(database.clone(), config.anonymise, soft.clone()),
    );
    spawner.spawn(
        "connecting",
        access::connecting::run(lender.clone(), config.connect, soft.clone()),
    );
    spawner.spawn(
        "disconnect",
        access::disconnect::run(
            writer.clone(),
            config.disconnect,
            config.module,
            soft.clone(),
        ),
    );
    spawner.spawn(
        "pending links",
        links::expire::run(database.clone(), config.links, soft.clone()),
    );
}
