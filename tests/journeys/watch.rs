//! Somebody who looks all the time: a reader of `ListBookings`, again and again, and the stream.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use roomsync_proto::booking::v1::Booking;
use tokio::task::JoinHandle;

use crate::scene::Scene;

/// Watches the bookings that a scene's room had when it started.
pub(crate) struct Watch {
    object: String,
    known: BTreeMap<String, Booking>,
    said_before: BTreeMap<String, usize>,
    subscriber: roomsync_testkit::Subscriber,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    reading: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    reads: usize,
    /// What was not as it was when the watch began.
    odd: Vec<String>,
}

impl Watch {
    /// Starts looking, and waits for the first look.
    pub(crate) async fn start(scene: &Scene) -> Self {
        let by_id = |bookings: Vec<Booking>| -> BTreeMap<_, _> {
            bookings
                .into_iter()
                .map(|booking| (booking.booking_id.clone(), booking))
                .collect()
        };
        let subscriber = scene.room.subscriber.clone();
        let known = by_id(scene.listed().await);
        let said_before = said(&subscriber, &known);
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (app, object) = (scene.cluster.app().clone(), scene.room.object.clone());
        let (stopped, told): (_, Arc<Mutex<Seen>>) = (Arc::clone(&stop), Arc::clone(&seen));
        let (expected, named) = (known.clone(), vec![object.clone()]);
        #[expect(
            clippy::disallowed_methods,
            reason = "the watch's own task, awaited when it ends"
        )]
        let reading =
            tokio::spawn(async move {
                while !stopped.load(Ordering::Relaxed) {
                    let listed = app.list_bookings("acme", &named).await;
                    let mut seen = told.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.reads += 1;
                    match listed {
                        Ok((bookings, _)) => {
                            let now = by_id(bookings);
                            let gone = expected
                                .iter()
                                .filter(|(id, was)| now.get(*id) != Some(was));
                            seen.odd.extend(gone.map(|(id, was)| {
                                format!("{id} was {was:?} and is {:?}", now.get(id))
                            }));
                        }
                        Err(status) => seen.odd.push(format!("ListBookings: {status}")),
                    }
                }
            });
        let watch = Self {
            object,
            known,
            said_before,
            subscriber,
            stop,
            seen,
            reading,
        };
        watch.looks_again().await;
        watch
    }

    /// Waits for one look more, and asserts that all looks showed the bookings as they were, and
    /// that the stream had nothing to say about them.
    pub(crate) async fn saw_nothing_change(self) {
        self.looks_again().await;
        self.stop.store(true, Ordering::Relaxed);
        self.reading.await.expect("the reader reads");
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(seen.odd.is_empty(), "{:#?}", seen.odd);
        let said_now = said(&self.subscriber, &self.known);
        assert_eq!(said_now, self.said_before, "news of what did not change");
        let shown = self
            .subscriber
            .journal(|journal| journal.bookings(&self.object));
        let still = |id: &String| shown.iter().any(|booking| booking.booking_id == *id);
        assert!(self.known.keys().all(still), "the stream knows them all");
    }

    async fn looks_again(&self) {
        let reads = || {
            self.seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .reads
        };
        // One may be under way.
        let until = reads() + 2;
        let what = "the reader looks again";
        roomsync_testkit::eventually(roomsync_testkit::SOON, what, async || {
            (reads() >= until).then_some(())
        })
        .await;
    }
}

/// How often the stream has said something about each booking.
fn said(
    subscriber: &roomsync_testkit::Subscriber,
    known: &BTreeMap<String, Booking>,
) -> BTreeMap<String, usize> {
    let often = |id: &String| subscriber.journal(|journal| journal.history(id).len());
    known.keys().map(|id| (id.clone(), often(id))).collect()
}
