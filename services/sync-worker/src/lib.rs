//! sync-worker keeps the mirror: it lists, watches and verifies Google's resource calendars and
//! hands what it saw to booking-command, which alone makes bookings of it.
//!
//! Follow one change: a push becomes `calendar.changed`; [`consumers`] raises the calendar's generation
//! and calls `steps/check.rs`, which claims the calendar, lists it (`steps/pull.rs`, whose touched
//! series go through `steps/expand_series.rs`; `steps/full_sync.rs` without a usable cursor: which one,
//! `steps/list_next.rs` says), makes
//! complete scopes of it ([`scopes`]), applies them (`apply.rs`) and only then stores the cursor.
//! [`schedule`] finds whatever was left behind, and has every calendar compared with Google once a
//! day without its cursor (`steps/reconcile.rs`). What fails is put off (`steps/put_off.rs`), a
//! reconcile apart from the pulls, which it never holds up.
//!
//! After a pull a calendar rests for a moment (`sync.pause`, kept in its row), so that many pushes in a
//! short time are answered by a few pulls, however many replicas there are; what was pushed meanwhile,
//! or is awaited by a booking whose room has not answered, is taken up by the wake (`sync.wake`). The first push of a quiet calendar waits for nothing.
//!
//! No tenant takes all hands ([`shares`]): a large import, or a Google that answers slowly, holds up nobody
//! else's changes.
//!
//! Guarantees: a push that was raised is never lost, whoever dies (the sweep finds the calendar
//! dirty); one calendar is listed by one worker at a time, and one that lost its claim changes
//! nothing; the cursor moves only after its data is applied; no error removes a booking, and nothing
//! counts as absent from what could not be read completely; no call to Google without a lease of the
//! budget.
//!
//! To add a message: a file in `consumers/`. To add work by the clock: a loop in `schedule.rs`. To
//! add something to do with a calendar: a file in `steps/`.

mod access;
mod apply;
mod config;
mod consumers;
mod listing;
mod metrics;
mod mirror;
mod readiness;
mod schedule;
mod scopes;
mod shares;
mod steps;
mod store;
#[cfg(test)]
mod tests;
mod timestamps;
mod trouble;
mod worker;

use std::sync::Arc;

use anyhow::Context as _;
use roomsync_broker::{Broker, parked};
use roomsync_domain::{SharedClock, SystemClock};
use roomsync_google::Google;
use roomsync_messages::{CalendarChanged, CalendarRefresh, LinkDue};
use roomsync_postgres::Database;
use roomsync_process::{CommandFailure, Context, OwnCommand, Service, Spawner, grpc};
use sqlx::migrate::Migrator;

pub use crate::config::{ChannelTokenKey, ChannelTokensConfig, Config, PushConfig, SyncConfig};
use crate::{
    access::AccessPool,
    consumers::Consumer,
    metrics::Metrics,
    mirror::Mirror,
    store::{calendars::Calendars, channels::Channels},
    worker::{Tenants, Worker},
};

/// The name of the service.
pub const SERVICE: &str = "sync-worker";
/// The schema it owns.
pub const SCHEMA: &str = "sync";
/// The commented defaults.
pub const DEFAULT_CONFIG: &str = include_str!("../config.default.toml");
/// Its migrations.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// What the harness needs to know.
pub fn service() -> Service<Config> {
    Service::new(SERVICE, DEFAULT_CONFIG)
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
/// PostgreSQL, RabbitMQ and booking-command may be away: what needs them waits or tries again, and
/// `/readyz` says so.
pub async fn run(ctx: Context<Config>) -> anyhow::Result<()> {
    run_by(Arc::new(SystemClock), ctx).await
}

/// The same by another clock than the machine's: a wrong one, in tests.
#[expect(
    clippy::unused_async,
    reason = "the harness awaits what a service's start needs"
)]
pub async fn run_by(clock: SharedClock, ctx: Context<Config>) -> anyhow::Result<()> {
    let database_ready = ctx.readiness.register("database");
    let broker_ready = ctx.readiness.register("broker");
    let booking_command_ready = ctx.readiness.register("booking-command");
    let Context {
        config,
        shutdown,
        spawner,
        instance,
        ..
    } = ctx;
    let soft = shutdown.soft();

    let database = Database::connect_lazy(&config.database, SCHEMA)?;
    let broker = Broker::start(SERVICE, &instance, &config.broker, soft.clone());
    let booking_command =
        grpc::connect(&config.booking_command).context("failed to set up booking-command")?;
    let mirror = Mirror::new(booking_command.clone());
    let worker = Arc::new(Worker {
        calendars: Calendars::new(database.clone()),
        channels: Channels::new(database.clone()),
        google: Google::new(&config.google).context("failed to set up google")?,
        access: AccessPool::new(booking_command),
        mirror: mirror.clone(),
        publisher: broker.publisher(),
        tokens: config.channel_tokens.ring()?,
        push_address: config.push.address(),
        clock,
        metrics: Metrics::new(),
        tenants: Tenants::default(),
        soft: soft.clone(),
        config,
    });

    critical(
        &spawner,
        "readiness",
        readiness::database(database.clone(), database_ready, soft.clone()),
    );
    critical(
        &spawner,
        "readiness",
        readiness::broker(broker.clone(), broker_ready, soft.clone()),
    );
    critical(
        &spawner,
        "readiness",
        readiness::booking_command(mirror, booking_command_ready, soft.clone()),
    );
    let consumer = Arc::new(Consumer::new(worker.clone(), spawner.clone()));
    let started = spawner.clone();
    spawner.spawn("start", async move {
        // Without PostgreSQL every message would only climb the retry ladder.
        if !database.wait_until_reachable(&soft).await {
            return;
        }
        let consume = &broker;
        critical(
            &started,
            "calendar.changed",
            consume.consume::<CalendarChanged, _>(consumer.clone()),
        );
        critical(
            &started,
            "calendar.refresh",
            consume.consume::<CalendarRefresh, _>(consumer.clone()),
        );
        critical(
            &started,
            "link.due",
            consume.consume::<LinkDue, _>(consumer),
        );
        critical(
            &started,
            "sweep",
            schedule::sweep(worker.clone(), soft.clone()),
        );
        critical(
            &started,
            "wake",
            schedule::wake(worker.clone(), soft.clone()),
        );
        critical(
            &started,
            "channels",
            schedule::channels(worker.clone(), soft.clone()),
        );
        critical(
            &started,
            "compare links",
            schedule::compare(worker, database, soft),
        );
    });
    Ok(())
}

/// Starts what the process cannot do without: should it panic, the process ends and is started anew,
/// instead of going on without, say, the sweep.
fn critical(
    spawner: &Spawner,
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) {
    spawner.spawn_critical(name, async move {
        task.await;
        anyhow::Ok(())
    });
}
