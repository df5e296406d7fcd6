//! A subscriber that does what the contract tells it to: heartbeat with cursor, `ListBookings`, then
//! every change; after a break it goes on with its cursor, and with an expired one it starts anew.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_process::grpc;
use roomsync_proto::notification::v1::{
    SubscribeRequest, SubscribeResponse, subscribe_response::Message,
};
use tokio::sync::watch;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tonic::Status;

use super::{FakeBookingApp, journal::Journal};
use crate::{SOON, eventually::found_within};

/// Long enough not to spin while a service is away, short enough not to be waited for.
const PAUSE: Duration = Duration::from_millis(50);

/// A running subscriber. Cheap to clone; stops when the last clone is gone.
#[derive(Debug, Clone)]
pub struct Subscriber {
    tenant: String,
    journal: Arc<Mutex<Journal>>,
    changed: watch::Sender<()>,
    tasks: TaskTracker,
    /// Cancelled while paused; a new one for every run.
    running: Arc<Mutex<CancellationToken>>,
    app: FakeBookingApp,
    _stop: Arc<DropGuard>,
    all: CancellationToken,
}

impl Subscriber {
    pub(crate) fn start(app: &FakeBookingApp, tenant: &str) -> Self {
        let all = CancellationToken::new();
        // The app keeps its subscribers; a subscriber that kept that app would never go.
        let app = FakeBookingApp {
            subscribers: Arc::default(),
            ..app.clone()
        };
        let subscriber = Self {
            tenant: tenant.to_owned(),
            journal: Arc::default(),
            changed: watch::Sender::new(()),
            tasks: TaskTracker::new(),
            running: Arc::new(Mutex::new(CancellationToken::new())),
            app,
            _stop: Arc::new(all.clone().drop_guard()),
            all,
        };
        subscriber.resume();
        subscriber
    }

    /// Whose changes it follows.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Looks at what was heard so far.
    pub fn journal<T>(&self, look: impl FnOnce(&Journal) -> T) -> T {
        look(&self.journal.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until what was heard shows something; looks again at every message.
    pub async fn wait_for<T>(&self, what: &str, look: impl FnMut(&Journal) -> Option<T>) -> T {
        match self.found_within(SOON, look).await {
            Some(found) => found,
            None => panic!(
                "not within {SOON:?}: the subscriber of {} hears {what}; it knows {:#?}",
                self.tenant,
                self.journal(Clone::clone)
            ),
        }
    }

    /// The same without the panic.
    pub async fn found_within<T>(
        &self,
        within: Duration,
        mut look: impl FnMut(&Journal) -> Option<T>,
    ) -> Option<T> {
        let mut changed = self.changed.subscribe();
        let wait = async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = self.journal(&mut look) {
                    return Some(found);
                }
                changed.changed().await.ok()?;
            }
        };
        tokio::time::timeout(within, wait).await.ok().flatten()
    }

    /// When a change was heard that `is` it, waiting for it: for latencies.
    pub async fn heard_at(
        &self,
        what: &str,
        mut is: impl FnMut(&super::Heard) -> bool,
    ) -> DateTime<Utc> {
        self.wait_for(what, |journal| {
            journal.heard.iter().find(|heard| is(heard)).map(|h| h.at)
        })
        .await
    }

    /// Goes away, as an app that is deployed anew; keeps its cursor and what it knows.
    pub fn pause(&self) {
        self.running().cancel();
    }

    /// Comes back.
    pub fn resume(&self) {
        let stop = self.all.child_token();
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = stop.clone();
        let following = Following {
            tenant: self.tenant.clone(),
            journal: Arc::clone(&self.journal),
            changed: self.changed.clone(),
            app: self.app.clone(),
        };
        self.tasks
            .spawn(stop.run_until_cancelled_owned(following.run()));
    }

    /// Waits until it is subscribed and has its cursor.
    pub async fn subscribed(&self) {
        self.wait_for("its first cursor", |journal| {
            (!journal.cursor.is_empty()).then_some(())
        })
        .await;
    }

    fn running(&self) -> CancellationToken {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

struct Following {
    tenant: String,
    journal: Arc<Mutex<Journal>>,
    changed: watch::Sender<()>,
    app: FakeBookingApp,
}

impl Following {
    async fn run(self) {
        loop {
            if let Err(status) = self.follow().await {
                if grpc::reason(&status).as_deref() == Some("CURSOR_EXPIRED") {
                    self.write(|journal| *journal = Journal::default());
                }
                tracing::debug!(code = ?status.code(), "the stream ended");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn follow(&self) -> Result<(), Status> {
        let cursor = self.read(|journal| journal.cursor.clone());
        let request = SubscribeRequest {
            tenant_id: self.tenant.clone(),
            cursor: cursor.clone(),
            heartbeat_seconds: 1,
        };
        let mut stream = self
            .app
            .subscriptions()
            .subscribe(request)
            .await?
            .into_inner();
        self.write(|journal| journal.opened += 1);
        let mut listed = !cursor.is_empty();
        while let Some(response) = stream.message().await? {
            if !listed {
                // The first message has the cursor; only now is what ListBookings says complete.
                let (bookings, versions) = self.app.list_everything(&self.tenant).await?;
                self.write(|journal| journal.begin(bookings, versions));
                listed = true;
            }
            self.take(response);
        }
        Ok(())
    }

    fn take(&self, response: SubscribeResponse) {
        let SubscribeResponse { cursor, message } = response;
        self.write(|journal| {
            match message {
                Some(Message::Change(change)) => journal.hear(change, SystemClock.now()),
                Some(Message::Heartbeat(_)) => journal.heartbeats += 1,
                None => {}
            }
            journal.cursor = cursor;
        });
    }

    fn read<T>(&self, look: impl FnOnce(&Journal) -> T) -> T {
        look(&self.journal.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut Journal)) {
        change(&mut self.journal.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
    }
}

impl FakeBookingApp {
    /// Follows a tenant's changes from now on, and waits until it does.
    pub async fn subscribe(&self, tenant: &str) -> Subscriber {
        let subscriber = Subscriber::start(self, tenant);
        subscriber.subscribed().await;
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(subscriber.clone());
        subscriber
    }

    /// Waits until a look at the API finds something; rpcs that fail count as not found yet.
    pub async fn wait_for<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<Option<T>, Status>,
    ) -> T {
        let mut last = None;
        let found = found_within(SOON, async || match look().await {
            Ok(found) => found,
            Err(status) => {
                last = Some(status);
                None
            }
        });
        match found.await {
            Some(found) => found,
            None => panic!("not within {SOON:?}: {what}; the last error was {last:?}"),
        }
    }
}
