//! Plays one sequence in a house and compares the sides.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::{Duration, Instant},
};

use google_sim::ControlError;
use proptest::{strategy::Strategy, test_runner::TestCaseError};
use roomsync_proto::integration::v1::{LinkState, SyncNowRequest};
use roomsync_testkit::{
    Journal,
    app::instant,
    truth::{Occupied, difference},
};

use crate::{
    google::Google,
    house::{House, Linked, TENANT},
    run::Play,
    sequence::{Act, Edit, Sequence, Weather, sequences},
};

/// What was done how often; refused acts are counted with a word of their own.
pub(crate) type Tally = BTreeMap<String, usize>;

impl Play for Sequence {
    const NAME: &'static str = "property";
    const CASES: usize = 300;
    const REGRESSIONS: &'static str = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions.txt");

    fn strategy() -> impl Strategy<Value = Self> {
        sequences(4..16)
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
            house.play_on(&linked, &self.acts, patience, tally),
            house.link_rooms(),
        );
        house.all_is_well_again(linked, next);
        played
    }

    fn shown(&self) -> String {
        let acts = self.acts.iter();
        let acts = acts.fold(String::new(), |said, act| format!("{said}\n  {act:?}"));
        format!("{:?}{acts}", self.weather)
    }
}

impl House {
    /// After a sequence: these rooms are left, those are for the next one.
    pub(crate) fn all_is_well_again(&mut self, left: Vec<Linked>, next: Vec<Linked>) {
        self.keep_ready(next);
        let google = self.cluster.google();
        google.clear_faults();
        google.clear_push_faults();
        self.leave(left);
    }

    pub(crate) fn set(&self, weather: &Weather) {
        let weather = weather.clone();
        self.cluster.google().configure(|settings| {
            settings.forced_page_size = weather.page_size;
            settings.empty_pages = weather.empty_pages;
            settings.sparse_tombstones = weather.sparse_tombstones;
            settings.exceptions_first = weather.exceptions_first;
            settings.moved_series_reset_exceptions = weather.moved_series_reset_exceptions;
            settings.stale_exceptions_survive = weather.stale_exceptions_survive;
            settings.time_min_hides_running_series = weather.time_min_hides_running_series;
            settings.room_answer_delay = Duration::from_millis(weather.answer_delay);
        });
    }

    async fn play_on(
        &self,
        linked: &[Linked],
        acts: &[Act],
        patience: Duration,
        tally: &mut Tally,
    ) -> Result<(), TestCaseError> {
        let rooms = linked.iter().map(|linked| linked.room.clone()).collect();
        let mut google = Google::new(self.cluster.google(), &self.users, rooms);
        for act in acts {
            self.play_act(&mut google, linked, act, patience, tally)
                .await?;
        }
        self.settle(linked, patience).await?;
        self.links_stand(linked).await
    }

    /// One step of what people do in Google.
    pub(crate) async fn play_act(
        &self,
        google: &mut Google<'_>,
        linked: &[Linked],
        act: &Act,
        patience: Duration,
        tally: &mut Tally,
    ) -> Result<(), TestCaseError> {
        let played = match act {
            Act::Insert {
                who,
                slot,
                kind,
                rooms,
            } => google.insert(*who, *slot, kind, *rooms),
            Act::InsertOnRoom {
                who,
                room,
                slot,
                kind,
            } => google.insert_on_room(*who, *room, *slot, kind),
            Act::Edit {
                event,
                date,
                edit,
                watched,
            } => match google.target(*event, *date) {
                None => return Ok(()),
                Some((whole, id)) if *watched => {
                    self.edit_watched(google, linked, (&whole, &id), edit, patience)
                        .await?
                }
                Some((whole, id)) => google.edit(&whole, &id, edit),
            },
            Act::Reshape { event, reshape } => google.reshape(*event, reshape),
            Act::Trouble { room, trouble } => google.trouble(*room, trouble),
            Act::SyncNow { room } => {
                self.sync_now(linked, *room).await?;
                Ok(())
            }
            Act::Settle => {
                self.settle(linked, patience).await?;
                Ok(())
            }
        };
        let word = match played {
            Ok(()) => act.word(),
            Err(ControlError::Refused { .. } | ControlError::Unknown { .. }) => {
                format!("{} (refused)", act.word())
            }
            Err(error) => panic!("{act:?} cannot be played: {error}"),
        };
        *tally.entry(word).or_default() += 1;
        Ok(())
    }

