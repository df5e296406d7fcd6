//! Does what Flexopus does in a sequence, also while other things happen, and keeps what it was
//! answered. Refusals are part of it; an answer that the contract does not know fails the sequence.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use google_sim::{Control, Effect, Fault, Operation};
use proptest::test_runner::TestCaseError;
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::{Actor, Booking, BookingState, CreateBookingResponse, booker::Booker},
    integration::v1::TenantSettings,
};
use roomsync_testkit::{
    FakeBookingApp, NewBooking,
    app::{administrator, device, user},
};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    deeds::{Asker, By, Deed, Write, WriteTrouble},
    google::at,
    house::{HORIZON_DAYS, Linked, TENANT},
    play::{Tally, fail},
};

const USERS: [&str; 3] = ["u-ana", "u-ben", "u-gus"];
const DEVICES: [&str; 2] = ["door-1", "door-2"];

/// Refusals of `CreateBooking` that sequences may earn.
const REFUSED_TO_BOOK: [&str; 4] = [
    "SLOT_TAKEN",
    // In the past.
    "INVALID_FIELD",
    // Both beyond the horizon only.
    "GOOGLE_BUSY",
    "GOOGLE_UNAVAILABLE",
];
/// The same of `DeleteBooking`.
const REFUSED_TO_DELETE: [&str; 6] = [
    "NOT_YOURS",
    "DECLINE_NOT_ALLOWED",
    "DECLINE_REFUSED",
    "BOOKING_PENDING",
    "BOOKING_OVER",
    "NOT_A_SERIES",
];

/// How long somebody waits who wants to know what became of it.
const PATIENT: Duration = Duration::from_secs(10);

enum Answered {
    Booked {
        wish: usize,
        answer: Box<Result<CreateBookingResponse, Status>>,
    },
    Deleted(Box<Result<Booking, Status>>),
}

/// Flexopus, as far as one sequence sees it.
pub(crate) struct Desk<'a> {
    app: FakeBookingApp,
    linked: &'a [Linked],
    /// What was asked for, in order.
    wishes: Vec<NewBooking>,
    /// The bookings that a request id was answered with.
    pub(crate) answered: BTreeMap<String, BTreeSet<String>>,
    /// Wishes whose caller hung up before anybody answered.
    unheard: BTreeSet<usize>,
    calls: JoinSet<Answered>,
}

impl<'a> Desk<'a> {
    /// Opens the rooms for booking, with the option to decline off.
    pub(crate) async fn open(
        app: &FakeBookingApp,
        linked: &'a [Linked],
    ) -> Result<Self, TestCaseError> {
        for room in linked {
            let open = app.acknowledge(TENANT, &room.link).await;
            open.map_err(|status| fail(format!("AcknowledgeReset: {status}")))?;
        }
        let desk = Self {
            app: app.clone(),
            linked,
            wishes: Vec::new(),
            answered: BTreeMap::new(),
            unheard: BTreeSet::new(),
            calls: JoinSet::new(),
        };
        desk.allow_declining(false).await;
        Ok(desk)
    }

    /// Begins a deed, and waits for it unless it goes on meanwhile.
    pub(crate) async fn play(
        &mut self,
        deed: &Deed,
        tally: &mut Tally,
    ) -> Result<(), TestCaseError> {
        let meanwhile = match *deed {
            Deed::Book {
                by,
                room,
                slot,
                quarters,
                patience,
                meanwhile,
            } => {
                let object = &self.linked[room % self.linked.len()].object;
                let start = at(slot);
                let new = match by {
                    By::User(by) => NewBooking::by_user(object, start, USERS[by % USERS.len()]),
                    By::Device(by) => {
                        NewBooking::by_device(object, start, DEVICES[by % DEVICES.len()])
                    }
                };
                self.wishes.push(
                    new.until(start + TimeDelta::minutes(15 * quarters))
                        .waiting(Duration::from_millis(patience)),
                );
                self.book(self.wishes.len() - 1, Duration::from_millis(patience));
                meanwhile
            }
            Deed::Again { wish, meanwhile } => {
                if !self.wishes.is_empty() {
                    let wish = wish % self.wishes.len();
                    self.book(wish, self.wishes[wish].patience);
                }
                meanwhile
            }
            Deed::Delete {
                room,
                booking,
                asker,
                series,
                meanwhile,
            } => {
                self.delete(room, booking, asker, series).await;
                meanwhile
            }
            Deed::AllowDeclining(allowed) => {
                self.allow_declining(allowed).await;
                true
            }
        };
        if meanwhile {
            while let Some(answered) = self.calls.try_join_next() {
                self.hear(answered, tally)?;
            }
            return Ok(());
        }
        self.hear_all(tally).await
    }

