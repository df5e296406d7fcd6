//! A linked room, with booking-command as processes of their own, and a place where one of them dies.

use std::time::Duration;

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::{HoldGuard, Operation, Settings, UserControl};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::integration::v1::TenantSettings;
use roomsync_testkit::{Cluster, FakeBookingApp, LinkedRoom, NewBooking, SOON, Service, Upstream};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::point::Point;

pub(super) const TENANT: &str = "acme";
pub(super) const OBJECT: &str = "aquarium";

/// Tomorrow at this hour.
pub(super) fn tomorrow(hour: i64) -> DateTime<Utc> {
    let today = SystemClock
        .now()
        .duration_trunc(TimeDelta::days(1))
        .expect("a day");
    today + TimeDelta::days(1) + TimeDelta::hours(hour)
}

/// Who goes on after a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Successor {
    /// The same replica, started again.
    Itself,
    /// Another replica, which was there all the time.
    Another,
}

/// Where the process dies.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    /// Before a statement of this kind, on this table, under this condition.
    Statement(&'static str, &'static str, &'static str),
    /// A call is with Google, which has not carried it out.
    Call(Operation),
    /// Google has carried the call out; the answer is lost.
    Answer(Operation),
}

/// The replica stands, or will stand, at its place of death.
pub(super) enum Stop {
    Point(Point),
    Call(HoldGuard),
}

impl Stop {
    pub(super) async fn at(cluster: &Cluster, at: At) -> Self {
        let google = cluster.google();
        match at {
            At::Statement(statement, table, when) => {
                Self::Point(Point::before(cluster.database(), statement, table, when).await)
            }
            At::Call(operation) => Self::Call(google.hold_any(operation)),
            At::Answer(operation) => Self::Call(google.hold_any_answer(operation)),
        }
    }

    pub(super) async fn reached(&mut self) {
        match self {
            Self::Point(point) => point.reached().await,
            Self::Call(hold) => tokio::time::timeout(SOON, hold.wait_until_reached())
                .await
                .expect("the call is made"),
        }
    }

    /// Takes it away, with what the dead left there.
    pub(super) async fn remove(self) {
        match self {
            Self::Point(point) => point.remove().await,
            Self::Call(hold) => hold.release(),
        }
    }
}

/// A cluster, a linked room and Ana.
pub(super) struct Scene {
    pub(super) cluster: Cluster,
    pub(super) room: LinkedRoom,
    pub(super) ana: UserControl,
    /// The app, as it calls the replica that is going to die.
    pub(super) app: FakeBookingApp,
    successor: Successor,
    callers: JoinSet<()>,
}

impl Scene {
    pub(super) async fn new(name: &str, successor: Successor) -> Self {
        Self::at_google(name, successor, |_| {}).await
    }

    pub(super) async fn at_google(
        name: &str,
        successor: Successor,
        google: impl FnOnce(&mut Settings),
    ) -> Self {
        let replicas = usize::from(successor == Successor::Another) + 1;
        let cluster = Cluster::builder(name)
            .as_process(Service::BookingCommand)
            .replicas(Service::BookingCommand, replicas)
            // Whoever goes on waits for the claim of the dead.
            .set(Service::BookingCommand, "google.timeout", "2s")
            .set(Service::BookingCommand, "google.connect_timeout", "1s")
            .set(Service::BookingCommand, "bookings.claim", "4s")
            .google(google)
            .proxied(Upstream::RabbitMq)
            .start()
            .await;
        let room = cluster.given_linked_room(TENANT, "Aquarium").await;
        let ana = room.organisation.given_user("ana");
        let app = cluster.app();
        app.given_user(TENANT, "u-ana", ana.mail()).await;
        let settings = TenantSettings {
            decline_allowed: Some(true),
            ..TenantSettings::default()
        };
        app.put_tenant(TENANT, true, settings).await;
        // sync-worker calls the first replica: the last one is the one to die.
        let app = cluster.app_at(replicas - 1);
        Self {
            cluster,
            room,
            ana,
            app,
            successor,
            callers: JoinSet::new(),
        }
    }

    pub(super) async fn stop(&self, at: At) -> Stop {
        Stop::at(&self.cluster, at).await
    }

    /// Waits until the replica stands there, kills it, lets another go on.
    pub(super) async fn dies(&mut self, stop: Stop) {
        let mut stop = stop;
        stop.reached().await;
        self.kill().await;
        stop.remove().await;
        self.succeed().await;
    }

    pub(super) async fn kill(&mut self) {
        let last = usize::from(self.successor == Successor::Another);
        self.cluster
            .kill_replica(Service::BookingCommand, last)
            .await;
    }

    pub(super) async fn succeed(&mut self) {
        if self.successor == Successor::Itself {
            self.cluster.restart(Service::BookingCommand).await;
        }
    }

    /// Ana's wish, at nine.
    pub(super) fn wish() -> NewBooking {
        NewBooking::by_user(OBJECT, tomorrow(9), "u-ana").waiting(Duration::from_secs(2))
    }

    /// Calls the replica that is going to die. Whether there is an answer is nobody's business.
    pub(super) fn calls<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        call: impl FnOnce(FakeBookingApp) -> F,
    ) {
        self.callers.spawn(call(self.app.clone()));
    }

    /// The events of a calendar that are not cancelled.
    pub(super) fn live(&self, calendar: &str) -> Vec<Value> {
        let events = self.cluster.google().events(calendar).expect("a calendar");
        let live = |event: &Value| event["status"] != "cancelled";
        events.into_iter().filter(live).collect()
    }

    /// How many rows of a table meet a condition.
    pub(super) async fn count(&self, counting: &'static str) -> i64 {
        sqlx::query_scalar(counting)
            .fetch_one(self.cluster.database().pool())
            .await
            .expect("counted")
    }
}
