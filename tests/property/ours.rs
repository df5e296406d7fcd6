//! Plays what both sides do to linked rooms, and checks what must hold of bookings made in Flexopus:
//! no event without a booking, no booking twice, no slot booked twice by us.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use proptest::{strategy::Strategy, test_runner::TestCaseError};
use roomsync_testkit::found_within;
use serde_json::Value;
use sqlx::FromRow;

use crate::{
    deeds::{Interplay, Step, interplays},
    desk::{Desk, goes_wrong},
    google::Google,
    house::{House, Linked, TENANT},
    play::{Tally, fail},
    run::Play,
    sequence::Act,
};

/// A booking made in Flexopus, as it is stored.
#[derive(Debug, FromRow)]
struct Ours {
    object_id: String,
    event_id: String,
    /// Of what somebody made a series of.
    series_id: Option<String>,
    event_calendar: Option<String>,
    state: String,
    event_kept: bool,
    google_write: Option<String>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

impl Play for Interplay {
    const NAME: &'static str = "interplay";
    const CASES: usize = 150;
    const REGRESSIONS: &'static str = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions_both.txt");

    fn strategy() -> impl Strategy<Value = Self> {
        interplays(6..20)
    }

    async fn play(
        &self,
        house: &mut House,
        patience: Duration,
        tally: &mut Tally,
    ) -> Result<(), TestCaseError> {
        let linked = house.fresh_rooms().await;
        house.set(&self.weather);
        let (played, next) = tokio::join!(
            house.interplay(&linked, &self.steps, patience, tally),
            house.link_rooms(),
        );
        house.all_is_well_again(linked, next);
        played
    }

    fn shown(&self) -> String {
        let steps = self.steps.iter();
        let steps = steps.fold(String::new(), |said, step| format!("{said}\n  {step:?}"));
        format!("{:?}{steps}", self.weather)
    }
}

impl House {
    async fn interplay(
        &self,
        linked: &[Linked],
        steps: &[Step],
        patience: Duration,
        tally: &mut Tally,
    ) -> Result<(), TestCaseError> {
        let rooms = linked.iter().map(|linked| linked.room.clone()).collect();
        let mut google = Google::new(self.cluster.google(), &self.users, rooms);
        let mut desk = Desk::open(self.cluster.app(), linked).await?;
        for step in steps {
            // What Flexopus has made, people see in their calendars and change there.
            for ours in self.ours(linked).await {
                if let Some(calendar) = ours.event_calendar {
                    google.found(&ours.event_id, &calendar);
                }
            }
            match step {
                Step::Google(Act::Settle) => {
                    self.come_to_rest(linked, &google, &mut desk, patience, tally)
                        .await?;
                }
                Step::Google(act) => {
                    self.play_act(&mut google, linked, act, patience, tally)
                        .await?;
                }
                Step::Flexopus(deed) => desk.play(deed, tally).await?,
                Step::Writing(trouble) => goes_wrong(google.control, trouble),
            }
            if !matches!(step, Step::Google(_)) {
                *tally.entry(step.word()).or_default() += 1;
            }
        }
        self.come_to_rest(linked, &google, &mut desk, patience, tally)
            .await?;
        self.links_stand(linked).await
    }

    /// Every call is answered, both sides agree, and what we made is in order.
    async fn come_to_rest(
        &self,
        linked: &[Linked],
        google: &Google<'_>,
        desk: &mut Desk<'_>,
        patience: Duration,
        tally: &mut Tally,
    ) -> Result<(), TestCaseError> {
        desk.answer_all(patience, tally).await?;
        // Agreeing and being in order at once: what is still written changes what Google says, and what
        // the mirror sees may have to be written.
        let deadline = Instant::now() + patience;
        loop {
            self.come_in_order(linked, google, deadline).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            self.settle(linked, left).await?;
            if self.not_in_order(linked, google).await.is_empty() {
                break;
            }
        }
        for (request, bookings) in &desk.answered {
            if bookings.len() > 1 {
                return Err(fail(format!("{request} was answered with {bookings:?}")));
            }
        }
        Ok(())
    }

    async fn come_in_order(
        &self,
        linked: &[Linked],
        google: &Google<'_>,
        deadline: Instant,
    ) -> Result<(), TestCaseError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut why = String::new();
        let rest = found_within(left, async || {
            why = self.not_in_order(linked, google).await;
            why.is_empty().then_some(())
        });
        match rest.await {
            Some(()) => Ok(()),
            None => Err(fail(format!("not in time:\n{why}"))),
        }
    }

