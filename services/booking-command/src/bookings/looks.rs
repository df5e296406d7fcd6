//! Watching bookings made in Flexopus while their room has not answered (B6).
//!
//! Google tells nobody when a room answers, and its pushes may be lost: so the room's calendar is looked
//! at, at growing distances, through the one way that every change takes (`calendar.refresh`, the pull, the
//! mirror). A booking whose room has not answered when it should have is honestly undecided, and still
//! watched. Where somebody has to approve it, it stays pending until its start (D10).
//!
//! Every replica sweeps: rows that another one is at are skipped. A booking that was answered has no
//! `look_at` any more; one that is over is not looked at any longer.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use roomsync_domain::{Actor, BookingState, CalendarId, ObjectId, TenantId};
use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};
use roomsync_postgres::{Database, outbox};
use sqlx::PgConnection;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Booking,
    record::{self, Row},
    write,
};
use crate::{changes, config::BookingsConfig, status::CommandError};

/// How long after the write the first look is, and after each look the next.
const DELAYS: [TimeDelta; 8] = [
    TimeDelta::milliseconds(300),
    TimeDelta::milliseconds(700),
    TimeDelta::milliseconds(1_500),
    TimeDelta::seconds(3),
    TimeDelta::seconds(6),
    TimeDelta::seconds(12),
    TimeDelta::seconds(25),
    TimeDelta::seconds(50),
];
/// Once nobody waits for it at a display any more.
const LATER: TimeDelta = TimeDelta::minutes(5);
/// How many bookings are looked at in one transaction.
const BATCH: i64 = 200;

/// How long after so many looks the next one is.
pub fn delay(looks: usize) -> TimeDelta {
    DELAYS.get(looks).copied().unwrap_or(LATER)
}

/// Sweeps at intervals until the soft shutdown.
pub async fn run(database: Database, config: BookingsConfig, soft: CancellationToken) {
    let mut ticks = interval(config.look_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while soft.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Some(Err(error)) = soft
            .run_until_cancelled(Box::pin(sweep(&database, config)))
            .await
        {
            tracing::warn!(%error, "bookings were not looked at; next time again");
        }
    }
}

/// Looks at what is due.
pub async fn sweep(database: &Database, config: BookingsConfig) -> Result<(), CommandError> {
    loop {
        let due = database.tx("look", |tx| Box::pin(look(tx, config))).await?;
        let looked = i64::try_from(due.len()).unwrap_or(i64::MAX);
        for unanswered in due.into_iter().filter(|due| due.unanswered) {
            let Due { tenant, object, .. } = &unanswered;
            let booking = unanswered.booking;
            database
                .tx("undecided", |tx| {
                    Box::pin(undecided(tx, tenant, object, booking))
                })
                .await?;
        }
        if looked < BATCH {
            return Ok(());
        }
    }
}

/// A booking that was looked at.
#[derive(Debug)]
struct Due {
    tenant: TenantId,
    object: ObjectId,
    booking: Uuid,
    /// The time in which its room should have answered has passed.
    unanswered: bool,
}

/// What the next look depends on.
#[derive(Debug, Clone, Copy)]
struct Watched {
    state: BookingState,
    looks: usize,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    answer_due_at: Option<DateTime<Utc>>,
    /// Somebody in the organisation answers for the room, when they come to it.
    by_a_human: bool,
    /// Nobody is expected to answer sooner, not even about a booking that starts at once.
    at_least_until: DateTime<Utc>,
}

impl Watched {
    /// When the room should have answered; nothing is expected of what is undecided already.
    fn answer_due_at(&self) -> Option<DateTime<Utc>> {
        if self.state != BookingState::Pending {
            return None;
        }
        if self.by_a_human {
            return Some(self.at_least_until.max(self.starts_at));
        }
        self.answer_due_at
    }

    fn is_unanswered(&self, now: DateTime<Utc>) -> bool {
        self.answer_due_at().is_some_and(|due| due <= now)
    }

    /// When its calendar is looked at next; `None`: not again.
    fn next_look(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let waits = matches!(self.state, BookingState::Pending | BookingState::Undecided);
        if !waits || self.ends_at <= now {
            return None;
        }
        let next = now + delay(self.looks + 1);
        // It becomes undecided when it does, not at the look after.
        let due = self.answer_due_at().filter(|due| *due > now);
        Some(due.map_or(next, |due| next.min(due)))
    }
}

