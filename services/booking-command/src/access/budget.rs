//! The budget for Google calls, shared by all replicas through PostgreSQL.
//!
//! A bucket per (API, project) and one per (API, quota user), since Google limits both. Units are
//! taken from the two in one transaction under their locks; only PostgreSQL's `now()` counts time.
//! To add an API with limits of its own: a variant of [`Api`] and its keys in [`BudgetConfig`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_postgres::Database;
use serde::Deserialize;
use sqlx::PgConnection;

use super::lanes::{self, Bucket, Grant, Lane, Rate, Slots};
use crate::status::CommandError;

/// Google's limits, in requests per minute. Of each, 95 % are used.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// Calendar API: one user within one project.
    pub per_user_per_minute: u32,
    /// Each API: one project.
    pub per_project_per_minute: u32,
    /// Directory API: one user within one project.
    pub directory_per_user_per_minute: u32,
    /// The sliding time over which Google counts.
    #[serde(with = "humantime_serde")]
    pub minute: Duration,
}

/// An API of Google with limits of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Events.
    Calendar,
    /// Resources of the organisation.
    Directory,
}

impl Api {
    fn as_str(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::Directory => "directory",
        }
    }
}

/// Whose budget a call counts on.
#[derive(Debug, Clone)]
pub struct Payer {
    /// Which API.
    pub api: Api,
    /// The Google Cloud project of the key.
    pub project: String,
    /// What is sent as `quotaUser`.
    pub quota_user: String,
}

impl Payer {
    fn user_bucket(&self) -> String {
        format!("{}/user/{}", self.api.as_str(), self.quota_user)
    }

    /// Holds nothing but until when this payer may write nothing.
    fn writes_bucket(&self) -> String {
        format!("{}/writes/{}", self.api.as_str(), self.quota_user)
    }

    fn project_bucket(&self) -> String {
        format!("{}/project/{}", self.api.as_str(), self.project)
    }
}

/// Units granted, and PostgreSQL's time at which they were.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    /// Units, or the slot to come back at.
    pub grant: Grant,
    /// When.
    pub now: DateTime<Utc>,
}

/// What Google said about a payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// Slow down: for as long as Google says, else longer each time.
    Throttled(Option<Duration>),
    /// Usage limits that take an hour or more.
    QuotaExceeded,
    /// The same of what is written: the account may be read from as before (documented).
    WritesExceeded,
}

/// How long a payer stays away after usage limits were exceeded.
const QUOTA_EXCEEDED: Duration = Duration::from_hours(1);
/// The longest a throttled payer stays away, whatever Google says.
const LONGEST_THROTTLING: Duration = Duration::from_hours(1);

/// The budget.
#[derive(Debug, Clone)]
pub struct Budget {
    database: Database,
    limits: BudgetConfig,
}

impl Budget {
    /// The budget within these limits.
    pub fn new(database: Database, limits: BudgetConfig) -> Self {
        Self { database, limits }
    }

    /// Takes up to `wanted` units, or reserves a slot.
    pub async fn take(
        &self,
        payer: &Payer,
        lane: Lane,
        wanted: u32,
    ) -> Result<Lease, CommandError> {
        let per_user = match payer.api {
            Api::Calendar => self.limits.per_user_per_minute,
            Api::Directory => self.limits.directory_per_user_per_minute,
        };
        let minute = self.limits.minute;
        let rates = [
            (
                payer.project_bucket(),
                Rate::within(self.limits.per_project_per_minute, minute),
            ),
            (payer.user_bucket(), Rate::within(per_user, minute)),
        ];
        self.database
            .tx("take_budget", |tx| Box::pin(take(tx, &rates, lane, wanted)))
            .await
    }

    /// Takes a unit for a write, or for what has to be read for one: an hour's wait while the payer's writes
    /// rest.
    pub async fn take_to_write(&self, payer: &Payer) -> Result<Lease, CommandError> {
        match self.writes_closed(payer).await? {
            Some(closed) => Ok(closed),
            None => self.take(payer, Lane::Interactive, 1).await,
        }
    }

    async fn writes_closed(&self, payer: &Payer) -> Result<Option<Lease>, CommandError> {
        let query = sqlx::query!(
            r#"
            -- booking.buckets.writes_closed
            SELECT closed_until AS "until!", now() AS "now!"
            FROM booking.buckets
            WHERE bucket = $1
              AND closed_until > now()
            "#,
            payer.writes_bucket(),
        )
        .fetch_optional(self.database.pool());
        let closed = self.database.answer(query).await?;
        Ok(closed.map(|row| Lease {
            grant: Grant {
                units: 0,
                not_before: row.until,
            },
            now: row.now,
        }))
    }