    /// Waits until every call has been answered.
    async fn hear_all(&mut self, tally: &mut Tally) -> Result<(), TestCaseError> {
        while let Some(answered) = self.calls.join_next().await {
            self.hear(answered, tally)?;
        }
        Ok(())
    }

    /// The same, and who was not answered in time asks what became of the wish, as the contract says, until
    /// somebody knows.
    pub(crate) async fn answer_all(
        &mut self,
        patience: Duration,
        tally: &mut Tally,
    ) -> Result<(), TestCaseError> {
        let deadline = Instant::now() + patience;
        self.hear_all(tally).await?;
        while !self.unheard.is_empty() {
            if Instant::now() >= deadline {
                let unheard: Vec<_> = self.unheard.iter().map(|it| &self.wishes[*it]).collect();
                return Err(fail(format!(
                    "not answered within {patience:?}: {unheard:?}"
                )));
            }
            for wish in std::mem::take(&mut self.unheard) {
                self.book(wish, PATIENT);
            }
            self.hear_all(tally).await?;
        }
        Ok(())
    }

    fn book(&mut self, wish: usize, patience: Duration) {
        let (app, new) = (self.app.clone(), self.wishes[wish].clone());
        let new = new.waiting(patience);
        self.calls.spawn(async move {
            let answer = Box::new(app.create_booking(TENANT, new).await);
            Answered::Booked { wish, answer }
        });
    }

    /// Of what is booked in a room now.
    async fn delete(&mut self, room: usize, booking: usize, asker: Asker, series: bool) {
        let object = &self.linked[room % self.linked.len()].object;
        let mut booked = self.app.bookings_of(TENANT, object).await;
        if booked.is_empty() {
            return;
        }
        let booking = booked.swap_remove(booking % booked.len());
        let (app, asker) = (self.app.clone(), actor(asker, &booking));
        self.calls.spawn(async move {
            let id = &booking.booking_id;
            let answer = app.delete_booking(TENANT, id, asker, series).await;
            Answered::Deleted(Box::new(answer))
        });
    }

    async fn allow_declining(&self, allowed: bool) {
        let settings = TenantSettings {
            horizon_days: Some(HORIZON_DAYS),
            decline_allowed: Some(allowed),
            ..TenantSettings::default()
        };
        self.app.put_tenant(TENANT, true, settings).await;
    }

