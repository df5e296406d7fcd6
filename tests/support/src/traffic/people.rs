//! People who book: in Google Calendar (new, moved, cancelled) and in Flexopus (booked, withdrawn), without
//! pause. Every meeting has an hour of its own, so that nobody is refused because of somebody else.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::{NewEvent, UserControl, When};
use roomsync_domain::{Clock as _, SystemClock};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{Rooms, TENANT};
use crate::{Cluster, Dice, FakeBookingApp, LinkedRoom, NewBooking, app::user, eventually};

/// A deed so often.
const PACE: Duration = Duration::from_millis(150);
/// How many ask for a booking at once.
const MOST_CALLS: usize = 6;
/// How long a booker waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long some deeds may take on a busy machine.
const LONG: Duration = Duration::from_mins(1);

/// Hours that are free, each given away once.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots(Arc<AtomicI64>);

impl Slots {
    fn next(&self) -> DateTime<Utc> {
        let today = SystemClock
            .now()
            .duration_trunc(TimeDelta::days(1))
            .expect("a day");
        let hour = self.0.fetch_add(1, Ordering::Relaxed);
        today + TimeDelta::days(1) + TimeDelta::hours(hour)
    }
}

/// Goes on until it is stopped.
#[derive(Debug)]
pub struct Traffic {
    done: watch::Receiver<usize>,
    stop: watch::Sender<bool>,
    task: JoinSet<()>,
}

impl Rooms {
    /// Lets people book from now on.
    pub fn traffic(&self, cluster: &Cluster, dice: Dice) -> Traffic {
        let (stop, stopped) = watch::channel(false);
        let (count, done) = watch::channel(0);
        let people = People {
            rooms: self.linked.clone(),
            ana: self.ana.clone(),
            app: cluster.app().clone(),
            slots: self.slots.clone(),
            dice,
            events: Vec::new(),
            booked: Arc::default(),
            asking: JoinSet::new(),
        };
        let mut task = JoinSet::new();
        task.spawn(people.run(stopped, count));
        Traffic { done, stop, task }
    }
}

impl Traffic {
    /// How many things people did.
    pub fn deeds(&self) -> usize {
        *self.done.borrow()
    }

    /// Waits until people did so many things more.
    pub async fn goes_on(&self, deeds: usize) {
        let before = *self.done.borrow();
        let done = eventually(LONG, "people go on", async || {
            (*self.done.borrow() >= before + deeds).then_some(())
        });
        done.await;
    }

    /// Nobody begins anything any more; returns when everybody has an answer, or gave up.
    ///
    /// # Panics
    /// When something that Google takes always was refused.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.task.join_next().await {
            ended.expect("people do not panic");
        }
    }
}

struct People {
    rooms: Vec<LinkedRoom>,
    ana: UserControl,
    app: FakeBookingApp,
    slots: Slots,
    dice: Dice,
    events: Vec<String>,
    booked: Arc<Mutex<Vec<String>>>,
    asking: JoinSet<()>,
}

impl People {
    async fn run(mut self, stopped: watch::Receiver<bool>, count: watch::Sender<usize>) {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !*stopped.borrow() {
            pace.tick().await;
            self.deed();
            count.send_modify(|count| *count += 1);
        }
        while self.asking.join_next().await.is_some() {}
    }

    fn deed(&mut self) {
        while self.asking.try_join_next().is_some() {}
        let calls = self.asking.len() < MOST_CALLS;
        match self.dice.throw(20) {
            9..12 => self.moves(),
            12..14 => self.cancels(),
            14..18 if calls => self.books(),
            18.. if calls => self.withdraws(),
            _ => self.meets(),
        }
    }

    fn meets(&mut self) {
        let start = self.slots.next();
        let room = self.dice.pick(&self.rooms).expect("a room");
        let event = NewEvent::timed(start, start + TimeDelta::hours(1)).in_room(room.room.mail());
        let event = self.ana.insert_event(event).expect("Google takes it");
        self.events.push(event);
    }

    fn moves(&mut self) {
        let start = self.slots.next();
        if let Some(event) = self.dice.pick(&self.events) {
            let (from, to) = (When::at(start), When::at(start + TimeDelta::hours(1)));
            self.ana.move_event(event, from, to).expect("it is moved");
        }
    }

    fn cancels(&mut self) {
        if !self.events.is_empty() {
            let at = self.dice.throw(self.events.len());
            let event = self.events.swap_remove(at);
            self.ana.cancel_event(&event).expect("it is cancelled");
        }
    }

    fn books(&mut self) {
        let room = self.dice.pick(&self.rooms).expect("a room");
        let wish = NewBooking::by_user(&room.object, self.slots.next(), "u-ana").waiting(PATIENCE);
        let (app, booked) = (self.app.clone(), Arc::clone(&self.booked));
        self.asking.spawn(async move {
            // Whether there is an answer in time is not what is asked here.
            if let Ok(answer) = app.create_booking(TENANT, wish).await
                && let Some(booking) = answer.booking
            {
                let mut booked = booked.lock().unwrap_or_else(PoisonError::into_inner);
                booked.push(booking.booking_id);
            }
        });
    }

    fn withdraws(&mut self) {
        let booking = {
            let mut booked = self.booked.lock().unwrap_or_else(PoisonError::into_inner);
            if booked.is_empty() {
                return;
            }
            let at = self.dice.throw(booked.len());
            booked.swap_remove(at)
        };
        let app = self.app.clone();
        self.asking.spawn(async move {
            let withdrawn = app.delete_booking(TENANT, &booking, user("u-ana"), false);
            let _ = tokio::time::timeout(PATIENCE, withdrawn).await;
        });
    }
}