    async fn ours(&self, linked: &[Linked]) -> Vec<Ours> {
        let objects: Vec<_> = linked.iter().map(|linked| linked.object.clone()).collect();
        sqlx::query_as(
            "SELECT object_id, event_id, series_id, event_calendar, state, event_kept,
                google_write, starts_at, ends_at
            FROM booking.bookings
            WHERE tenant_id = $1 AND object_id = ANY ($2) AND placement IS NOT NULL",
        )
        .bind(TENANT)
        .bind(objects)
        .fetch_all(self.cluster.database().pool())
        .await
        .unwrap_or_else(|error| panic!("booking.bookings: {error}"))
    }

    /// The events and series of rooms that have, or had, a booking.
    async fn mirrored(&self, linked: &[Linked]) -> BTreeSet<String> {
        let objects: Vec<_> = linked.iter().map(|linked| linked.object.clone()).collect();
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT coalesce(series_id, event_id)
            FROM booking.bookings
            WHERE tenant_id = $1 AND object_id = ANY ($2)",
        )
        .bind(TENANT)
        .bind(objects)
        .fetch_all(self.cluster.database().pool())
        .await
        .unwrap_or_else(|error| panic!("booking.bookings: {error}"));
        ids.into_iter().collect()
    }

    async fn not_in_order(&self, linked: &[Linked], google: &Google<'_>) -> String {
        let ours = self.ours(linked).await;
        let mut why = String::new();
        for one in &ours {
            let waits = matches!(one.state.as_str(), "requested" | "declining");
            if waits || one.google_write.is_some() {
                let _ = writeln!(why, "Google has yet to be told: {one:?}");
            }
            if let Some(orphan) = self.orphan(one) {
                let _ = writeln!(
                    why,
                    "an event of a booking that was rejected: {orphan}, {one:?}"
                );
            }
        }
        let mirrored = self.mirrored(linked).await;
        for linked in linked {
            self.strangers(linked, &mirrored, &mut why);
            self.booked_twice(linked, google, &ours, &mut why);
        }
        why
    }

    /// The event of a rejected booking that is still there and was not left there on purpose.
    fn orphan(&self, ours: &Ours) -> Option<Value> {
        if ours.state != "rejected" || ours.event_kept {
            return None;
        }
        let calendar = ours.event_calendar.as_deref()?;
        let event = self.cluster.google().event(calendar, &ours.event_id).ok()?;
        (event["status"] != "cancelled").then_some(event)
    }

    /// Of events that nobody at Google changed by hand since: two of ours that overlap, and one of
    /// ours in a slot that was taken when it was made.
    fn booked_twice(&self, linked: &Linked, google: &Google<'_>, ours: &[Ours], why: &mut String) {
        let room = linked.room.mail();
        let untouched = |one: &Ours| {
            let (id, series) = (&one.event_id, &one.series_id);
            !google.is_touched(&serde_json::json!({ "id": id, "recurringEventId": series }))
        };
        let live: Vec<_> = ours
            .iter()
            .filter(|one| one.object_id == linked.object && untouched(one))
            .filter(|one| !matches!(one.state.as_str(), "rejected" | "removed"))
            .collect();
        for (place, one) in live.iter().enumerate() {
            for other in &live[place + 1..] {
                if one.starts_at < other.ends_at && other.starts_at < one.ends_at {
                    let _ = writeln!(why, "both ours, at once: {one:?} and {other:?}");
                }
            }
        }
        let occurrences = self.truth.occurrences(self.cluster.google(), room);
        let stands: Vec<_> = occurrences
            .iter()
            .filter(|event| !google.is_touched(event))
            .filter_map(|event| Some((event, self.truth.occupied(event, room)?)))
            .filter(|(_, occupied)| occupied.is_confirmed())
            .collect();
        for (event, mine) in &stands {
            if ours.iter().all(|one| event["id"] != one.event_id.as_str()) {
                continue;
            }
            for (earlier, taken) in &stands {
                let created = |event: &Value| event["created"].as_str().map(str::to_owned);
                if created(earlier) < created(event) && mine.overlaps(taken) {
                    let _ = writeln!(why, "booked although taken: {event} by {earlier}");
                }
            }
        }
    }

    /// Events with our mark that no booking explains. Of one that somebody made a series, all dates have one, and a
    /// series without a date has none.
    fn strangers(&self, linked: &Linked, mirrored: &BTreeSet<String>, why: &mut String) {
        let room = linked.room.mail();
        let dates = self.truth.occurrences(self.cluster.google(), room);
        for event in linked.room.events().unwrap_or_default() {
            let id = event["id"].as_str().unwrap_or_default();
            let said = event["extendedProperties"]["shared"]["flexopus"].as_str();
            let made_here = said.is_some_and(|said| said.replace('-', "").contains(id));
            let is_empty = event["recurrence"].is_array()
                && dates.iter().all(|date| date["recurringEventId"] != id);
            if made_here && !is_empty && !mirrored.contains(id) {
                let _ = writeln!(why, "{}: no booking has {event}", linked.object);
            }
        }
    }
}