    fn hear(
        &mut self,
        answered: Result<Answered, tokio::task::JoinError>,
        tally: &mut Tally,
    ) -> Result<(), TestCaseError> {
        let answered = answered.map_err(|error| fail(format!("a call died: {error}")))?;
        let (rpc, refusals, answer) = match answered {
            Answered::Booked { wish, answer } if is_too_late(&answer) => {
                self.unheard.insert(wish);
                *tally
                    .entry("CreateBooking too late".to_owned())
                    .or_default() += 1;
                return Ok(());
            }
            // Nobody asks again: with or without it, both sides have to agree in the end.
            Answered::Deleted(answer) if is_too_late(&answer) => {
                *tally
                    .entry("DeleteBooking too late".to_owned())
                    .or_default() += 1;
                return Ok(());
            }
            Answered::Booked { wish, answer } => {
                let booking = answer.map(|answer| answer.booking.unwrap_or_default());
                if let Ok(booking) = &booking {
                    let request = self.wishes[wish].request_id.clone();
                    let ids = self.answered.entry(request).or_default();
                    ids.insert(booking.booking_id.clone());
                }
                ("CreateBooking", &REFUSED_TO_BOOK[..], booking)
            }
            Answered::Deleted(answer) => ("DeleteBooking", &REFUSED_TO_DELETE[..], *answer),
        };
        let word = match answer {
            Ok(booking) => said(&booking),
            Err(status) => {
                let reason = grpc::reason(&status).unwrap_or_default();
                if !refusals.contains(&reason.as_str()) {
                    return Err(fail(format!("{rpc}: {status:?}")));
                }
                reason
            }
        };
        *tally.entry(format!("{rpc} answers {word}")).or_default() += 1;
        Ok(())
    }
}

/// Storing a request takes its time, too, and who was first at the room comes first: a caller who hangs up
/// before that hears nothing, or that it did not come to it. A busy machine may take longer than anybody's
/// patience.
fn is_too_late<T>(answer: &Result<T, Status>) -> bool {
    let Err(status) = answer else { return false };
    status.code() == Code::DeadlineExceeded
        || matches!(
            grpc::reason(status).as_deref(),
            Some("DATABASE_UNAVAILABLE" | "OBJECT_BUSY")
        )
}

/// The state, and why.
fn said(booking: &Booking) -> String {
    let state = match booking.state() {
        BookingState::Requested => "requested",
        BookingState::Pending => "pending",
        BookingState::Confirmed => "confirmed",
        BookingState::Undecided => "undecided",
        BookingState::Declining => "declining",
        BookingState::Rejected => "rejected",
        BookingState::Removed => "removed",
        BookingState::Unspecified => "nothing",
    };
    format!("{state} {}", booking.cause.to_lowercase())
        .trim_end()
        .to_owned()
}

fn actor(asker: Asker, booking: &Booking) -> Actor {
    match asker {
        Asker::Owner => match booking.booker.as_ref().and_then(|it| it.booker.as_ref()) {
            Some(Booker::UserId(id)) => user(id),
            Some(Booker::DeviceId(id)) => device(id),
            Some(Booker::Anonymous(_)) | None => user(USERS[0]),
        },
        Asker::User(by) => user(USERS[by % USERS.len()]),
        Asker::Administrator => administrator(USERS[1]),
        Asker::Device(by) => device(DEVICES[by % DEVICES.len()]),
    }
}

/// The next write of this kind goes wrong.
pub(crate) fn goes_wrong(google: &Control, trouble: &WriteTrouble) {
    let operation = |write| match write {
        Write::Insert => Operation::Insert,
        Write::Patch => Operation::Patch,
        Write::Delete => Operation::Delete,
        Write::Get => Operation::Get,
    };
    let fault = match *trouble {
        WriteTrouble::Unavailable(write, times) => Fault::answer(503, "backendError")
            .times(times)
            .on(operation(write)),
        WriteTrouble::Throttled(write) => Fault::next(Effect::Answer {
            status: 429,
            reason: "rateLimitExceeded".to_owned(),
            retry_after: Some("1".to_owned()),
            newer_envelope: false,
        })
        .on(operation(write)),
        WriteTrouble::AnswerLost(write) => {
            Fault::next(Effect::CommitThenClose).on(operation(write))
        }
        WriteTrouble::ConnectionClosed(write) => {
            Fault::next(Effect::CloseConnection).on(operation(write))
        }
        WriteTrouble::Html(write) => Fault::next(Effect::Html502).on(operation(write)),
        WriteTrouble::Late(write, late) => {
            let delay = Duration::from_millis(late);
            Fault::next(Effect::Delay { delay }).on(operation(write))
        }
    };
    google.add_fault(fault);
}
