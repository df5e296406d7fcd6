//! Gaps that do not close by themselves: the missing versions are fetched from booking-command and
//! appended by the same function as messages.
//!
//! A gap closes by itself when its message is only late. One that is open for `gap.after` is fetched
//! by whichever replica claims it; a claim lapses after the same time, so nothing stays claimed by a
//! replica that died. Fetching twice is harmless: the second finds duplicates.

use std::{sync::Arc, time::Duration};

use roomsync_domain::{ObjectId, TenantId};
use roomsync_postgres::Database;
use roomsync_process::grpc;
use roomsync_proto::booking::v1::{
    ListChangesRequest, ObjectChange, booking_service_client::BookingServiceClient,
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    log::append::{self, Change, Outcome, Waits, interval as sql_interval},
    metrics::Metrics,
    stream::convert,
};

/// Changes asked for at once.
const PAGE: i32 = 500;
/// Gaps claimed at once.
const CLAIM: i64 = 20;

/// Fills gaps.
#[derive(Debug, Clone)]
pub struct Gaps {
    database: Database,
    booking_command: BookingServiceClient<grpc::Channel>,
    waits: Waits,
    every: Duration,
    metrics: Arc<Metrics>,
}

/// An object whose log has a gap behind `last_version`.
#[derive(Debug)]
struct Gap {
    tenant_id: String,
    object_id: String,
    last_version: i64,
}

/// Why a gap is still open.
#[derive(Debug, thiserror::Error)]
pub enum GapError {
    /// Our database did not answer.
    #[error("failed to append fetched changes")]
    Database(#[from] sqlx::Error),
    /// booking-command did not answer.
    #[error("failed to fetch changes from booking-command")]
    Fetch(#[source] Box<Status>),
    /// booking-command answered something else than its contract says.
    #[error("failed to read a fetched change")]
    Unreadable(#[from] convert::Unreadable),
    /// A stored id is not an id.
    #[error("failed to read a stored id")]
    Tenant(#[from] roomsync_domain::InvalidId),
}

impl Gaps {
    /// Looks every `every` for gaps that have waited.
    pub fn new(
        database: Database,
        booking_command: grpc::Channel,
        waits: Waits,
        every: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        let booking_command = BookingServiceClient::new(booking_command);
        Self {
            database,
            booking_command,
            waits,
            every,
            metrics,
        }
    }

    /// Fills gaps until `soft`.
    pub async fn run(self, soft: CancellationToken) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = soft.cancelled() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = soft.cancelled() => return,
                looked = self.look() => if let Err(error) = looked {
                    tracing::warn!(%error, "gaps could not be looked for");
                },
            }
        }
    }

    /// Fills every gap that is due.
    pub async fn look(&self) -> Result<(), sqlx::Error> {
        self.metrics.held(self.count_held().await?);
        for gap in self.claim().await? {
            let (tenant, object) = (gap.tenant_id.clone(), gap.object_id.clone());
            if let Err(error) = self.fill(gap).await {
                let cause: &dyn std::error::Error = &error;
                let source = cause.source().map(ToString::to_string).unwrap_or_default();
                tracing::warn!(%tenant, %object, %error, source, "a gap stays open");
            }
        }
        Ok(())
    }

    async fn fill(&self, gap: Gap) -> Result<(), GapError> {
        let tenant: TenantId = gap.tenant_id.parse()?;
        let mut after_version = gap.last_version;
        loop {
            let request = ListChangesRequest {
                tenant_id: gap.tenant_id.clone(),
                object_id: gap.object_id.clone(),
                after_version,
                page_size: PAGE,
            };
            let changes = match self.booking_command.clone().list_changes(request).await {
                Ok(answer) => answer.into_inner().changes,
                Err(status) if grpc::reason(&status).as_deref() == Some("VERSION_EXPIRED") => {
                    return self.give_up(&tenant, &gap).await;
                }
                Err(status) => return Err(GapError::Fetch(Box::new(status))),
            };
            for change in &changes {
                self.append(&tenant, change).await?;
            }
            match changes.last() {
                Some(last) if last.version > after_version => after_version = last.version,
                _ => break,
            }
        }
        if after_version > gap.last_version {
            self.metrics.gap_fetched();
            tracing::info!(
                tenant = gap.tenant_id,
                object = gap.object_id,
                from = gap.last_version,
                to = after_version,
                "fetched the changes that did not arrive"
            );
        }
        Ok(())
    }

    async fn append(&self, tenant: &TenantId, change: &ObjectChange) -> Result<(), GapError> {
        let body = convert::message(tenant, change)?;
        let (change, waits) = (
            &Change {
                change_id: change.change_id.clone(),
                body,
            },
            self.waits,
        );
        let outcome = self
            .database
            .tx("append_fetched", |tx| {
                Box::pin(append::append(tx, change, waits))
            })
            .await?;
        if let Outcome::Appended(entries) = outcome {
            self.metrics.appended(&entries);
        }
        Ok(())
    }

    /// The missing versions are forgotten everywhere: a subscriber that counts sees the jump, and one
    /// that does not would otherwise never hear of this object again.
    async fn give_up(&self, tenant: &TenantId, gap: &Gap) -> Result<(), GapError> {
        let object: &ObjectId = &gap.object_id.parse()?;
        let waits = self.waits;
        let entries = self
            .database
            .tx("skip_gap", |tx| {
                Box::pin(append::skip_to_oldest_held(tx, tenant, object, waits))
            })
            .await?;
        self.metrics.gap_given_up();
        self.metrics.appended(&entries);
        tracing::warn!(
            %tenant,
            %object,
            from = gap.last_version,
            to = entries.first().map(|entry| entry.version),
            "skipped versions that nobody has any more"
        );
        Ok(())
    }

    async fn claim(&self) -> Result<Vec<Gap>, sqlx::Error> {
        let due = sqlx::query_as!(
            Gap,
            "-- notification.objects.claim_gaps
            UPDATE notification.objects o
            SET gap_due_at = now() + $1
            FROM (
                SELECT tenant_id, object_id
                FROM notification.objects
                WHERE gap_due_at <= now()
                ORDER BY gap_due_at
                LIMIT $2
                FOR UPDATE SKIP LOCKED
            ) due
            WHERE o.tenant_id = due.tenant_id AND o.object_id = due.object_id
            RETURNING o.tenant_id, o.object_id, o.last_version",
            sql_interval(self.waits.gap),
            CLAIM,
        )
        .fetch_all(self.database.pool());
        self.database.answer(due).await
    }

    async fn count_held(&self) -> Result<i64, sqlx::Error> {
        let count = sqlx::query_scalar!(
            r#"-- notification.held.count
            SELECT count(*) AS "count!"
            FROM notification.held"#,
        )
        .fetch_one(self.database.pool());
        self.database.answer(count).await
    }
}
