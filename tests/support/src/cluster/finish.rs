//! The end of a test: every side agrees, and nothing was left behind.

use std::{collections::BTreeSet, time::Duration};

use roomsync_proto::integration::v1::LinkState;
use tokio::time::Instant;

use super::Cluster;
use crate::{
    SOON, Service, Subscriber, Vhost,
    app::journal::{order, without_title},
    found_within,
    truth::{self, Truth},
};

/// Who stops first: nothing new comes in, then what is in hand goes through to the end.
const STOPPING: [Service; 4] = [
    Service::WebhookIngest,
    Service::SyncWorker,
    Service::BookingCommand,
    Service::Notification,
];

/// What must be zero in the end: whose work it is, what it is, how it is counted.
const LEFT_IN_DATABASE: [(Service, &str, &str); 5] = [
    (
        Service::BookingCommand,
        "rows in booking.outbox",
        "SELECT count(*) FROM booking.outbox",
    ),
    (
        Service::Notification,
        "rows in notification.outbox",
        "SELECT count(*) FROM notification.outbox",
    ),
    (
        Service::SyncWorker,
        "dirty calendars",
        "SELECT count(*) FROM sync.calendars
        WHERE state = 'open' AND generation_done < generation_wanted",
    ),
    (
        Service::Notification,
        "objects with versions that are not in the log",
        "SELECT count(*) FROM booking.objects b
        LEFT JOIN notification.objects n USING (tenant_id, object_id)
        WHERE b.version > coalesce(n.last_version, 0)",
    ),
    (
        Service::Notification,
        "versions that wait for their predecessor",
        "SELECT count(*) FROM notification.held",
    ),
];

/// What nobody but a test that lets everybody finish can ask for.
const TO_BE_TOLD: (Service, &str, &str) = (
    Service::BookingCommand,
    "bookings of which Google has not been told",
    "SELECT count(*) FROM booking.bookings WHERE google_write IS NOT NULL",
);

/// How long what was left may take to go once everybody works again.
const ANOTHER_ROUND: Duration = Duration::from_secs(3);

impl Cluster {
    /// Asserts, waiting where time may still help:
    /// * every subscriber knows exactly what `ListBookings` answers, without a gap;
    /// * `ListBookings` answers exactly what Google's rooms say, for every imported link;
    /// * after everybody has stopped well, no message is in any queue, nothing is parked, no outbox
    ///   has a row, no calendar is dirty and every version is in the log.
    pub async fn finish(self) {
        self.finish_leaving(&[]).await;
    }

    /// The same, for a test that leaves something in these queues on purpose, for instance
    /// `sync-worker.calendar-changed.dead`.
    pub async fn finish_leaving(mut self, queues: &[&str]) {
        self.agree().await;
        self.stop_with_nothing_left(queues).await;
    }

    /// The first two of [`Cluster::finish`], at any time.
    pub async fn agree(&self) {
        let mut why = Vec::new();
        let agreed = found_within(SOON, async || {
            why = self.disagreements().await;
            why.is_empty().then_some(())
        });
        let agreed = agreed.await.is_some();
        assert!(
            agreed,
            "`{}`: the sides do not agree:
{}",
            self.name,
            why.join(
                "
"
            )
        );
    }

    /// All of [`Cluster::finish`] with the services at work, as far as it can be seen then, and that
    /// Google has been told everything: for a test that goes on. Returns how long that took.
    ///
    /// # Panics
    /// When it is not so within this time, or as soon as something is parked.
    pub async fn whole(&self, within: Duration) -> Duration {
        let started = Instant::now();
        let mut why = Vec::new();
        let whole = found_within(within, async || {
            why = self.unfinished().await;
            assert!(
                !why.iter().any(|left| left.contains(".dead:")),
                "`{}`: something is parked: {why:#?}",
                self.name
            );
            why.is_empty().then_some(())
        });
        let whole = whole.await.is_some();
        assert!(
            whole,
            "`{}` is not whole after {within:?}: {why:#?}",
            self.name
        );
        started.elapsed()
    }

    /// What is not as it should be, the cheapest looks first.
    async fn unfinished(&self) -> Vec<String> {
        let mut why = self.left_in_database().await;
        why.extend(self.count(&TO_BE_TOLD).await);
        if why.is_empty() {
            why = self.disagreements().await;
        }
        if why.is_empty() {
            why = self.left_in_queues(&[]).await;
        }
        why
    }

    /// Waits until nothing is to be done as far as the databases tell: no calendar is dirty, no
    /// outbox has a row, every version is in the log. For a test that counts from here on.
    pub async fn calm(&self) {
        let mut left = Vec::new();
        let calm = found_within(SOON, async || {
            left = self.left_in_database().await;
            left.is_empty().then_some(())
        });
        let calm = calm.await.is_some();
        assert!(calm, "`{}` does not come to rest: {left:?}", self.name);
    }

    async fn disagreements(&self) -> Vec<String> {
        let mut why = Vec::new();
        for subscriber in self.app.subscribers() {
            why.extend(self.compare_with_subscriber(&subscriber).await);
        }
        let links = self.app.known(|known| known.links.clone());
        for ((tenant, object), (link, room)) in links {
            why.extend(
                self.compare_with_google(&tenant, &object, &link, &room)
                    .await,
            );
        }
        why
    }

