//! Changes to subscribers: `object.changed` from the queue into a log, and from the log to streams and
//! webhooks.
//!
//! ```text
//! queue notification.object-changed -> consumers/object_changed.rs -> log/ -> stream/   -> subscribers
//!                                       gap.rs fetches what did not arrive --^ |-> webhooks/ -> receivers
//! queue notification.connection-changed -> consumers/connection_changed.rs ----'-> mail/     -> people
//! ```
//!
//! Every replica serves subscribers, one at a time consumes; they meet only in PostgreSQL. What a
//! subscriber may rely on stands in `subscription_service.proto`, why it holds in [`log`].
//!
//! To add a way out: a folder beside [`stream`] and [`webhooks`] that reads the log from a position of its
//! own, or like [`mail`] takes what it needs with the commit that appends. To add a message: a file in [`consumers`].

pub mod config;
pub mod consumers;
pub mod gap;
pub mod housekeeping;
pub mod known_tenants;
pub mod log;
pub mod mail;
pub mod metrics;
pub mod stream;
pub mod webhooks;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use roomsync_broker::{Broker, parked};
use roomsync_domain::{SharedClock, SystemClock};
use roomsync_messages::{ConnectionChanged, DeliveryDue, MailDue, ObjectChanged};
use roomsync_postgres::Database;
use roomsync_process::{CommandFailure, Context, OwnCommand, ReadyFlag, Service, Spawner, grpc};
use roomsync_proto::DESCRIPTORS;
use roomsync_proto::notification::v1::subscription_service_server::SubscriptionServiceServer;
use roomsync_sealing::Keyring;
use sqlx::migrate::Migrator;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub use crate::config::Config;
use crate::{
    consumers::{
        connection_changed::ConnectionChangedConsumer, delivery_due::DeliveryDueConsumer,
        mail_due::MailDueConsumer, object_changed::ObjectChangedConsumer,
    },
    gap::Gaps,
    known_tenants::KnownTenants,
    mail::{
        config::MailConfig,
        deliver::{Mails, Post},
        facts::Facts,
        send::Mailer,
    },
    metrics::Metrics,
    stream::{Subscriptions, hub::Hub},
    webhooks::{Webhooks, deliver::Deliveries, send::Sender, slots::Slots, sweep::Sweep},
};

/// The name of the service.
pub const SERVICE: &str = "notification";
/// The schema it owns.
pub const SCHEMA: &str = "notification";
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
/// PostgreSQL and RabbitMQ may be away: what needs them waits and says so on `/readyz`.
pub async fn run(ctx: Context<Config>) -> anyhow::Result<()> {
    run_by(Arc::new(SystemClock), ctx).await
}

/// The same by another clock than the machine's: a wrong one, in tests.
pub async fn run_by(clock: SharedClock, ctx: Context<Config>) -> anyhow::Result<()> {
    let database_ready = ctx.readiness.register("database");
    let broker_ready = ctx.readiness.register("broker");
    let Context {
        config,
        shutdown,
        tasks,
        spawner,
        ports,
        instance,
        ..
    } = ctx;
    let soft = shutdown.soft();

    let database = Database::connect_lazy(&config.database, SCHEMA)?;
    let broker = Broker::start(SERVICE, &instance, &config.broker, soft.clone());
    let booking_command = grpc::connect(&config.booking_command)?;
    let callers = grpc::Callers::load(&config.callers)?;
    let ring = Arc::new(Keyring::new(&config.sealing)?);
    let policy = config.webhooks.policy();
    let wake_sweep = Arc::new(Notify::new());
    let metrics = Metrics::new();
    let hub = Hub::default();

    let listener = grpc::Listener::bind(&config.public)
        .await
        .context("failed to open the public listener")?;
    ports.announce("public", listener.local_addr());
    let deliveries = Deliveries {
        database: database.clone(),
        ring: Arc::clone(&ring),
        sender: Sender::new(policy, config.webhooks.timeout)
            .context("failed to set up calls to webhooks")?,
        // Half of the consumer's hands: one receiver that hangs leaves the others to the rest.
        slots: Slots::new(usize::from(config.broker.prefetch) / 2),
        config: config.webhooks.clone(),
        metrics: Arc::clone(&metrics),
        soft: soft.clone(),
    };
    let tenants = KnownTenants::new(database.clone(), booking_command.clone());
    let subscriptions = Subscriptions {
        database: database.clone(),
        clock,
        hub: hub.clone(),
        tenants: tenants.clone(),
        webhooks: Webhooks {
            database: database.clone(),
            tenants,
            ring: Arc::clone(&ring),
            policy,
            wake_sweep: Arc::clone(&wake_sweep),
            deliveries: deliveries.clone(),
            log_keep: config.log.keep,
        },
        config: config.stream.clone(),
        metrics: Arc::clone(&metrics),
        tasks,
        soft: soft.clone(),
    };
    let waits = config.waits();
    let log = Arc::new(ObjectChangedConsumer {
        database: database.clone(),
        waits,
        metrics: Arc::clone(&metrics),
    });
    deliver(&spawner, &broker, deliveries, wake_sweep);
    let mails = Mails {
        database: database.clone(),
        post: post(&config.mail)?,
        patience: config.mail.patience,
        metrics: Arc::clone(&metrics),
    };
    tell_people(&spawner, &broker, mails, &soft);
    let gaps = Gaps::new(
        database.clone(),
        booking_command,
        waits,
        config.gap.every,
        metrics,
    );

    let routes = Routes::new(SubscriptionServiceServer::new(subscriptions));
    let serving = listener.serve(routes, DESCRIPTORS, grpc::Access::public(callers), shutdown);
    spawner.spawn_critical("public listener", serving);
    spawner.spawn(
        "hub",
        hub.run(database.clone(), config.stream.reread, soft.clone()),
    );
    spawner.spawn("object.changed", broker.consume::<ObjectChanged, _>(log));
    let relay = roomsync_relay::run(database.clone(), broker.publisher(), soft.clone());
    spawner.spawn("relay", relay);
    spawner.spawn("gaps", gaps.run(soft.clone()));
    spawner.spawn(
        "housekeeping",
        housekeeping::run(database.clone(), config.log, soft.clone()),
    );
    spawner.spawn(
        "readiness",
        watch_database(database, database_ready, soft.clone()),
    );
    spawner.spawn("readiness", watch_broker(broker, broker_ready, soft));
    Ok(())
}

