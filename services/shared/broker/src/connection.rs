//! The connection, made and made again in the background.
//!
//! Recovery is ours and not lapin's own: one task makes a [`Session`] (connection, topology, channel
//! for publishing), tells everybody, waits until it is lost and makes the next one, for as long as it
//! takes. So there is one way in for "RabbitMQ is away at start", "the connection broke" and "somebody
//! deleted an exchange", and nothing of a lost connection lives on: what was unconfirmed ends with an
//! error, what was unacknowledged is delivered again.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use lapin::{
    Channel, Confirmation, Connection, ConnectionProperties, Event, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    uri::AMQPUri,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::watch, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    PublishError,
    declare::{declare, short},
    envelope::Outgoing,
    metrics::Metrics,
    topology::Topology,
};

/// How long connecting and declaring may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Seconds after which a silent peer counts as gone, unless the address says otherwise.
const HEARTBEAT_SECONDS: u16 = 10;
/// How often the state is looked at, in case lapin did not tell of a loss.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The session of the moment, if there is one.
pub(crate) type Sessions = watch::Receiver<Option<Arc<Session>>>;

/// One connection from its making to its loss.
pub(crate) struct Session {
    connection: Connection,
    publishing: Channel,
    /// Set when the connection is of no use any more.
    pub(crate) lost: CancellationToken,
    reaper: TaskTracker,
}

impl Session {
    async fn open(url: &SecretString, name: &str, topology: &Topology) -> Result<Self, OpenError> {
        let mut uri: AMQPUri = url
            .expose_secret()
            .parse()
            .map_err(|_| OpenError::Address)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connection = Connection::connect_uri(uri, properties).await?;
        let publishing = connection.create_channel().await?;
        declare(&publishing, topology).await?;
        publishing
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        let (lost, reaper) = (CancellationToken::new(), TaskTracker::new());
        Ok(Self {
            connection,
            publishing,
            lost,
            reaper,
        })
    }

    /// Ends when the connection is lost.
    async fn watch(&self) {
        let mut events = self.connection.events_listener();
        let mut look = time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = self.lost.cancelled() => break,
                event = events.next() => if matches!(event, None | Some(Event::Error(_))) { break },
                _ = look.tick() => if !self.connection.status().connected() { break },
            }
        }
        self.lost.cancel();
    }

    async fn close(&self) {
        self.lost.cancel();
        let goodbye = self.connection.close(200, "goodbye".into());
        // A courtesy: the connection ends with the session in any case.
        let _ = time::timeout(CLOSE_TIMEOUT, goodbye).await;
    }

    /// A channel for a consumer.
    pub(crate) async fn channel(&self) -> lapin::Result<Channel> {
        self.connection.create_channel().await
    }

    /// Sends a message; the confirm is awaited on its own, so that many can be under way.
    pub(crate) async fn send(&self, outgoing: &Outgoing) -> Result<Pending, PublishError> {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let sent = self
            .publishing
            .basic_publish(
                short(&outgoing.exchange),
                short(&outgoing.routing_key),
                options,
                &outgoing.body,
                outgoing.properties.clone(),
            )
            .await;
        match sent {
            Ok(confirm) => Ok(Pending {
                confirm: Some(confirm),
                reaper: self.reaper.clone(),
            }),
            Err(_) => Err(self.broken()),
        }
    }

    /// Waits for the broker's answer to what was sent.
    pub(crate) async fn confirmed(
        &self,
        mut pending: Pending,
        outgoing: &Outgoing,
    ) -> Result<(), PublishError> {
        let Some(confirm) = pending.confirm.as_mut() else {
            return Err(PublishError::Lost);
        };
        let answer = confirm.await;
        pending.confirm = None;
        match answer {
            Ok(Confirmation::Ack(None)) => Ok(()),
            Ok(Confirmation::Ack(Some(_))) => Err(PublishError::Returned {
                message_type: outgoing.routing_key.clone(),
            }),
            Ok(Confirmation::Nack(_) | Confirmation::NotRequested) => Err(PublishError::Refused),
            Err(_) => Err(self.broken()),
        }
    }

    /// Publishing failed, so its channel is gone, and with it the session.
    fn broken(&self) -> PublishError {
        self.lost.cancel();
        PublishError::Lost
    }
}

/// A message whose confirm is outstanding.
///
/// lapin keeps the confirms that nobody waited for until its channel ends, so one whose caller lost
/// patience or went away is waited for in the background.
pub(crate) struct Pending {
    confirm: Option<PublisherConfirm>,
    reaper: TaskTracker,
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(confirm) = self.confirm.take()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            self.reaper.spawn(async move {
                let _ = confirm.await;
            });
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("the address of rabbitmq cannot be read")]
    Address,
    #[error("rabbitmq did not answer in time")]
    Timeout,
    #[error("failed to connect to rabbitmq: {0}")]
    Failed(#[from] lapin::Error),
}

/// Keeps a session alive.
pub(crate) struct Supervisor {
    pub(crate) url: SecretString,
    pub(crate) name: String,
    pub(crate) topology: Topology,
    pub(crate) sessions: watch::Sender<Option<Arc<Session>>>,
    pub(crate) connected: watch::Sender<bool>,
    /// Set when nobody holds a handle any more.
    pub(crate) closed: CancellationToken,
    pub(crate) metrics: Arc<Metrics>,
}

impl Supervisor {
    pub(crate) async fn run(self) {
        let mut failures = 0;
        loop {
            let opened = tokio::select! {
                () = self.closed.cancelled() => return,
                opened = self.open() => opened,
            };
            match opened {
                Ok(session) => {
                    failures = 0;
                    self.metrics.connected();
                    tracing::info!("connected to rabbitmq");
                    if self.serve(session).await.is_break() {
                        return;
                    }
                    tracing::warn!("lost the connection to rabbitmq");
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, failures, "rabbitmq is not reachable");
                }
            }
            tokio::select! {
                () = self.closed.cancelled() => return,
                () = time::sleep(backoff(failures)) => {}
            }
        }
    }

    async fn open(&self) -> Result<Session, OpenError> {
        let opening = Session::open(&self.url, &self.name, &self.topology);
        time::timeout(CONNECT_TIMEOUT, opening)
            .await
            .unwrap_or(Err(OpenError::Timeout))
    }

    async fn serve(&self, session: Session) -> std::ops::ControlFlow<()> {
        let session = Arc::new(session);
        self.sessions.send_replace(Some(session.clone()));
        self.connected.send_replace(true);
        let closed = tokio::select! {
            () = self.closed.cancelled() => true,
            () = session.watch() => false,
        };
        self.connected.send_replace(false);
        self.sessions.send_replace(None);
        session.close().await;
        if closed {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    }
}

/// Grows to five seconds; random, so that replicas do not come back together.
fn backoff(failures: u32) -> Duration {
    let most = Duration::from_millis(100 << failures.min(6)).min(Duration::from_secs(5));
    most.mul_f64(0.5 + rand::random::<f64>() / 2.0)
}

/// The session of the moment, waiting for one if need be. `None` when there will be none.
pub(crate) async fn current(sessions: &mut Sessions) -> Option<Arc<Session>> {
    let usable = |session: &Option<Arc<Session>>| {
        session
            .as_ref()
            .is_some_and(|session| !session.lost.is_cancelled())
    };
    sessions
        .wait_for(usable)
        .await
        .ok()
        .and_then(|session| session.clone())
}