    async fn close_writes(&self, payer: &Payer) -> Result<(), CommandError> {
        let query = sqlx::query!(
            "
            -- booking.buckets.close_writes
            INSERT INTO booking.buckets (bucket, tokens, refilled_at, closed_until, closings)
            VALUES ($1, 0, now(), now() + make_interval(secs => $2), 1)
            ON CONFLICT (bucket) DO UPDATE
            SET closed_until = EXCLUDED.closed_until,
                closings = buckets.closings + 1
            ",
            payer.writes_bucket(),
            QUOTA_EXCEEDED.as_secs_f64(),
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }

    /// Closes a payer for every replica.
    pub async fn close(&self, payer: &Payer, closing: Closing) -> Result<(), CommandError> {
        let (seconds, grows) = match closing {
            Closing::Throttled(Some(after)) => (after.min(LONGEST_THROTTLING).as_secs_f64(), false),
            Closing::Throttled(None) => (0.0, true),
            Closing::QuotaExceeded => (QUOTA_EXCEEDED.as_secs_f64(), false),
            Closing::WritesExceeded => return self.close_writes(payer).await,
        };
        // Reports of calls that were under way together are one: only a bucket that has opened again
        // since closes for longer, 2 s, 4 s, ... 128 s. After ten quiet minutes it begins anew.
        let query = sqlx::query!(
            "
            -- booking.buckets.close
            UPDATE booking.buckets
            SET tokens = least(tokens, 0),
                closed_until = CASE
                    WHEN $3 AND closed_until > now() THEN closed_until
                    WHEN $3 AND closed_until > now() - interval '10 minutes'
                        THEN now() + interval '2 seconds' * power(2, least(closings, 6))
                    WHEN $3 THEN now() + interval '2 seconds'
                    ELSE greatest(closed_until, now() + interval '1 second' * $2::float8)
                END,
                closings = CASE
                    WHEN closed_until > now() THEN closings
                    WHEN closed_until > now() - interval '10 minutes' THEN closings + 1
                    ELSE 1
                END
            WHERE bucket = $1
            ",
            payer.user_bucket(),
            seconds,
            grows,
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }
}

async fn take(
    tx: &mut PgConnection,
    rates: &[(String, Rate)],
    lane: Lane,
    wanted: u32,
) -> Result<Lease, CommandError> {
    let (mut buckets, now) = if let Some(locked) = lock(&mut *tx, rates).await? {
        locked
    } else {
        create(&mut *tx, rates).await?;
        let locked = lock(&mut *tx, rates).await?;
        locked.ok_or(CommandError::Aborted {
            reason: "OVERTAKEN",
        })?
    };
    let grant = lanes::take(&mut buckets, lane, wanted, now);
    for ((name, _), bucket) in rates.iter().zip(&buckets) {
        store(&mut *tx, name, bucket).await?;
    }
    Ok(Lease { grant, now })
}

/// The buckets in the order of `rates`, locked; `None` when one is missing.
async fn lock(
    tx: &mut PgConnection,
    rates: &[(String, Rate)],
) -> Result<Option<(Vec<Bucket>, DateTime<Utc>)>, CommandError> {
    let names: Vec<&str> = rates.iter().map(|(name, _)| name.as_str()).collect();
    let mut rows = sqlx::query!(
        r#"
        -- booking.buckets.lock
        SELECT bucket, tokens, refilled_at, closed_until, slot_interactive, slot_live,
            slot_begun, slot_background, now() AS "now!"
        FROM booking.buckets
        WHERE bucket = ANY($1::text[])
        ORDER BY bucket
        FOR UPDATE
        "#,
        &names as &[&str],
    )
    .fetch_all(tx)
    .await?;
    let mut locked = Vec::with_capacity(rates.len());
    let mut now = None;
    for (name, rate) in rates {
        let Some(index) = rows.iter().position(|row| row.bucket == *name) else {
            return Ok(None);
        };
        let row = rows.swap_remove(index);
        now = Some(row.now);
        locked.push(Bucket {
            rate: *rate,
            tokens: row.tokens,
            refilled_at: row.refilled_at,
            closed_until: row.closed_until,
            slots: Slots {
                interactive: row.slot_interactive,
                live: row.slot_live,
                begun: row.slot_begun,
                background: row.slot_background,
            },
        });
    }
    Ok(now.map(|now| (locked, now)))
}

/// Makes the buckets that are missing, full.
async fn create(tx: &mut PgConnection, rates: &[(String, Rate)]) -> Result<(), CommandError> {
    let names: Vec<&str> = rates.iter().map(|(name, _)| name.as_str()).collect();
    let tokens: Vec<f64> = rates.iter().map(|(_, rate)| rate.capacity).collect();
    sqlx::query!(
        "
        -- booking.buckets.create
        INSERT INTO booking.buckets (bucket, tokens, refilled_at)
        SELECT new.bucket, new.tokens, now()
        FROM unnest($1::text[], $2::float8[]) AS new (bucket, tokens)
        ORDER BY new.bucket
        ON CONFLICT DO NOTHING
        ",
        &names as &[&str],
        &tokens,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn store(tx: &mut PgConnection, name: &str, bucket: &Bucket) -> Result<(), CommandError> {
    sqlx::query!(
        "
        -- booking.buckets.store
        UPDATE booking.buckets
        SET tokens = $2,
            refilled_at = $3,
            slot_interactive = $4,
            slot_live = $5,
            slot_begun = $6,
            slot_background = $7
        WHERE bucket = $1
        ",
        name,
        bucket.tokens,
        bucket.refilled_at,
        bucket.slots.interactive,
        bucket.slots.live,
        bucket.slots.begun,
        bucket.slots.background,
    )
    .execute(tx)
    .await?;
    Ok(())
}
