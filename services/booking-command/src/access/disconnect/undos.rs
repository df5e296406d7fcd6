//! What we made in Google and have to take back, of bookings that were refused, withdrawn or under way: done while
//! the grant stands. Their messages go on as ever; this job is in no hurry, but it sees to it that they are done.

use futures_util::FutureExt as _;
use roomsync_domain::{BookingId, TenantId};
use tokio::time::Instant;

use crate::{
    status::CommandError,
    writing::{WriteError, Writer},
};

/// Takes back what is left; false when some of it has to wait.
pub(super) async fn are_done(
    writer: &Writer,
    tenant: &TenantId,
    patience: Instant,
) -> Result<bool, CommandError> {
    let mut done = true;
    for booking in left(writer, tenant).await? {
        if Instant::now() >= patience {
            return Ok(false);
        }
        match writer.bring(tenant, booking).boxed().await {
            Ok(_) => {}
            Err(WriteError::Command(error)) => return Err(error),
            Err(error) => {
                tracing::info!(%tenant, %booking, %error, "an event is taken back later");
                done = false;
            }
        }
    }
    Ok(done)
}

/// A request that ended while it was being made is among them: whether its event is there is not known yet.
async fn left(writer: &Writer, tenant: &TenantId) -> Result<Vec<BookingId>, CommandError> {
    let query = sqlx::query_scalar!(
        "
        -- booking.bookings.to_take_back
        SELECT booking_id
        FROM booking.bookings
        WHERE tenant_id = $1
          AND google_write IN ('insert', 'undo')
        ORDER BY booking_id
        ",
        tenant.as_str(),
    )
    .fetch_all(writer.database.pool());
    let ids = writer.database.answer(query).await?;
    Ok(ids.into_iter().map(BookingId).collect())
}
