//! The SQL, against a real PostgreSQL, a database per test; a file for each question.
//!
//! To add one: to the file whose question it answers.

mod ages;
mod channels;
mod claims;
mod finding;
mod listings;

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::CalendarId;
use sqlx::PgPool;

use super::{
    calendars::Calendars,
    rows::{Calendar, Claim, End, PutOff},
};
use crate::tests::database::database;

const MINUTE: Duration = Duration::from_mins(1);
const NO_TIME: Duration = Duration::ZERO;

async fn opened(pool: &PgPool) -> (Calendars, CalendarId) {
    let calendars = Calendars::new(database(pool));
    let calendar = Calendar {
        id: CalendarId::new(),
        tenant: "acme".parse().unwrap(),
        resource: "room@resource.calendar.google.com".parse().unwrap(),
        horizon_days: 400,
    };
    calendars.open(&calendar, "writer").await.unwrap();
    // Nothing of it is anybody's.
    set(pool, "next_poll_at = now(), channel_due_at = now()").await;
    (calendars, calendar.id)
}

async fn claimed(calendars: &Calendars, id: CalendarId) -> Claim {
    calendars
        .claim(id, MINUTE)
        .await
        .unwrap()
        .expect("a dirty, free and due calendar")
}

fn done(claim: &Claim, cursor: &str) -> End {
    End {
        cursor: Some(cursor.to_owned()),
        done: Some(claim.generation),
        full_done: None,
        reconcile_done: None,
        cursor_died: false,
        mirrored_until: None,
        pause: NO_TIME,
        reconcile_every: MINUTE,
        poll: MINUTE,
        access_role: None,
    }
}

/// The full sync of a claim, without the pull that follows it.
fn full(claim: &Claim, cursor: &str) -> End {
    End {
        done: None,
        full_done: Some(claim.full_wanted),
        reconcile_done: Some(claim.reconcile_wanted),
        ..done(claim, cursor)
    }
}

fn off(delay: Duration, failed: bool) -> PutOff {
    PutOff {
        delay,
        failed,
        not_found: failed,
        cursor_dead: false,
    }
}

fn at(second: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(second, 0)
}

/// Lets a lease run out without waiting for it: what a worker that died leaves behind.
async fn expire(pool: &PgPool, id: CalendarId) {
    sqlx::query(
        "-- tests.expire
        UPDATE sync.calendars
        SET lease_until = now() - interval '1 second'
        WHERE calendar_id = $1",
    )
    .bind(id.0)
    .execute(pool)
    .await
    .unwrap();
}

/// Ends a claim as `end` and lets everything be due at once.
async fn ended(calendars: &Calendars, claim: &Claim, end: End) {
    calendars.end(claim, &end, NO_TIME).await.unwrap().unwrap();
}

async fn set(pool: &PgPool, what: &str) {
    let sql = sqlx::AssertSqlSafe(format!("UPDATE sync.calendars SET {what}"));
    sqlx::query(sql).execute(pool).await.unwrap();
}
