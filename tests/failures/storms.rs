//! Storms at Google, while people go on booking there and in Flexopus: refusals for a while, faults, pages
//! of HTML, connections cut after the commit, cursors that die in the middle of a listing, tokens that all
//! expire at once, rights that change during a sync. When a storm is over everything is as it should be
//! ([`everything_agrees`]), nothing is parked, no link and no connection was given up for it.
//!
//! To add a storm: its weather in the test that is about its kind, and what has to have been met, so that no
//! storm passes by unseen.

use std::time::Duration;

use google_sim::{Call, CallChaos, Control, Effect, Fault, Operation, Role, Settings};
use roomsync_proto::{
    booking::v1::{Booking, BookingState},
    integration::v1::{ConnectionState, Link, LinkState},
};
use roomsync_testkit::{Cluster, ClusterBuilder, Dice, SOON, Service, app::NewBooking, eventually};

use crate::{
    around::{Rooms, TENANT, everything_agrees},
    crowd::{heard, in_hours},
};

/// What the services call all day.
const CALENDARS: [Operation; 8] = [
    Operation::List,
    Operation::Instances,
    Operation::Get,
    Operation::Insert,
    Operation::Patch,
    Operation::Delete,
    Operation::Watch,
    Operation::Stop,
];
/// How many things people do during a storm, at ten a second: the seconds of a test for the minutes of a day.
const LONG: usize = 60;
const SHORT: usize = 25;

fn builder(name: &str) -> ClusterBuilder {
    Cluster::builder(name).set(Service::BookingCommand, "bookings.claim", "5s")
}

/// A cluster where it storms.
struct Storms {
    cluster: Cluster,
    rooms: Rooms,
    dice: Dice,
}

impl Storms {
    async fn begin(name: &str, google: impl FnOnce(&mut Settings)) -> Self {
        let cluster = builder(name).google(google).start().await;
        let rooms = Rooms::given(&cluster, 2).await;
        let dice = Dice::of(name);
        Self {
            cluster,
            rooms,
            dice,
        }
    }

    fn google(&self) -> &Control {
        self.cluster.google()
    }

    /// One storm: people go on before it, in it and after it, and at least `least` calls were `met` by it. How
    /// many were.
    async fn storm(
        &mut self,
        what: &str,
        deeds: usize,
        begins: impl Fn(&Control),
        ends: impl Fn(&Control),
        (least, met): (usize, fn(&Call) -> bool),
    ) -> usize {
        let google = self.cluster.google().clone();
        let count = || google.ledger().iter().filter(|call| met(call)).count();
        let traffic = self.rooms.traffic(&self.cluster, self.dice.other());
        traffic.goes_on(5).await;
        let before = count();
        begins(&google);
        traffic.goes_on(deeds).await;
        eventually(SOON, "calls meet the storm", async || {
            (count() >= before + least).then_some(())
        })
        .await;
        ends(&google);
        let after = count();
        traffic.goes_on(5).await;
        traffic.stop().await;
        everything_agrees(&self.cluster, &self.rooms, what).await;
        self.nothing_is_given_up(what).await;
        eprintln!("{what}: {} calls met it", after - before);
        after - before
    }

    /// Random trouble with every call about calendars.
    async fn chaos(
        &mut self,
        what: &str,
        deeds: usize,
        chaos: CallChaos,
        met: (usize, fn(&Call) -> bool),
    ) -> usize {
        let chaos = CallChaos {
            seed: self.dice.throw(1_000_000) as u64,
            ..chaos
        }
        .on(&CALENDARS);
        let set = |google: &Control, chaos: Option<CallChaos>| {
            google.configure(|settings| settings.call_chaos = chaos);
        };
        let begins = |google: &Control| set(google, Some(chaos.clone()));
        self.storm(what, deeds, begins, |google| set(google, None), met)
            .await
    }

    /// Everything is as it was before.
    async fn nothing_is_given_up(&self, after: &str) {
        let app = self.cluster.app();
        let status = app.connection_status(TENANT).await.expect("GetStatus");
        assert_eq!(status.state(), ConnectionState::Active, "after {after}");
        for room in &self.rooms.linked {
            let link = app.link(TENANT, &room.link.link_id).await.expect("GetLink");
            assert_eq!(link.state(), LinkState::Verified, "after {after}: {link:?}");
        }
    }

    async fn over(self) {
        self.cluster.finish().await;
    }
}

fn is_429(call: &Call) -> bool {
    call.status == Some(429)
}

