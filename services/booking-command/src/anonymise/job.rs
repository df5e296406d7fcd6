//! The job: some days after the end of a booking persons leave it. Every replica runs it; they meet at the
//! locks of objects, and whoever comes second finds nothing left to do.

use roomsync_domain::{ObjectId, TenantId};
use roomsync_postgres::Database;
use sqlx::PgConnection;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::leave;
use crate::{
    bookings::{Booking, record, record::Row},
    changes,
    config::AnonymiseConfig,
    status::CommandError,
};

/// Looks at intervals until the soft shutdown.
pub async fn run(database: Database, config: AnonymiseConfig, soft: CancellationToken) {
    let mut ticks = interval(config.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = soft.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = soft.cancelled() => return,
            done = anonymise(&database, config.batch) => if let Err(error) = done {
                tracing::warn!(error = %error, "bookings were not anonymised; next time again");
            }
        }
    }
}

/// Anonymises everything that is due, a batch of one object's bookings in a transaction each.
pub async fn anonymise(database: &Database, batch: i64) -> Result<(), CommandError> {
    let query = sqlx::query_scalar!(
        "
        -- booking.tenants.that_anonymise
        SELECT tenant_id
        FROM booking.tenants
        WHERE anonymise_after_days > 0
        ",
    )
    .fetch_all(database.pool());
    for tenant in database.answer(query).await? {
        let tenant: TenantId = tenant.parse().map_err(anyhow::Error::from)?;
        let tenant = &tenant;
        while database
            .tx("anonymise", |tx| Box::pin(some(tx, tenant, batch)))
            .await?
        {}
    }
    Ok(())
}

/// Some bookings of one object; false when none is due any more.
async fn some(tx: &mut PgConnection, tenant: &TenantId, batch: i64) -> Result<bool, CommandError> {
    let Some(object) = object_with_due(&mut *tx, tenant).await? else {
        return Ok(false);
    };
    let locked = changes::lock(&mut *tx, tenant, &object).await?;
    let due = due(&mut *tx, tenant, &object, batch).await?;
    leave::leave_all(tx, tenant, locked, due).await?;
    Ok(true)
}

async fn object_with_due(
    tx: &mut PgConnection,
    tenant: &TenantId,
) -> Result<Option<ObjectId>, CommandError> {
    let object = sqlx::query_scalar!(
        "
        -- booking.bookings.object_to_anonymise
        SELECT object_id
        FROM booking.bookings
        JOIN booking.tenants USING (tenant_id)
        WHERE tenant_id = $1
          AND anonymise_after_days > 0
          AND ends_at < now() - make_interval(days => anonymise_after_days)
          AND (
              booker_kind = 'user'
              OR organizer_mail IS NOT NULL
              OR title IS NOT NULL
              OR event_calendar IS NOT NULL
              OR declined_by_id IS NOT NULL AND declined_by_kind <> 'device'
          )
        LIMIT 1
        ",
        tenant.as_str(),
    )
    .fetch_optional(tx)
    .await?;
    let object = object.map(|object| object.parse().map_err(anyhow::Error::from));
    Ok(object.transpose()?)
}

async fn due(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    batch: i64,
) -> Result<Vec<Booking>, CommandError> {
    let rows = sqlx::query_as!(
        Row,
        "
        -- booking.bookings.to_anonymise
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags,
            cause, placement, at_google, event_kept, google_write, object_version,
            booking.created_at, booking.updated_at
        FROM booking.bookings AS booking
        JOIN booking.tenants AS tenant USING (tenant_id)
        WHERE tenant_id = $1
          AND object_id = $2
          AND anonymise_after_days > 0
          AND ends_at < now() - make_interval(days => anonymise_after_days)
          AND (
              booker_kind = 'user'
              OR organizer_mail IS NOT NULL
              OR title IS NOT NULL
              OR event_calendar IS NOT NULL
              OR declined_by_id IS NOT NULL AND declined_by_kind <> 'device'
          )
        ORDER BY ends_at, booking_id
        LIMIT $3
        ",
        tenant.as_str(),
        object.as_str(),
        batch,
    )
    .fetch_all(tx)
    .await?;
    Ok(record::read(rows)?)
}