async fn look(tx: &mut PgConnection, config: BookingsConfig) -> Result<Vec<Due>, CommandError> {
    let rows = sqlx::query!(
        r#"
        -- booking.bookings.due_looks
        SELECT booking.booking_id, booking.tenant_id, booking.object_id, booking.link_id,
            booking.state, booking.looks, booking.starts_at, booking.ends_at,
            booking.answer_due_at, booking.created_at, link.answers_by_itself IS FALSE AS "by_a_human!",
            now() AS "now!"
        FROM booking.bookings AS booking
        JOIN booking.links AS link USING (link_id)
        WHERE booking.look_at <= now()
        ORDER BY booking.look_at
        LIMIT $1
        FOR NO KEY UPDATE OF booking SKIP LOCKED
        "#,
        BATCH,
    )
    .fetch_all(&mut *tx)
    .await?;
    let (mut ids, mut next) = (Vec::new(), Vec::new());
    let (mut calendars, mut due) = (BTreeSet::new(), Vec::new());
    for row in rows {
        let watched = Watched {
            state: row.state.parse().map_err(anyhow::Error::from)?,
            looks: usize::try_from(row.looks).unwrap_or(usize::MAX - 1),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            answer_due_at: row.answer_due_at,
            by_a_human: row.by_a_human,
            at_least_until: row.created_at + config.undecided_after,
        };
        let next_look = watched.next_look(row.now);
        ids.push(row.booking_id);
        next.push(next_look);
        if next_look.is_some() {
            calendars.insert(row.link_id);
        }
        due.push(Due {
            tenant: row.tenant_id.parse().map_err(anyhow::Error::from)?,
            object: row.object_id.parse().map_err(anyhow::Error::from)?,
            booking: row.booking_id,
            unanswered: watched.is_unanswered(row.now),
        });
    }
    looked(&mut *tx, &ids, &next).await?;
    for calendar in calendars {
        let refresh = CalendarRefresh {
            calendar: CalendarId(calendar),
            why: RefreshWhy::Booking,
            lane: RefreshLane::Live,
        };
        outbox::push(&mut *tx, &refresh).await?;
    }
    Ok(due)
}

async fn looked(
    tx: &mut PgConnection,
    bookings: &[Uuid],
    next: &[Option<DateTime<Utc>>],
) -> Result<(), sqlx::Error> {
    if bookings.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "
        -- booking.bookings.looked
        UPDATE booking.bookings AS old
        SET look_at = new.look_at,
            looks = old.looks + 1
        FROM unnest($1::uuid[], $2::timestamptz[]) AS new (booking_id, look_at)
        WHERE old.booking_id = new.booking_id
        ",
        bookings,
        next as &[Option<DateTime<Utc>>],
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A pending booking whose room has not answered in time is undecided, unless it answered just now.
async fn undecided(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    booking: Uuid,
) -> Result<(), CommandError> {
    let object = changes::lock(&mut *tx, tenant, object)
        .await?
        .by(Actor::System);
    let Some(mut booking) = pending(&mut *tx, tenant, booking).await? else {
        return Ok(());
    };
    booking.state = BookingState::Undecided;
    booking.flags.awaiting_approval = false;
    let mut items = Vec::with_capacity(1);
    booking.stage(&object, &mut items);
    write::update(&mut *tx, tenant, &[booking]).await?;
    object.publish(tx, items, None).await?;
    Ok(())
}

async fn pending(
    tx: &mut PgConnection,
    tenant: &TenantId,
    booking: Uuid,
) -> Result<Option<Booking>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "
        -- booking.bookings.pending
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags, cause,
            placement, at_google, event_kept, google_write, object_version, created_at, updated_at
        FROM booking.bookings
        WHERE tenant_id = $1
          AND booking_id = $2
          AND state = 'pending'
          AND look_at IS NOT NULL
        ",
        tenant.as_str(),
        booking,
    )
    .fetch_all(tx)
    .await?;
    Ok(record::read(row)?.pop())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn watched() -> Watched {
        Watched {
            state: BookingState::Pending,
            looks: 0,
            starts_at: at(1_000),
            ends_at: at(4_600),
            answer_due_at: Some(at(120)),
            by_a_human: false,
            at_least_until: at(120),
        }
    }

    #[test]
    fn looks_come_at_growing_distances() {
        let delays: Vec<i64> = (0..10)
            .map(|looks| delay(looks).num_milliseconds())
            .collect();
        assert_eq!(
            delays,
            [
                300, 700, 1_500, 3_000, 6_000, 12_000, 25_000, 50_000, 300_000, 300_000
            ]
        );
    }

    #[rstest]
    #[case::second_look(Watched { looks: 1, ..watched() }, 10, Some(10 * 1000 + 1_500))]
    #[case::not_past_its_deadline(Watched { looks: 6, ..watched() }, 100, Some(120 * 1000))]
    #[case::at_its_deadline(Watched { looks: 7, ..watched() }, 120, Some(420 * 1000))]
    #[case::undecided(Watched { state: BookingState::Undecided, looks: 8, ..watched() }, 130, Some(430 * 1000))]
    #[case::over(watched(), 4_600, None)]
    #[case::answered(Watched { state: BookingState::Confirmed, ..watched() }, 10, None)]
    fn the_next_look(#[case] watched: Watched, #[case] now: i64, #[case] millis: Option<i64>) {
        let next = watched.next_look(at(now));
        assert_eq!(next.map(|next| next.timestamp_millis()), millis);
    }

    #[rstest]
    #[case::in_time(watched(), 119, false)]
    #[case::too_late(watched(), 120, true)]
    #[case::undecided_already(Watched { state: BookingState::Undecided, ..watched() }, 120, false)]
    #[case::no_deadline(Watched { answer_due_at: None, ..watched() }, 999, false)]
    #[case::awaits_approval(Watched { by_a_human: true, answer_due_at: None, ..watched() }, 999, false)]
    #[case::approval_until_its_start(Watched { by_a_human: true, ..watched() }, 1_000, true)]
    #[case::start_now_waits_all_the_same(Watched { by_a_human: true, starts_at: at(0), ..watched() }, 60, false)]
    fn a_room_that_does_not_answer_in_time(
        #[case] watched: Watched,
        #[case] now: i64,
        #[case] expected: bool,
    ) {
        assert_eq!(watched.is_unanswered(at(now)), expected);
    }
}