fn is_403(call: &Call) -> bool {
    call.status == Some(403)
}

fn is_410(call: &Call) -> bool {
    call.status == Some(410)
}

fn is_401(call: &Call) -> bool {
    call.status == Some(401)
}

fn is_5xx(call: &Call) -> bool {
    call.status.is_some_and(|status| status >= 500)
}

/// The connection was cut instead of an answer.
fn is_cut(call: &Call) -> bool {
    call.status.is_none() && call.answered_at.is_some()
}

/// Covers B8, R17.
#[tokio::test]
async fn a_google_that_refuses_everything_for_a_while_is_left_alone_and_nothing_is_lost() {
    let mut storms = Storms::begin("a storm of refusals", |_| {}).await;
    let all = CallChaos {
        too_many_requests: 1.0,
        ..CallChaos::default()
    };
    let met = storms
        .chaos("429 to everything", LONG, all, (2, is_429))
        .await;
    assert!(
        met < LONG,
        "{met} calls: people's every deed is more than one"
    );
    let limited = CallChaos {
        rate_limited: 0.5,
        ..CallChaos::default()
    };
    storms
        .chaos("403 to half", SHORT, limited, (1, is_403))
        .await;

    let later = |newer_envelope| Effect::Answer {
        status: 429,
        reason: "userRateLimitExceeded".to_owned(),
        retry_after: Some("1".to_owned()),
        newer_envelope,
    };
    let begins = |google: &Control| {
        for (number, operation) in CALENDARS.into_iter().enumerate() {
            google.add_fault(Fault::next(later(number % 2 == 0)).on(operation).always());
        }
    };
    storms
        .storm(
            "429 with Retry-After",
            SHORT,
            begins,
            Control::clear_faults,
            (1, is_429),
        )
        .await;
    storms.over().await;
}

/// Covers B8, R17, B6.
#[tokio::test]
async fn a_google_that_fails_every_other_call_in_whatever_way_is_waited_out() {
    let mut storms = Storms::begin("a storm of faults", |_| {}).await;
    let half = CallChaos {
        unavailable: 0.5,
        ..CallChaos::default()
    };
    storms.chaos("503 to half", LONG, half, (5, is_5xx)).await;
    let html = CallChaos {
        html: 0.5,
        ..CallChaos::default()
    };
    storms
        .chaos("pages of HTML", SHORT, html, (3, is_5xx))
        .await;
    let cut = CallChaos {
        close: 0.1,
        commit_then_close: 0.4,
        ..CallChaos::default()
    };
    storms
        .chaos("cut after the commit", LONG, cut, (5, is_cut))
        .await;
    storms.over().await;
}

/// Covers R17, R78.
#[tokio::test]
async fn cursors_that_die_between_pages_and_tokens_that_all_expire_at_once_cost_nothing() {
    let mut storms = Storms::begin("a storm of expiries", |settings| {
        settings.forced_page_size = Some(2);
        settings.empty_pages = true;
    })
    .await;
    let rooms = storms.rooms.linked.clone();
    let begins = |google: &Control| {
        for (nth, reason) in [(2, "fullSyncRequired"), (3, "updatedMinTooLongAgo")] {
            let dies = Fault::answer(410, reason).on(Operation::List);
            google.add_fault(dies.on_later_pages().every(nth).times(6));
        }
        for room in &rooms {
            room.room.expire_sync_tokens().expect("expired");
        }
    };
    storms
        .storm(
            "410 between pages",
            SHORT,
            begins,
            Control::clear_faults,
            (6, is_410),
        )
        .await;

    // Each time all at once, and the new ones of the one time are the old ones of the next.
    let traffic = storms.rooms.traffic(&storms.cluster, storms.dice.other());
    for _ in 0..8 {
        storms.google().expire_access_tokens();
        traffic.goes_on(4).await;
    }
    traffic.stop().await;
    let refused = storms
        .google()
        .ledger()
        .iter()
        .filter(|call| is_401(call))
        .count();
    assert!(refused >= 8, "{refused} calls had an old token");
    everything_agrees(&storms.cluster, &storms.rooms, "expired tokens").await;
    storms.nothing_is_given_up("expired tokens").await;
    storms.over().await;
}