    async fn compare_with_subscriber(&self, subscriber: &Subscriber) -> Vec<String> {
        let tenant = subscriber.tenant();
        let (bookings, versions) = match self.app.list_everything(tenant).await {
            Ok(listed) => listed,
            Err(status) => return vec![format!("ListBookings of {tenant} failed: {status}")],
        };
        let mut listed: Vec<_> = bookings.into_iter().map(without_title).collect();
        listed.sort_by_key(order);
        subscriber.journal(|journal| {
            let mut why = Vec::new();
            if !journal.gaps.is_empty() {
                why.push(format!(
                    "the subscriber of {tenant} missed {:?}",
                    journal.gaps
                ));
            }
            if !journal.contradictions.is_empty() {
                why.push(format!(
                    "the subscriber of {tenant} was told otherwise {:?}",
                    journal.contradictions
                ));
            }
            for (object, version) in &versions {
                let heard = journal.version(object);
                if heard != *version {
                    why.push(format!(
                        "{tenant}/{object} is at {version}, heard was {heard}"
                    ));
                }
                let listed = listed.iter().filter(|booking| booking.object_id == *object);
                let (listed, heard) = (
                    listed.cloned().collect::<Vec<_>>(),
                    journal.bookings(object),
                );
                if listed != heard {
                    why.push(format!(
                        "{tenant}/{object}: listed {listed:#?}\nheard {heard:#?}"
                    ));
                }
            }
            why
        })
    }

    async fn compare_with_google(
        &self,
        tenant: &str,
        object: &str,
        link: &str,
        room: &str,
    ) -> Vec<String> {
        let link = match self.app.link(tenant, link).await {
            Ok(link) => link,
            Err(status) => return vec![format!("GetLink of {tenant}/{object} failed: {status}")],
        };
        if link.state() != LinkState::Verified || link.imported_at.is_none() {
            return Vec::new();
        }
        let bookings = match self.app.list_bookings(tenant, &[object.to_owned()]).await {
            Ok((bookings, _)) => bookings,
            Err(status) => return vec![format!("ListBookings of {object} failed: {status}")],
        };
        let truth = Truth::default();
        let (ours, theirs) = (
            truth.at_roomsync(&bookings),
            truth.at_google(&self.sim.control, room),
        );
        truth::difference(&ours, &theirs)
            .map(|difference| {
                format!("{tenant}/{object} is not what Google's room says.\n{difference}")
            })
            .into_iter()
            .collect()
    }

    /// Stopping is what shows messages that somebody had in hand. Whatever is left then had no
    /// chance yet: everybody works again, for another round.
    async fn stop_with_nothing_left(&mut self, expected: &[&str]) {
        let running: BTreeSet<Service> = self
            .replicas
            .iter()
            .filter(|replica| replica.is_running())
            .map(super::replica::Replica::service)
            .collect();
        let deadline = Instant::now() + SOON;
        loop {
            for service in STOPPING {
                self.stop(service).await;
            }
            let left = self.left(expected).await;
            if left.is_empty() {
                return;
            }
            let parked = left.iter().any(|left| left.contains(".dead:"));
            let hopeless = parked || Instant::now() > deadline;
            assert!(
                !hopeless,
                "`{}`: something was left behind:
{}",
                self.name,
                left.join(
                    "
"
                )
            );
            for service in Service::ALL {
                if running.contains(&service) {
                    self.restart(service).await;
                }
            }
            let gone = async || self.left(expected).await.is_empty().then_some(());
            // Whether it is gone is seen after the next stop.
            let _ = found_within(ANOTHER_ROUND, gone).await;
        }
    }

    async fn left(&self, expected: &[&str]) -> Vec<String> {
        let mut left = self.left_in_queues(expected).await;
        left.extend(self.left_in_database().await);
        left
    }

    async fn left_in_queues(&self, expected: &[&str]) -> Vec<String> {
        let consumers: Vec<&str> = self.services().into_keys().map(Service::name).collect();
        let messages = match Vhost::left(&self.vhost).await {
            Ok(messages) => messages,
            Err(error) => return vec![format!("the queues could not be looked into: {error:#}")],
        };
        messages
            .into_iter()
            .filter(|left| !expected.contains(&left.queue.as_str()))
            .filter(|left| consumers.iter().any(|name| left.queue.starts_with(name)))
            // A poll is due by the clock, not because something happened.
            .filter(|left| !left.body.contains("\"why\":\"poll\""))
            .map(|left| {
                format!(
                    "{}: {} like {} {}",
                    left.queue, left.count, left.body, left.headers
                )
            })
            .collect()
    }

    async fn left_in_database(&self) -> Vec<String> {
        let mut left = Vec::new();
        for counting in &LEFT_IN_DATABASE {
            left.extend(self.count(counting).await);
        }
        left
    }

    /// How much of something is left, if its owner is there.
    async fn count(&self, (owner, what, query): &(Service, &str, &'static str)) -> Option<String> {
        if !self.services().contains_key(owner) {
            return None;
        }
        let counted = sqlx::query_scalar::<_, i64>(*query)
            .fetch_one(self.database.pool())
            .await;
        match counted {
            Ok(0) => None,
            Ok(count) => Some(format!("{count} {what}")),
            Err(error) => Some(format!("{what} could not be counted: {error}")),
        }
    }
}
