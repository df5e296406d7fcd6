//! Many rooms of one tenant, linked all at once as an administrator's import would.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use google_sim::RoomControl;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::{
    booking::v1::Booking,
    integration::v1::{Link, ListLinksRequest, Object},
};
use roomsync_testkit::{Cluster, app::Organisation, found_within};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::report::line;

pub(crate) const TENANT: &str = "acme";

/// Objects in one `UpsertObjects`.
const OBJECTS_AT_ONCE: usize = 500;
/// `LinkObject`s in flight.
const LINKS_AT_ONCE: usize = 16;
/// How often the links are looked at while they are imported: seldom enough not to be in the way.
const LOOK: Duration = Duration::from_millis(500);

/// A room and the object that it is linked with.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pub(crate) object: String,
    pub(crate) room: RoomControl,
}

/// The rooms of a connected tenant.
pub(crate) struct Rooms {
    pub(crate) organisation: Organisation,
    pub(crate) all: Vec<Room>,
}

impl Rooms {
    /// A connected tenant with objects and rooms; nothing is linked yet.
    pub(crate) async fn given(cluster: &Cluster, count: usize) -> Self {
        let app = cluster.app();
        let organisation = Organisation::given(cluster.google(), "acme.example");
        app.given_tenant(TENANT).await;
        app.connect(TENANT, &organisation).await;
        let all: Vec<Room> = (0..count)
            .map(|number| Room {
                object: format!("room-{number}"),
                room: organisation.given_room(&format!("Room {number}")),
            })
            .collect();
        for rooms in all.chunks(OBJECTS_AT_ONCE) {
            app.upsert_objects(TENANT, rooms.iter().map(object).collect())
                .await;
        }
        Self { organisation, all }
    }

    /// Links all of them; returns when the first call was made.
    pub(crate) async fn link(&self, cluster: &Cluster) -> anyhow::Result<DateTime<Utc>> {
        let began = SystemClock.now();
        let mut waiting = self.all.iter().cloned();
        let mut calls = JoinSet::new();
        loop {
            while calls.len() < LINKS_AT_ONCE
                && let Some(Room { object, room }) = waiting.next()
            {
                let app = cluster.app().clone();
                calls.spawn(async move { app.try_link_object(TENANT, &object, room.mail()).await });
            }
            let Some(done) = calls.join_next().await else {
                return Ok(began);
            };
            done??;
        }
    }

    /// Waits until every link is imported.
    pub(crate) async fn imported(
        &self,
        cluster: &Cluster,
        within: Duration,
    ) -> anyhow::Result<Vec<Link>> {
        let deadline = Instant::now() + within;
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let own: BTreeSet<&str> = self.all.iter().map(|room| room.object.as_str()).collect();
            let mut links = links(cluster).await?;
            links.retain(|link| own.contains(link.object_id.as_str()));
            let imported = links.iter().filter(|l| l.imported_at.is_some()).count();
            if imported == self.all.len() {
                return Ok(links);
            }
            ensure!(
                Instant::now() < deadline,
                "{imported} of {} rooms were imported within {within:?}",
                self.all.len()
            );
        }
    }

    /// Links all, waits until they are imported and watched by a channel and nothing is left to do.
    pub(crate) async fn linked_and_watched(
        &self,
        cluster: &Cluster,
        replicas: usize,
    ) -> anyhow::Result<()> {
        let within = Duration::from_mins(10);
        self.link(cluster).await?;
        self.imported(cluster, within).await?;
        let rooms: BTreeSet<String> = self.all.iter().map(|r| r.room.mail().to_owned()).collect();
        found_within(within, async || {
            let channels = cluster.google().channels();
            let watched: BTreeSet<_> = channels.iter().map(|c| c.calendar.clone()).collect();
            rooms.is_subset(&watched).then_some(())
        })
        .await
        .context("not every room is watched")?;
        crate::quiet::wait(cluster, replicas, within).await?;
        line(&format!("{} rooms linked and watched", self.all.len()));
        Ok(())
    }

    /// Opens the objects for booking, as the main app does once it has removed its own bookings.
    pub(crate) async fn opened(&self, cluster: &Cluster) -> anyhow::Result<()> {
        for link in links(cluster).await? {
            cluster.app().acknowledge(TENANT, &link.link_id).await?;
        }
        Ok(())
    }

    /// Every live booking, by `ListBookings`.
    pub(crate) async fn bookings(&self, cluster: &Cluster) -> anyhow::Result<Vec<Booking>> {
        let mut bookings = Vec::new();
        for rooms in self.all.chunks(OBJECTS_AT_ONCE) {
            let objects: Vec<_> = rooms.iter().map(|room| room.object.clone()).collect();
            let (listed, _) = cluster.app().list_bookings(TENANT, &objects).await?;
            bookings.extend(listed);
        }
        Ok(bookings)
    }
}

fn object(room: &Room) -> Object {
    Object {
        object_id: room.object.clone(),
        name: room.object.clone(),
        location: "HQ".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        capacity: 8,
        blocked: Vec::new(),
        read_only: false,
    }
}

async fn links(cluster: &Cluster) -> anyhow::Result<Vec<Link>> {
    let (mut links, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListLinksRequest {
            tenant_id: TENANT.to_owned(),
            page_size: 500,
            page_token,
        };
        let answer = cluster.app().links().list_links(request).await;
        let page = answer.context("ListLinks failed")?.into_inner();
        links.extend(page.links);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(links);
        }
    }
}