/// Covers R17, D4.
#[tokio::test]
async fn rights_that_are_lowered_in_the_middle_of_a_sync_remove_nothing_and_come_back() {
    let mut storms = Storms::begin("a storm of rights", |_| {}).await;
    let (app, google) = (storms.cluster.app().clone(), storms.google().clone());
    let rooms = storms.rooms.linked.clone();
    let admin = rooms[0].organisation.admin.mail().to_owned();
    for room in &rooms {
        room.room.share(&admin, Role::Writer).expect("shared");
    }
    google.configure(|settings| settings.super_admins_own_rooms = false);
    let traffic = storms.rooms.traffic(&storms.cluster, storms.dice.other());
    traffic.goes_on(40).await;
    traffic.stop().await;
    everything_agrees(&storms.cluster, &storms.rooms, "a writer's rights").await;

    google.configure(|settings| settings.forced_page_size = Some(2));
    let traffic = storms.rooms.traffic(&storms.cluster, storms.dice.other());
    for (room, tokens_survive) in rooms.iter().zip([false, true]) {
        let lowered = Effect::Share {
            with: admin.clone(),
            role: Some(Role::FreeBusyReader),
            tokens_survive,
        };
        let lowered = Fault::next(lowered).on(Operation::List).on_later_pages();
        google.add_fault(lowered.of_calendar(room.room.mail()));
        room.room.expire_sync_tokens().expect("expired");
        let before = app.bookings_of(TENANT, &room.object).await.len();
        let seen = |link: &Link| link.state() == LinkState::Failed;
        let link = app
            .wait_link("it is seen", TENANT, &room.link.link_id, seen)
            .await;
        assert_eq!(link.reason, "TIMES_ONLY");
        traffic.goes_on(10).await;
        let after = app.bookings_of(TENANT, &room.object).await.len();
        assert!(
            after + 5 >= before,
            "{before} bookings were {after} of a sudden"
        );
    }
    traffic.stop().await;
    for room in &rooms {
        room.room.share(&admin, Role::Writer).expect("shared");
        let mended = |link: &Link| link.state() == LinkState::Verified;
        app.wait_link("it works again", TENANT, &room.link.link_id, mended)
            .await;
    }
    everything_agrees(&storms.cluster, &storms.rooms, "lowered rights").await;
    storms.nothing_is_given_up("lowered rights").await;
    storms.over().await;
}

/// Covers B8, D1: an account that has written too much may write nothing for hours, and reads as before
/// (documented). It is the account's writes that rest, and nobody else's.
#[tokio::test]
async fn exceeded_usage_limits_rest_an_accounts_writes_while_reading_goes_on() {
    let cluster = builder("exceeded usage limits")
        .set(Service::BookingCommand, "bookings.give_up_after", "6s")
        .start()
        .await;
    let rooms = Rooms::given(&cluster, 2).await;
    let (app, google) = (cluster.app(), cluster.google());
    let room = &rooms.linked[0];
    let admin = &room.organisation.admin;
    admin.exceed_usage_limits(Duration::from_hours(1));
    // Whoever keeps the rooms books for a device, and reads all rooms.
    let by_device = |hour| NewBooking::by_device(&room.object, in_hours(hour), "d-door");
    let refused = app.create_booking(TENANT, by_device(40).waiting(Duration::from_secs(4)));
    let refused = refused
        .await
        .expect("CreateBooking")
        .booking
        .expect("a booking");
    let writes = || {
        let mut calls = google.calls(Operation::Insert);
        calls.retain(|call| call.subject.as_deref() == Some(admin.mail()));
        calls.len()
    };
    eventually(SOON, "Google refuses the write", async || {
        (writes() == 1).then_some(())
    })
    .await;

    for hour in [42, 44, 46] {
        heard(room, in_hours(hour)).await;
    }
    let by_user = NewBooking::by_user(&room.object, in_hours(48), "u-ana");
    app.book(TENANT, by_user).await;
    let rejected = |booking: &Booking| booking.state() == BookingState::Rejected;
    let given_up = app
        .wait_booking("given up", TENANT, &refused.booking_id, rejected)
        .await;
    assert_eq!(given_up.cause, "GOOGLE_UNAVAILABLE");
    assert_eq!(writes(), 1, "Google is not asked again meanwhile");

    // An hour later.
    admin.exceed_usage_limits(Duration::ZERO);
    let later = "UPDATE booking.buckets SET closed_until = now() WHERE closed_until IS NOT NULL";
    let reopened = sqlx::query(later).execute(cluster.database().pool()).await;
    assert_eq!(
        reopened.expect(later).rows_affected(),
        1,
        "only the writes were closed"
    );
    app.book(TENANT, by_device(50)).await;
    everything_agrees(&cluster, &rooms, "exceeded usage limits").await;
    cluster.finish().await;
}
