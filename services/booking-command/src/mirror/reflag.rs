//! Flags after the main app blocked an object for other times (D17): bookings are not touched by a
//! block, they only say that they lie in one.

use chrono::TimeDelta;
use roomsync_domain::{ObjectId, TenantId, TimeWindow};
use sqlx::PgConnection;

use super::{plan, store};
use crate::{
    bookings::{Booking, write},
    changes::{self, LockedObject},
    status::CommandError,
};

/// Further than any event lies ahead.
const AHEAD: TimeDelta = TimeDelta::days(100 * 366);

/// Brings the flags of these objects' bookings in line with the objects' blocked times, and
/// publishes those that changed. What has ended is left alone. To be called in the transaction that
/// changed the blocked times.
pub async fn reflag(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[&str],
) -> Result<(), CommandError> {
    for object in outdated(tx, tenant, objects).await? {
        let object: ObjectId = object.parse().map_err(anyhow::Error::from)?;
        let locked = changes::lock(tx, tenant, &object).await?;
        reflag_one(tx, locked).await?;
    }
    Ok(())
}

async fn reflag_one(tx: &mut PgConnection, object: LockedObject) -> Result<(), CommandError> {
    let Ok(ahead) = TimeWindow::new(object.now(), object.now() + AHEAD) else {
        return Ok(());
    };
    let around = store::neighbours(tx, &object, ahead).await?;
    let windows = around.iter().map(|booking| booking.details.window);
    let Some(within) = TimeWindow::hull(windows) else {
        return Ok(());
    };
    let blocked = store::blocked(tx, &object, within).await?;
    let planned = plan::plan(&object, Vec::new(), around, &blocked, ahead, Vec::new());
    let mut bookings: Vec<Booking> = planned.into_iter().map(|planned| planned.booking).collect();
    let mut items = Vec::with_capacity(bookings.len());
    for booking in &mut bookings {
        booking.stage(&object, &mut items);
    }
    write::update(tx, object.tenant(), &bookings).await?;
    object.publish(tx, items, None).await?;
    Ok(())
}

/// The objects with a booking whose flag is not what their blocked times say.
async fn outdated(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[&str],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "
        -- booking.bookings.outdated_flags
        SELECT DISTINCT object_id
        FROM booking.bookings AS booking
        WHERE tenant_id = $1
          AND object_id = ANY($2)
          AND state NOT IN ('removed', 'rejected')
          AND ends_at > now()
          AND ('object_blocked' = ANY(flags)) <> EXISTS (
              SELECT
              FROM booking.object_blocks AS block
              WHERE block.tenant_id = booking.tenant_id
                AND block.object_id = booking.object_id
                AND block.starts_at < booking.ends_at
                AND block.ends_at > booking.starts_at
          )
        ORDER BY object_id
        ",
        tenant.as_str(),
        objects as &[&str],
    )
    .fetch_all(tx)
    .await
}