    /// What merely moves keeps its bookings. That is promised where every date of the event was
    /// booked before and is booked afterwards, as many as before, and nothing else has changed: a
    /// room that declines one date and frees another gives no promise. Nor does a series that comes to
    /// lie on its own dates, as a daily one moved by a day: what it still has stays, its first date
    /// ends and its last one is new.
    async fn edit_watched(
        &self,
        google: &mut Google<'_>,
        linked: &[Linked],
        (whole, id): (&str, &str),
        edit: &Edit,
        patience: Duration,
    ) -> Result<crate::google::Played, TestCaseError> {
        self.settle(linked, patience).await?;
        let before: Vec<_> = linked.iter().map(|l| self.standing(l, whole)).collect();
        let ids_before = self.ids(linked).await?;
        let played = google.edit(whole, id, edit);
        self.settle(linked, patience).await?;
        let after: Vec<_> = linked.iter().map(|l| self.standing(l, whole)).collect();
        let ids_after = self.ids(linked).await?;
        for (place, linked) in linked.iter().enumerate() {
            let kept = before[place].promises(&after[place]);
            if kept && ids_before[place] != ids_after[place] {
                return Err(TestCaseError::fail(format!(
                    "{}: bookings that merely moved have other ids after {edit:?} of {id}:\n\
                     before {:?}\nafter {:?}",
                    linked.object, ids_before[place], ids_after[place]
                )));
            }
        }
        Ok(played)
    }

    /// The ids of the bookings in reach, room by room.
    async fn ids(&self, linked: &[Linked]) -> Result<Vec<BTreeSet<String>>, TestCaseError> {
        let mut ids = vec![BTreeSet::new(); linked.len()];
        let objects: Vec<_> = linked.iter().map(|linked| linked.object.clone()).collect();
        let listed = self.cluster.app().list_bookings(TENANT, &objects).await;
        let (bookings, _) = listed.map_err(|status| fail(format!("ListBookings: {status}")))?;
        for booking in bookings {
            let start = booking.window.as_ref().and_then(|w| w.starts_at.as_ref());
            let reached = instant(start).is_some_and(|start| self.truth.reaches(start));
            let place = objects.iter().position(|it| *it == booking.object_id);
            if let Some(place) = place.filter(|_| reached) {
                ids[place].insert(booking.booking_id);
            }
        }
        Ok(ids)
    }

    fn standing(&self, linked: &Linked, whole: &str) -> Standing {
        let room = linked.room.mail();
        let occurrences = self.truth.occurrences(self.cluster.google(), room);
        let mut standing = Standing::default();
        for event in occurrences {
            let of_it = event["id"] == whole || event["recurringEventId"] == whole;
            let booked = self.truth.occupied(&event, room);
            if !of_it {
                standing.others.extend(booked);
            } else if event["status"] != "cancelled" {
                standing.dates += 1;
                standing
                    .slots
                    .insert(event["originalStartTime"].to_string());
                standing.booked += usize::from(booked.is_some());
            }
        }
        standing.others.sort();
        standing
    }

