//! Synchronising by hand (R77): a hint to sync-worker for one object, or for every linked one.
//!
//! One object is compared without trusting its cursor (`ByHand`); all of them are pulled by cursor
//! (`Poll`), since an administrator who doubts one room should not cost the others their budget. What is
//! asked for while an earlier one is not through yet is merged with it, and shortly after one that is
//! through it is refused. All times are compared in PostgreSQL.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::{CalendarId, LinkId, ObjectId, TenantId};
use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};
use roomsync_postgres::outbox;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{access::connections, catalogue, config::SyncByHandConfig, gate, status::CommandError};

/// After this a synchronisation that is not through counts as lost, seconds.
const LOST_AFTER: f64 = 600.0;

/// What was asked for, or what it was merged with.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) links: usize,
    pub(super) started_at: DateTime<Utc>,
    pub(super) merged: bool,
}

/// How an earlier synchronisation stands in the way of another one.
struct Earlier {
    asked_at: Option<DateTime<Utc>>,
    under_way: bool,
    /// Seconds until another one may be asked for.
    wait: f64,
}

/// Asks for the synchronisation of one object.
pub(super) async fn of_object(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    limits: SyncByHandConfig,
) -> Result<Asked, CommandError> {
    gate::module_in(&mut *tx, tenant).await?;
    catalogue::require_living(&mut *tx, tenant, object).await?;
    connections::require_active(&mut *tx, tenant).await?;
    let row = sqlx::query!(
        r#"
        -- booking.links.lock_for_sync
        SELECT link_id, sync_asked_at,
            coalesce(
                sync_asked_at > now() - interval '1 second' * $3::float8
                    AND (last_check_at IS NULL OR last_check_at < sync_asked_at),
                false
            ) AS "under_way!",
            coalesce(
                extract(epoch FROM sync_asked_at - now())::float8 + $4::float8,
                0
            ) AS "wait!"
        FROM booking.links
        WHERE tenant_id = $1
          AND object_id = $2
          AND state = 'verified'
        ORDER BY replaces_link_id NULLS FIRST
        LIMIT 1
        FOR NO KEY UPDATE
        "#,
        tenant.as_str(),
        object.as_str(),
        LOST_AFTER,
        limits.at_most_every.as_secs_f64(),
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(CommandError::NotFound("LINK_NOT_FOUND"))?;
    let earlier = Earlier {
        asked_at: row.sync_asked_at,
        under_way: row.under_way,
        wait: row.wait,
    };
    if let Some(merged) = earlier.decide(1)? {
        return Ok(merged);
    }
    let started_at = sqlx::query_scalar!(
        r#"
        -- booking.links.sync_asked
        UPDATE booking.links
        SET sync_asked_at = clock_timestamp()
        WHERE tenant_id = $1
          AND link_id = $2
        RETURNING sync_asked_at AS "sync_asked_at!"
        "#,
        tenant.as_str(),
        row.link_id,
    )
    .fetch_one(&mut *tx)
    .await?;
    refresh(tx, &[row.link_id], RefreshWhy::ByHand).await?;
    Ok(Asked {
        links: 1,
        started_at,
        merged: false,
    })
}

/// Asks for the synchronisation of every linked object.
pub(super) async fn of_all(
    tx: &mut PgConnection,
    tenant: &TenantId,
    limits: SyncByHandConfig,
) -> Result<Asked, CommandError> {
    gate::module_in(&mut *tx, tenant).await?;
    connections::require_active(&mut *tx, tenant).await?;
    // The tenant's row stands for all of its links: two that ask at once do so in line.
    let row = sqlx::query!(
        r#"
        -- booking.tenants.lock_for_sync
        SELECT sync_asked_at,
            coalesce(
                sync_asked_at > now() - interval '1 second' * $2::float8
                    AND EXISTS (
                        SELECT
                        FROM booking.links AS link
                        WHERE link.tenant_id = tenant.tenant_id
                          AND link.state = 'verified'
                          AND (
                              link.last_check_at IS NULL
                              OR link.last_check_at < tenant.sync_asked_at
                          )
                    ),
                false
            ) AS "under_way!",
            coalesce(
                extract(epoch FROM sync_asked_at - now())::float8 + $3::float8,
                0
            ) AS "wait!"
        FROM booking.tenants AS tenant
        WHERE tenant_id = $1
        FOR NO KEY UPDATE
        "#,
        tenant.as_str(),
        LOST_AFTER,
        limits.all_at_most_every.as_secs_f64(),
    )
    .fetch_one(&mut *tx)
    .await?;
    let links = verified(&mut *tx, tenant).await?;
    let earlier = Earlier {
        asked_at: row.sync_asked_at,
        under_way: row.under_way,
        wait: row.wait,
    };
    if let Some(merged) = earlier.decide(links.len())? {
        return Ok(merged);
    }
    let started_at = sqlx::query_scalar!(
        r#"
        -- booking.tenants.sync_asked
        UPDATE booking.tenants
        SET sync_asked_at = clock_timestamp()
        WHERE tenant_id = $1
        RETURNING sync_asked_at AS "sync_asked_at!"
        "#,
        tenant.as_str(),
    )
    .fetch_one(&mut *tx)
    .await?;
    refresh(tx, &links, RefreshWhy::Poll).await?;
    Ok(Asked {
        links: links.len(),
        started_at,
        merged: false,
    })
}

impl Earlier {
    /// The one to merge with; `None` to go on. `TOO_OFTEN` shortly after one that is through.
    fn decide(&self, links: usize) -> Result<Option<Asked>, CommandError> {
        let Some(started_at) = self.asked_at else {
            return Ok(None);
        };
        if self.under_way {
            return Ok(Some(Asked {
                links,
                started_at,
                merged: true,
            }));
        }
        if self.wait > 0.0 {
            return Err(CommandError::Exhausted {
                reason: "TOO_OFTEN",
                retry_after: Duration::try_from_secs_f64(self.wait).unwrap_or_default(),
            });
        }
        Ok(None)
    }
}

async fn verified(tx: &mut PgConnection, tenant: &TenantId) -> Result<Vec<Uuid>, CommandError> {
    let links = sqlx::query_scalar!(
        "
        -- booking.links.verified
        SELECT link_id
        FROM booking.links
        WHERE tenant_id = $1
          AND state = 'verified'
        ORDER BY link_id
        ",
        tenant.as_str(),
    )
    .fetch_all(tx)
    .await?;
    Ok(links)
}

async fn refresh(
    tx: &mut PgConnection,
    links: &[Uuid],
    why: RefreshWhy,
) -> Result<(), CommandError> {
    for link in links {
        let message = CalendarRefresh {
            calendar: CalendarId::from(LinkId(*link)),
            why,
            lane: RefreshLane::Background,
        };
        outbox::push(&mut *tx, &message).await?;
    }
    Ok(())
}
