//! The first import of many rooms at once, from the first `LinkObject` to the last `imported_at`: it
//! includes verification, the listings, Apply and everything that the services say to each other. The
//! floor is the same listings, fetched raw from the simulator by a bare client that throws them away.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, ensure};
use google_sim::{Call, Operation, scopes};
use reqwest::Client;
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::app::instant;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    like_production, meetings, quiet,
    report::{line, per, ratio},
    rooms::Rooms,
};

/// Listings that the floor has in flight: as many as one sync-worker takes messages (`broker.prefetch`).
const AT_ONCE: usize = 32;

pub(crate) async fn run(
    rooms: usize,
    occurrences: usize,
    series_length: usize,
) -> anyhow::Result<()> {
    let cluster = like_production::cluster("bench import").start().await;
    let google = cluster.google();
    let rooms = Rooms::given(&cluster, rooms).await;
    meetings::given(&rooms, occurrences, series_length).await?;
    google.clear_ledger();

    let within = Duration::from_mins(20);
    let began = rooms.link(&cluster).await?;
    let links = rooms.imported(&cluster, within).await?;
    let ended = links
        .iter()
        .filter_map(|link| instant(link.imported_at.as_ref()))
        .max()
        .context("no link at all")?;
    let took = (ended - began).to_std()?;
    quiet::wait(&cluster, 1, within).await?;
    let calls = google.ledger();

    let bookings = rooms.bookings(&cluster).await?;
    let expected = rooms.all.len() * occurrences;
    let confirmed = bookings
        .iter()
        .filter(|booking| booking.state() == BookingState::Confirmed)
        .count();
    ensure!(
        bookings.len() == expected && confirmed == expected,
        "{} bookings, {confirmed} of them confirmed, instead of {expected}: nothing to measure",
        bookings.len()
    );

    let listings: Vec<Call> = calls
        .iter()
        .filter(|call| call.operation == Operation::List && call.status == Some(200))
        .filter(|call| call.at <= ended)
        .cloned()
        .collect();
    let (count, rate) = (listings.len(), per_second(expected, took));
    line(&format!(
        "import: {expected} occurrences in {:.2} s, {rate:.0} occurrences/s",
        took.as_secs_f64()
    ));
    let token = google.user_token(rooms.organisation.admin.mail(), &[scopes::EVENTS]);
    let bare = fetch(&google.urls().calendar_url, &token, listings).await?;
    line(&format!(
        "floor, the same {count} listings fetched and thrown away: {:.2} s, {:.0} occurrences/s",
        bare.as_secs_f64(),
        per_second(expected, bare)
    ));
    line(&format!("ratio to the floor: {:.2}", ratio(took, bare)));
    line(&format!(
        "calls of Google until nothing was left to do: {}, {:.2} per room ({})",
        calls.len(),
        per(calls.len(), rooms.all.len()),
        by_operation(&calls)
    ));
    like_production::memory(&cluster, 1);
    Ok(())
}

/// Fetches listings once more, each to the end of its answer.
async fn fetch(calendar_url: &str, token: &str, calls: Vec<Call>) -> anyhow::Result<Duration> {
    let client = Client::builder()
        .no_proxy()
        .timeout(Duration::from_mins(1))
        .pool_max_idle_per_host(AT_ONCE)
        .build()?;
    let mut requests = Vec::new();
    for call in calls {
        let calendar = call.calendar.context("a listing names its calendar")?;
        let request = client
            .get(format!("{calendar_url}calendars/{calendar}/events"))
            .query(&call.query)
            .bearer_auth(token)
            .build()?;
        requests.push(request);
    }
    let began = Instant::now();
    let mut waiting = requests.into_iter();
    let mut flying = JoinSet::new();
    loop {
        while flying.len() < AT_ONCE
            && let Some(request) = waiting.next()
        {
            let client = client.clone();
            flying.spawn(async move {
                let answer = client.execute(request).await?.error_for_status()?;
                answer.bytes().await
            });
        }
        let Some(done) = flying.join_next().await else {
            return Ok(began.elapsed());
        };
        done??;
    }
}

fn by_operation(calls: &[Call]) -> String {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(kind(call)).or_insert(0) += 1;
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|(kind, n)| format!("{kind} {n}"))
        .collect();
    parts.join(", ")
}

/// What a call is for; a listing by what it was asked with.
fn kind(call: &Call) -> String {
    if call.operation != Operation::List {
        return format!("{:?}", call.operation);
    }
    let asks = |name: &str| call.query.contains_key(name);
    let by = if call.query.get("maxResults").is_some_and(|most| most == "1") {
        "to verify"
    } else if asks("syncToken") {
        "by cursor"
    } else if asks("timeMax") {
        "of the window"
    } else {
        "for a cursor"
    };
    format!("List {by}")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are small"
)]
fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
