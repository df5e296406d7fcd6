//! How long `CreateBooking` takes beside the bare round trips to Google that it cannot do without. The
//! simulator answers at once, rooms too. Bookings are made one after the other, each in a slot of its own;
//! after each the same calls are made by a bare client, so that both see the same machine.
//!
//! * of a device: its event is made straight on the room's calendar, with a listing of the slot before and
//!   after; confirmed when that is through;
//! * of a user: its event is made on the user's calendar and the room answers; confirmed when the room's
//!   calendar was listed, which a push asks for. The floor is the insert, and waiting until the simulator
//!   has the answer.
//!
//! Our rooms take turns: a booking meets a room that nobody booked within the last second, as a user does.
//! A second booking of a room at once waits for the rest that its calendar takes after each pull.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::scopes;
use reqwest::Client;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::{Cluster, NewBooking};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    like_production,
    load::percentile,
    report::{line, ms, ratio},
    rooms::{Room, Rooms, TENANT},
};

/// How long one booking may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rooms that take turns.
const ROOMS: usize = 80;

/// Whose booking it is.
#[derive(Debug, Clone, Copy)]
enum By {
    Device,
    User,
}

pub(crate) async fn run(count: usize) -> anyhow::Result<()> {
    let cluster = like_production::cluster("bench create")
        .google(|settings| settings.room_answer_delay = Duration::ZERO)
        .start()
        .await;
    // The floor has a room of its own, so that neither makes the other's listings longer.
    let rooms = Rooms::given(&cluster, ROOMS + 1).await;
    rooms.linked_and_watched(&cluster, 1).await?;
    rooms.opened(&cluster).await?;
    let ana = rooms.organisation.given_user("ana");
    let app = cluster.app();
    app.given_user(TENANT, "u-ana", ana.mail()).await;
    let floor = Floor::new(&cluster, &rooms, ana.mail())?;
    for by in [By::Device, By::User] {
        measure(&cluster, &rooms.all[..ROOMS], &floor, by, count).await?;
    }
    like_production::memory(&cluster, 1);
    Ok(())
}

async fn measure(
    cluster: &Cluster,
    rooms: &[Room],
    floor: &Floor,
    by: By,
    count: usize,
) -> anyhow::Result<()> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    // The first one fetches tokens and opens connections.
    for (number, room) in (0..=count).zip(rooms.iter().cycle()) {
        let start = slot(by, number)?;
        let began = Instant::now();
        book(cluster, room, by, start).await?;
        let took = began.elapsed();
        let began = Instant::now();
        floor.book(by, start).await?;
        if number > 0 {
            ours.push(took);
            bare.push(began.elapsed());
        }
    }
    ours.sort_unstable();
    bare.sort_unstable();
    line(&format!("{count} bookings of a {}", by.word()));
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let (ours, bare) = (percentile(&ours, share), percentile(&bare, share));
        line(&format!(
            "  {name}: {} beside {} of bare calls, {} more ({:.1}x)",
            ms(ours),
            ms(bare),
            ms(ours.saturating_sub(bare)),
            ratio(ours, bare),
        ));
    }
    Ok(())
}

impl By {
    fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::User => "user",
        }
    }
}

/// A quarter of an hour for each booking, from tomorrow on; users' a hundred days later.
fn slot(by: By, number: usize) -> anyhow::Result<DateTime<Utc>> {
    let day = SystemClock.now().duration_trunc(TimeDelta::days(1))?;
    let days = match by {
        By::Device => 1,
        By::User => 101,
    };
    Ok(day + TimeDelta::days(days) + TimeDelta::minutes(15 * i64::try_from(number)?))
}

async fn book(cluster: &Cluster, room: &Room, by: By, start: DateTime<Utc>) -> anyhow::Result<()> {
    let new = match by {
        By::Device => NewBooking::by_device(&room.object, start, "display-1"),
        By::User => NewBooking::by_user(&room.object, start, "u-ana"),
    };
    let new = new.until(start + TimeDelta::minutes(15)).waiting(PATIENCE);
    let answer = cluster.app().create_booking(TENANT, new).await;
    let booking = answer.context("CreateBooking failed")?.booking;
    let state = booking.unwrap_or_default().state();
    ensure!(
        state == BookingState::Confirmed,
        "a booking should be confirmed and is {state:?}"
    );
    Ok(())
}

/// The same calls by a client that does nothing else.
struct Floor {
    client: Client,
    calendar_url: String,
    room: Room,
    ana: String,
    admins_token: String,
    anas_token: String,
}

impl Floor {
    fn new(cluster: &Cluster, rooms: &Rooms, ana: &str) -> anyhow::Result<Self> {
        let google = cluster.google();
        let admin = rooms.organisation.admin.mail();
        let room = rooms.all.last().context("a room")?;
        Ok(Self {
            client: Client::builder().no_proxy().timeout(PATIENCE).build()?,
            calendar_url: google.urls().calendar_url.clone(),
            room: room.clone(),
            ana: ana.to_owned(),
            admins_token: google.user_token(admin, &[scopes::EVENTS]),
            anas_token: google.user_token(ana, &[scopes::EVENTS]),
        })
    }

    async fn book(&self, by: By, start: DateTime<Utc>) -> anyhow::Result<()> {
        match by {
            By::Device => {
                self.list(start).await?;
                self.insert(self.room.room.mail(), &self.admins_token, start, &[])
                    .await?;
                self.list(start).await
            }
            By::User => {
                let room = self.room.room.mail();
                let event = self
                    .insert(&self.ana, &self.anas_token, start, &[room])
                    .await?;
                let answered = self.room.room.wait_answered(&event, PATIENCE);
                answered.await.context("the room did not answer")?;
                Ok(())
            }
        }
    }

    fn events(&self, calendar: &str) -> String {
        let base = self.calendar_url.trim_end_matches('/');
        format!("{base}/calendars/{calendar}/events")
    }

    async fn insert(
        &self,
        calendar: &str,
        token: &str,
        start: DateTime<Utc>,
        guests: &[&str],
    ) -> anyhow::Result<String> {
        let end = start + TimeDelta::minutes(15);
        let guests: Vec<_> = guests.iter().map(|mail| json!({"email": mail})).collect();
        let event = json!({
            "start": {"dateTime": start.to_rfc3339()},
            "end": {"dateTime": end.to_rfc3339()},
            "attendees": guests,
        });
        let call = self.client.post(self.events(calendar)).bearer_auth(token);
        let answer = call.json(&event).send().await?.error_for_status()?;
        let event: Value = answer.json().await?;
        let id = event["id"].as_str().context("an event without an id")?;
        Ok(id.to_owned())
    }

    async fn list(&self, start: DateTime<Utc>) -> anyhow::Result<()> {
        let end = start + TimeDelta::minutes(15);
        let call = self
            .client
            .get(self.events(self.room.room.mail()))
            .bearer_auth(&self.admins_token)
            .query(&[
                ("timeMin", start.to_rfc3339()),
                ("timeMax", end.to_rfc3339()),
                ("singleEvents", "true".to_owned()),
            ]);
        call.send().await?.error_for_status()?.bytes().await?;
        Ok(())
    }
}
