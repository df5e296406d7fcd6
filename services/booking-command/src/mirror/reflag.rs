//! Flags after something else than bookings changed: the main app blocked an object for other times
//! (D17), or Google told whether the room answers by itself (D10). Bookings are not touched by either,
//! they only say that they lie in a blocked time, or that somebody has to approve them.

use chrono::TimeDelta;
use roomsync_domain::{Actor, ObjectId, TenantId, TimeWindow};
use sqlx::PgConnection;

use super::{
    plan::{self, Circumstances},
    store,
};
use crate::{
    bookings::{Booking, write},
    changes::{self, LockedObject},
    status::CommandError,
};

/// Further than any event lies ahead.
const AHEAD: TimeDelta = TimeDelta::days(100 * 366);

/// Brings the flags of these objects' bookings in line with the objects' blocked times and with what is
/// known of their rooms, and publishes those that changed. What has ended is left alone. To be called in
/// the transaction that changed the blocked times or the link's `answers_by_itself`.
pub async fn reflag(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[&str],
) -> Result<(), CommandError> {
    for object in outdated(tx, tenant, objects).await? {
        let object: ObjectId = object.parse().map_err(anyhow::Error::from)?;
        let locked = changes::lock(tx, tenant, &object).await?;
        reflag_one(tx, locked.by(Actor::System)).await?;
    }
    Ok(())
}

async fn reflag_one(tx: &mut PgConnection, object: LockedObject) -> Result<(), CommandError> {
    let Ok(ahead) = TimeWindow::new(object.now(), object.now() + AHEAD) else {
        return Ok(());
    };
    let mut bookings = flagged_anew(tx, &object, ahead).await?;
    let mut items = Vec::with_capacity(bookings.len());
    for booking in &mut bookings {
        booking.stage(&object, &mut items);
    }
    write::update(tx, object.tenant(), &bookings).await?;
    object.publish(tx, items, None).await?;
    Ok(())
}

/// The live bookings that intersect a window and whose flags are not right any more, with the right ones: for
/// whoever ended a booking in that window, beside which others may have stood in conflict.
pub async fn flagged_anew(
    tx: &mut PgConnection,
    object: &LockedObject,
    within: TimeWindow,
) -> Result<Vec<Booking>, CommandError> {
    let around = store::neighbours(tx, object, within).await?;
    let windows = around.iter().map(|booking| booking.details.window);
    let Some(hull) = TimeWindow::hull(windows) else {
        return Ok(Vec::new());
    };
    let circumstances = Circumstances {
        blocked: store::blocked(tx, object, hull).await?,
        answers_by_itself: answers_by_itself(tx, object).await?,
    };
    let planned = plan::plan(
        object,
        Vec::new(),
        around,
        &circumstances,
        within,
        Vec::new(),
    );
    Ok(planned.into_iter().map(|planned| planned.booking).collect())
}

/// Whether the room of the link in use answers by itself.
async fn answers_by_itself(
    tx: &mut PgConnection,
    object: &LockedObject,
) -> Result<Option<bool>, sqlx::Error> {
    let answers = sqlx::query_scalar!(
        "
        -- booking.links.answers_by_itself
        SELECT answers_by_itself
        FROM booking.links
        WHERE tenant_id = $1
          AND object_id = $2
          AND state NOT IN ('closing', 'removed')
          AND replaces_link_id IS NULL
        ",
        object.tenant().as_str(),
        object.object().as_str(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(answers.flatten())
}

/// The objects with a booking whose flags are not what their blocked times and their rooms say.
async fn outdated(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[&str],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "
        -- booking.bookings.outdated_flags
        SELECT DISTINCT booking.object_id
        FROM booking.bookings AS booking
        LEFT JOIN booking.links AS link
            ON link.tenant_id = booking.tenant_id
            AND link.object_id = booking.object_id
            AND link.state NOT IN ('closing', 'removed')
            AND link.replaces_link_id IS NULL
        WHERE booking.tenant_id = $1
          AND booking.object_id = ANY($2)
          AND booking.state NOT IN ('removed', 'rejected')
          AND booking.ends_at > now()
          AND (
              ('object_blocked' = ANY(booking.flags)) <> EXISTS (
                  SELECT
                  FROM booking.object_blocks AS block
                  WHERE block.tenant_id = booking.tenant_id
                    AND block.object_id = booking.object_id
                    AND block.starts_at < booking.ends_at
                    AND block.ends_at > booking.starts_at
              )
              OR ('awaiting_approval' = ANY(booking.flags)) <> coalesce(
                  booking.state = 'pending' AND NOT link.answers_by_itself,
                  false
              )
          )
        ORDER BY booking.object_id
        ",
        tenant.as_str(),
        objects as &[&str],
    )
    .fetch_all(tx)
    .await
}
