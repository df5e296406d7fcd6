//! Many rooms of one tenant, linked at once as an administrator's import would; and how long it takes until
//! a change in one room is heard.

use std::time::Duration;

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::{Call, NewEvent, RoomControl};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_testkit::{
    Cluster, LinkedRoom,
    app::{Organisation, instant},
    found_within,
};
use tokio::time::Instant;

/// A day ahead, and so many hours.
pub(crate) fn in_hours(hours: usize) -> DateTime<Utc> {
    let today = SystemClock.now().duration_trunc(TimeDelta::days(1));
    let hours = i64::try_from(hours).expect("few");
    today.expect("a day") + TimeDelta::days(1) + TimeDelta::hours(hours)
}

/// Rooms of a tenant, with an object each.
pub(crate) struct Crowd {
    tenant: String,
    admin: String,
    pub(crate) all: Vec<(String, RoomControl)>,
}

impl Crowd {
    /// Of a tenant that is connected with the organisation. Nothing is linked yet.
    pub(crate) async fn given(
        cluster: &Cluster,
        tenant: &str,
        organisation: &Organisation,
        count: usize,
    ) -> Self {
        let mut all = Vec::new();
        for number in 0..count {
            let object = format!("crowd-{number}");
            cluster.app().given_object(tenant, &object).await;
            all.push((object, organisation.given_room(&format!("Crowd {number}"))));
        }
        Self {
            tenant: tenant.to_owned(),
            admin: organisation.admin.mail().to_owned(),
            all,
        }
    }

    /// Asks for all links.
    pub(crate) async fn link(&self, cluster: &Cluster) {
        for (object, room) in &self.all {
            cluster
                .app()
                .link_object(&self.tenant, object, room.mail())
                .await;
        }
    }

    /// Waits until every link of the tenant is imported and watched.
    pub(crate) async fn imported(&self, cluster: &Cluster, within: Duration) {
        let mut missing = 0;
        let imported = found_within(within, async || {
            missing = self.missing(cluster).await;
            (missing == 0).then_some(())
        });
        assert!(
            imported.await.is_some(),
            "{missing} links are not imported within {within:?}"
        );
    }

    /// How many links are not imported and watched.
    pub(crate) async fn missing(&self, cluster: &Cluster) -> usize {
        let links = cluster.app().list_links(&self.tenant).await;
        let links = links.expect("ListLinks answers");
        let is_missing = |link: &&roomsync_proto::integration::v1::Link| {
            let state = link.coverage.as_ref().map(|it| it.channel_state.as_str());
            link.imported_at.is_none() || state != Some("open")
        };
        links.iter().filter(is_missing).count()
    }

    /// Books every room at Google, straight on its calendar.
    pub(crate) fn change(&self, at: DateTime<Utc>) {
        for (_, room) in &self.all {
            change(room, &self.admin, at);
        }
    }
}

fn change(room: &RoomControl, admin: &str, at: DateTime<Utc>) {
    let event = NewEvent::timed(at, at + TimeDelta::minutes(30));
    room.insert_event(admin, event).expect("Google takes it");
}

/// Books a room at Google, straight on its calendar; how long until the subscriber has heard of it.
pub(crate) async fn heard(room: &LinkedRoom, at: DateTime<Utc>) -> Duration {
    let began = Instant::now();
    change(&room.room, room.organisation.admin.mail(), at);
    hears(room, &room.object, at).await;
    began.elapsed()
}

/// Waits until a tenant's subscriber knows of a booking that begins then.
pub(crate) async fn hears(room: &LinkedRoom, object: &str, at: DateTime<Utc>) {
    room.subscriber
        .wait_for("the change", |journal| {
            let begins = |booking: &roomsync_proto::booking::v1::Booking| {
                let window = booking.window.as_ref();
                instant(window.and_then(|window| window.starts_at.as_ref())) == Some(at)
            };
            journal.bookings(object).iter().any(begins).then_some(())
        })
        .await;
}

/// So many changes of a room, one after the other; how long each took, the shortest first.
pub(crate) async fn latencies(room: &LinkedRoom, from: usize, count: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    for number in from..from + count {
        took.push(heard(room, in_hours(number)).await);
    }
    took.sort_unstable();
    took
}

/// Whether Google refused a call for its quota.
pub(crate) fn is_rejected(call: &Call) -> bool {
    matches!(call.status, Some(403 | 429))
}