/// Starts what sends to webhooks.
fn deliver(spawner: &Spawner, broker: &Broker, deliveries: Deliveries, wake: Arc<Notify>) {
    let sweep = Sweep {
        database: deliveries.database.clone(),
        ring: Arc::clone(&deliveries.ring),
        config: deliveries.config.clone(),
        metrics: Arc::clone(&deliveries.metrics),
        wake,
    };
    let (broker, soft) = (broker.clone(), deliveries.soft.clone());
    spawner.spawn("webhooks", sweep.run(soft.clone()));
    spawner.spawn("delivery.due", async move {
        // Without PostgreSQL every message would only climb the retry ladder.
        if deliveries.database.wait_until_reachable(&soft).await {
            let consumer = Arc::new(DeliveryDueConsumer { deliveries });
            broker.consume::<DeliveryDue, _>(consumer).await;
        }
    });
}

/// What sends mails, where any are sent.
fn post(config: &MailConfig) -> anyhow::Result<Option<Post>> {
    let Some(booking_command) = config.booking_command.as_ref().filter(|_| config.is_on()) else {
        return Ok(None);
    };
    Ok(Some(Post {
        facts: Facts::new(grpc::connect(booking_command)?),
        mailer: Mailer::new(config).context("failed to set up mails")?,
    }))
}

/// Starts what tells people by mail. Without a mail server it only notes that none is sent, so that nothing
/// waits in the queues.
fn tell_people(spawner: &Spawner, broker: &Broker, mails: Mails, soft: &CancellationToken) {
    let consumer = Arc::new(ConnectionChangedConsumer {
        database: mails.database.clone(),
    });
    spawner.spawn(
        "connection.changed",
        broker.consume::<ConnectionChanged, _>(consumer),
    );
    let (broker, soft) = (broker.clone(), soft.clone());
    spawner.spawn("mail.due", async move {
        // Without PostgreSQL every message would only climb the retry ladder.
        if mails.database.wait_until_reachable(&soft).await {
            let consumer = Arc::new(MailDueConsumer { mails });
            broker.consume::<MailDue, _>(consumer).await;
        }
    });
}

/// How often PostgreSQL is asked whether it is there.
const CHECK_EVERY: Duration = Duration::from_secs(2);

async fn watch_database(database: Database, ready: ReadyFlag, soft: CancellationToken) {
    if !database.wait_until_reachable(&soft).await {
        return;
    }
    let mut ticks = interval(CHECK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = soft.cancelled() => return,
            _ = ticks.tick() => ready.set(database.is_reachable().await),
        }
    }
}

async fn watch_broker(broker: Broker, ready: ReadyFlag, soft: CancellationToken) {
    let mut connected = broker.connected_changes();
    loop {
        ready.set(*connected.borrow_and_update());
        tokio::select! {
            () = soft.cancelled() => return,
            changed = connected.changed() => if changed.is_err() { return },
        }
    }
}
