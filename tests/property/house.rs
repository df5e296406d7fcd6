//! The house of a worker: one cluster with a tenant, three users at Google of whom the main app
//! knows two, a user of the main app whom Google does not know, and rooms that are linked in advance, so that no sequence waits for a link.

use std::collections::BTreeMap;

use google_sim::{NewRoom, RoomControl, UserControl};
use roomsync_proto::integration::v1::TenantSettings;
use roomsync_testkit::{
    Cluster, Organisation, Service, Subscriber,
    truth::{People, Truth},
};
use tokio::task::JoinSet;

use crate::sequence::ROOMS;

pub(crate) const TENANT: &str = "acme";
/// Short, so that an endless series is no large one.
pub(crate) const HORIZON_DAYS: i32 = 60;

/// A room and the object that it is linked with.
#[derive(Debug, Clone)]
pub(crate) struct Linked {
    pub(crate) object: String,
    pub(crate) link: String,
    pub(crate) room: RoomControl,
}

pub(crate) struct House {
    pub(crate) cluster: Cluster,
    pub(crate) users: Vec<UserControl>,
    pub(crate) subscriber: Subscriber,
    pub(crate) truth: Truth,
    pub(crate) organisation: Organisation,
    /// Counts sequences, for the names of rooms.
    number: usize,
    /// The rooms of the next sequence.
    ready: Vec<Linked>,
    leaving: JoinSet<()>,
}

impl House {
    pub(crate) async fn open(name: &str) -> Self {
        let cluster = Cluster::builder(name)
            // The sequences bring their own troubles with pushes, each for itself.
            .with_every_push("push faults are part of a sequence")
            .set(Service::SyncWorker, "sync.poll_with_push", "1s")
            // Nobody reads it here, and every poll would report it.
            .set(Service::SyncWorker, "sync.coverage_every", "5s")
            // What Google's limits do is tested elsewhere.
            .set(
                Service::SyncWorker,
                "sync.tenant_requests_per_minute",
                600_000,
            )
            .set(
                Service::BookingCommand,
                "budget.per_user_per_minute",
                600_000,
            )
            .set(
                Service::BookingCommand,
                "budget.per_project_per_minute",
                600_000,
            )
            .set(
                Service::BookingCommand,
                "budget.directory_per_user_per_minute",
                600_000,
            )
            .start()
            .await;
        let app = cluster.app().clone();
        let settings = TenantSettings {
            horizon_days: Some(HORIZON_DAYS),
            ..TenantSettings::default()
        };
        app.put_tenant(TENANT, true, settings).await;
        let organisation = Organisation::given(cluster.google(), "acme.example");
        app.connect(TENANT, &organisation).await;
        let users: Vec<_> = ["ana", "ben", "zoe"]
            .map(|name| organisation.given_user(name))
            .into();
        let mut people = People {
            users: BTreeMap::new(),
            own_subjects: vec![organisation.admin.mail().to_owned()],
        };
        // Zoe is nobody to the main app.
        for (user, id) in users.iter().zip(["u-ana", "u-ben"]) {
            app.given_user(TENANT, id, user.mail()).await;
            people.users.insert(user.mail().to_owned(), id.to_owned());
        }
        // Gus is nobody to Google.
        let gus = "gus@elsewhere.example";
        app.given_user(TENANT, "u-gus", gus).await;
        people.users.insert(gus.to_owned(), "u-gus".to_owned());
        // From before the first link on: what it knows is what the stream alone told it.
        let subscriber = app.subscribe(TENANT).await;
        let mut house = Self {
            cluster,
            users,
            subscriber,
            truth: Truth::default().of(people).within_days(HORIZON_DAYS.into()),
            organisation,
            number: 0,
            ready: Vec::new(),
            leaving: JoinSet::new(),
        };
        house.ready = house.link_rooms().await;
        house
    }

    /// Rooms that nobody has used. They are to be replaced by [`House::link_rooms`] while a
    /// sequence is played on these. A sequence that broke off has left none.
    pub(crate) async fn fresh_rooms(&mut self) -> Vec<Linked> {
        self.number += 1;
        if self.ready.is_empty() {
            self.ready = self.link_rooms().await;
            self.number += 1;
        }
        std::mem::take(&mut self.ready)
    }

    pub(crate) fn keep_ready(&mut self, rooms: Vec<Linked>) {
        self.ready = rooms;
    }

    /// Makes the rooms of the next sequence and links them. The second one goes by another clock
    /// than the others.
    pub(crate) async fn link_rooms(&self) -> Vec<Linked> {
        let (one, two, three) = tokio::join!(
            self.link(0, "UTC"),
            self.link(1, "Europe/Berlin"),
            self.link(2, "UTC")
        );
        let rooms = vec![one, two, three];
        assert_eq!(rooms.len(), ROOMS);
        rooms
    }

    async fn link(&self, room: usize, zone: &str) -> Linked {
        let app = self.cluster.app();
        let object = format!("room-{:04}-{room}", self.number);
        let room = NewRoom::named(&object).in_zone(zone);
        let room = self.organisation.org.add_room(room);
        let room = room.unwrap_or_else(|error| panic!("no room {object}: {error}"));
        app.given_object(TENANT, &object).await;
        let link = app.link_object(TENANT, &object, room.mail()).await;
        let link = app.wait_imported(TENANT, &link.link_id).await.link_id;
        Linked { object, link, room }
    }

    /// Nobody needs these rooms any more: they are not to be polled for the rest of the run.
    pub(crate) fn leave(&mut self, rooms: Vec<Linked>) {
        let app = self.cluster.app().clone();
        self.leaving.spawn(async move {
            for linked in rooms {
                app.delete_object(TENANT, &linked.object).await;
            }
        });
    }

    /// After a failure there is no order to expect: the cluster only cleans up, and nobody complains of calls
    /// that its end cuts off.
    pub(crate) async fn abandon(mut self) {
        self.leaving.shutdown().await;
    }

    /// Everything is in order, and nothing was parked in all this.
    pub(crate) async fn close(mut self) {
        let unused = std::mem::take(&mut self.ready);
        self.leave(unused);
        while let Some(left) = self.leaving.join_next().await {
            assert!(left.is_ok(), "an object could not be deleted");
        }
        self.cluster.finish().await;
    }
}
