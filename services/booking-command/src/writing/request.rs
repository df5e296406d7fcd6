//! Asking for a write: the message that survives every crash.

use std::time::Duration;

use roomsync_domain::{BookingId, TenantId};
use roomsync_messages::GoogleWriteRequested;
use roomsync_postgres::outbox;
use sqlx::PgConnection;

use super::Writer;
use crate::status::CommandError;

/// How long after a caller's deadline the queue takes over from the process that tries at once.
pub const GRACE: Duration = Duration::from_secs(5);
/// How soon, when a first try failed and Google did not say when to come back.
const SOON: Duration = Duration::from_secs(1);

/// Asks that Google be told what the booking's row says, `after` a while: whoever tries at once gets that
/// long before the queue does it. Takes the place of an earlier request that has not left yet. To be called in
/// the transaction that sets `google_write`.
pub async fn request(
    tx: &mut PgConnection,
    tenant: &TenantId,
    booking: BookingId,
    after: Duration,
) -> Result<(), CommandError> {
    let before = sqlx::query_scalar!(
        "
        -- booking.bookings.write_message
        SELECT write_message
        FROM booking.bookings
        WHERE tenant_id = $1
          AND booking_id = $2
        FOR NO KEY UPDATE
        ",
        tenant.as_str(),
        booking.0,
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(before) = before.flatten() {
        outbox::take_back(&mut *tx, before).await?;
    }
    let message = GoogleWriteRequested {
        tenant: tenant.clone(),
        booking,
    };
    let message = outbox::push_after(&mut *tx, &message, after).await?;
    sqlx::query!(
        "
        -- booking.bookings.note_write_message
        UPDATE booking.bookings
        SET write_message = $3
        WHERE tenant_id = $1
          AND booking_id = $2
        ",
        tenant.as_str(),
        booking.0,
        message,
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl Writer {
    /// Lets the queue take over sooner than the message says, if it has not left yet and there is
    /// still something to write.
    pub(super) async fn hand_over(
        &self,
        tenant: &TenantId,
        booking: BookingId,
        after: Option<Duration>,
    ) -> Result<(), CommandError> {
        let after = after.unwrap_or(SOON);
        self.database
            .tx("hand_over_write", |tx| {
                Box::pin(hand_over(tx, tenant, booking, after))
            })
            .await
    }
}

async fn hand_over(
    tx: &mut PgConnection,
    tenant: &TenantId,
    booking: BookingId,
    after: Duration,
) -> Result<(), CommandError> {
    let waits = sqlx::query_scalar!(
        r#"
        -- booking.bookings.waits_for_its_write
        SELECT EXISTS (
            SELECT
            FROM booking.bookings AS b
            JOIN booking.outbox AS o ON o.message_id = b.write_message
            WHERE b.tenant_id = $1
              AND b.booking_id = $2
              AND b.google_write IS NOT NULL
        ) AS "waits!"
        "#,
        tenant.as_str(),
        booking.0,
    )
    .fetch_one(&mut *tx)
    .await?;
    if waits {
        request(tx, tenant, booking, after).await?;
    }
    Ok(())
}
