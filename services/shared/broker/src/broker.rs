//! The handle a service holds.

use std::sync::Arc;

use roomsync_messages::{Message, QUEUES};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    BrokerConfig, Handler, Parked, Publisher,
    connection::{Sessions, Supervisor},
    consumer::Consumer,
    metrics::Metrics,
    topology::Topology,
};

/// RabbitMQ, as one service uses it. Cloning is cheap; the connection closes with the last clone,
/// publisher and consumer.
#[derive(Clone)]
pub struct Broker {
    shared: Arc<Shared>,
}

struct Shared {
    service: &'static str,
    instance: String,
    config: BrokerConfig,
    soft: CancellationToken,
    sessions: Sessions,
    connected: watch::Receiver<bool>,
    publisher: Publisher,
    metrics: Arc<Metrics>,
}

impl Broker {
    /// Connects in the background and stays connected. `soft` ends the consumers; publishing goes on
    /// until the last handle is dropped, since what is in hand may still publish.
    pub fn start(
        service: &'static str,
        instance: &str,
        config: &BrokerConfig,
        soft: CancellationToken,
    ) -> Self {
        let metrics = Arc::new(Metrics::new());
        let (sessions, sessions_seen) = watch::channel(None);
        let (connected, connected_seen) = watch::channel(false);
        let closed = CancellationToken::new();
        let supervisor = Supervisor {
            url: config.url.clone(),
            name: format!("{service}@{instance}"),
            topology: Topology::of(QUEUES, &config.ladder),
            sessions,
            connected,
            closed: closed.clone(),
            metrics: metrics.clone(),
        };
        // Nobody waits for it: it ends when the last handle is dropped.
        TaskTracker::new().spawn(supervisor.run());
        let publisher = Publisher::new(
            service,
            sessions_seen.clone(),
            config.publish_timeout,
            metrics.clone(),
            closed.drop_guard(),
        );
        let shared = Shared {
            service,
            instance: instance.to_owned(),
            config: config.clone(),
            soft,
            sessions: sessions_seen,
            connected: connected_seen,
            publisher,
            metrics,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// There is a connection right now.
    pub fn is_connected(&self) -> bool {
        *self.shared.connected.borrow()
    }

    /// Tells when the connection comes and goes.
    pub fn connected_changes(&self) -> watch::Receiver<bool> {
        self.shared.connected.clone()
    }

    /// Publishes over this connection.
    pub fn publisher(&self) -> Publisher {
        self.shared.publisher.clone()
    }

    /// The messages that wait for an operator.
    pub fn parked(&self) -> Parked {
        let Shared {
            service,
            instance,
            config,
            sessions,
            publisher,
            metrics,
            ..
        } = &*self.shared;
        Parked::new(
            &format!("{service}@{instance}"),
            config,
            sessions.clone(),
            publisher.clone(),
            metrics.clone(),
        )
    }

    /// Consumes the queue of `M` until the soft shutdown, finishing what is in hand.
    ///
    /// Dropping the future stops at once; what was in hand is delivered again.
    pub fn consume<M: Message, H: Handler<M>>(
        &self,
        handler: Arc<H>,
    ) -> impl Future<Output = ()> + Send + use<M, H> {
        let Shared {
            service,
            instance,
            config,
            soft,
            sessions,
            publisher,
            metrics,
            ..
        } = &*self.shared;
        let consumer = Consumer::<M, H>::new(
            &format!("{service}@{instance}"),
            config,
            soft.clone(),
            sessions.clone(),
            publisher.clone(),
            metrics.clone(),
            handler,
        );
        consumer.run()
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker")
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