    /// Waits until `ListBookings`, the subscriber and Google's rooms say the same. Rooms that still
    /// answer, pushes that are under way and faults that wait change what they say meanwhile.
    pub(crate) async fn settle(
        &self,
        linked: &[Linked],
        patience: Duration,
    ) -> Result<(), TestCaseError> {
        let deadline = Instant::now() + patience;
        loop {
            // Looked at with every message of the stream, heartbeats among them.
            let left = deadline.saturating_duration_since(Instant::now());
            let heard = self.subscriber.found_within(left, |journal| {
                self.unheard(journal, linked).is_empty().then_some(())
            });
            let mut why = match heard.await {
                Some(()) => self.unlisted(linked).await,
                None => self
                    .subscriber
                    .journal(|journal| self.unheard(journal, linked)),
            };
            if why.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                why = format!("not within {patience:?}:\n{why}");
                return Err(fail(why));
            }
        }
    }

    /// Where the stream and Google differ.
    fn unheard(&self, journal: &Journal, linked: &[Linked]) -> String {
        let mut why = String::new();
        for linked in linked {
            let heard = self.truth.at_roomsync(&journal.bookings(&linked.object));
            why += &self.against_google("the stream", linked, &heard);
        }
        if !journal.gaps.is_empty() {
            let _ = writeln!(why, "the subscriber missed {:?}", journal.gaps);
        }
        why
    }

    /// Where `ListBookings` and Google differ, or the versions that were listed and heard.
    async fn unlisted(&self, linked: &[Linked]) -> String {
        let objects: Vec<_> = linked.iter().map(|linked| linked.object.clone()).collect();
        let (bookings, versions) = match self.cluster.app().list_bookings(TENANT, &objects).await {
            Ok(listed) => listed,
            Err(status) => return format!("ListBookings: {status}"),
        };
        let mut why = String::new();
        for linked in linked {
            let object = &linked.object;
            let listed = bookings.iter().filter(|it| it.object_id == *object);
            let listed = self.truth.at_roomsync(listed);
            why += &self.against_google("ListBookings", linked, &listed);
            let heard = self.subscriber.journal(|journal| journal.version(object));
            let listed = versions.get(object);
            if listed != Some(&heard) {
                let _ = writeln!(why, "{object}: heard {heard}, listed {listed:?}");
            }
        }
        why
    }

    fn against_google(&self, who: &str, linked: &Linked, said: &[Occupied]) -> String {
        let google = self
            .truth
            .at_google(self.cluster.google(), linked.room.mail());
        difference(said, &google)
            .map(|differs| format!("{}, {who} against Google:\n{differs}\n", linked.object))
            .unwrap_or_default()
    }

    /// Nothing of all this is a reason to give a link up.
    pub(crate) async fn links_stand(&self, linked: &[Linked]) -> Result<(), TestCaseError> {
        for linked in linked {
            let link = self.cluster.app().link(TENANT, &linked.link).await;
            let link = link.map_err(|status| fail(format!("GetLink: {status}")))?;
            if link.state() != LinkState::Verified {
                return Err(fail(format!("the link of {} is {link:?}", linked.object)));
            }
        }
        Ok(())
    }

    /// An administrator who presses the button too often is told so.
    async fn sync_now(&self, linked: &[Linked], room: Option<usize>) -> Result<(), TestCaseError> {
        let object_id = room.map(|room| linked[room % linked.len()].object.clone());
        let request = SyncNowRequest {
            tenant_id: TENANT.to_owned(),
            object_id: object_id.unwrap_or_default(),
        };
        match self.cluster.app().links().sync_now(request).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == tonic::Code::ResourceExhausted => Ok(()),
            Err(status) => Err(fail(format!("SyncNow: {status:?}"))),
        }
    }
}

/// What of a room is an event's, and the rest.
#[derive(Debug, Default)]
struct Standing {
    /// Dates of the event that are on the room's calendar.
    dates: usize,
    /// Those of them that are bookings.
    booked: usize,
    /// Where the event's series put them; one for all when it is none.
    slots: BTreeSet<String>,
    others: Vec<Occupied>,
}

impl Standing {
    fn promises(&self, after: &Self) -> bool {
        self.others == after.others
            && self.dates == self.booked
            && after.dates == after.booked
            && self.dates == after.dates
            && (self.slots == after.slots || self.slots.is_disjoint(&after.slots))
    }
}

pub(crate) fn fail(why: String) -> TestCaseError {
    TestCaseError::fail(why)
}
