//! `MirrorService.ReportCoverage`: how current a calendar is. Nothing is published about it; it is
//! read with the link.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use roomsync_domain::TenantId;
use roomsync_postgres::Database;
use roomsync_proto::internal::v1 as pb;

use super::request::link_id;
use crate::{convert, status::CommandError};

const CHANNEL_STATES: [&str; 5] = ["open", "opening", "silent", "refused", "none"];

/// Answers the request for a tenant the caller may see. Links that are unknown or gone are ignored.
pub async fn report_coverage(
    database: &Database,
    tenant: &TenantId,
    request: &pb::ReportCoverageRequest,
) -> Result<pb::ReportCoverageResponse, CommandError> {
    let link = link_id("link_id", &request.link_id)?;
    if !CHANNEL_STATES.contains(&request.channel_state.as_str()) {
        let expected = "`open`, `opening`, `silent`, `refused` or `none`";
        return Err(CommandError::invalid("channel_state", expected));
    }
    if request.poll_interval_seconds < 0 {
        return Err(CommandError::invalid("poll_interval_seconds", "0 or more"));
    }
    // Reports may overtake each other: stamps only go forward.
    let query = sqlx::query!(
        "
        -- booking.links.report_coverage
        UPDATE booking.links
        SET channel_state = $3,
            channel_expires_at = $4,
            last_check_at = greatest(last_check_at, $5),
            last_full_sync_at = greatest(last_full_sync_at, $6),
            poll_interval_seconds = $7,
            cursor_since = greatest(cursor_since, $8)
        WHERE tenant_id = $1
          AND link_id = $2
          AND state <> 'removed'
        ",
        tenant.as_str(),
        link.0,
        request.channel_state,
        instant(request.channel_expires_at.as_ref()),
        instant(request.last_check_at.as_ref()),
        instant(request.last_full_sync_at.as_ref()),
        request.poll_interval_seconds,
        instant(request.cursor_since.as_ref()),
    )
    .execute(database.pool());
    database.answer(query).await?;
    Ok(pb::ReportCoverageResponse {})
}

fn instant(stamp: Option<&Timestamp>) -> Option<DateTime<Utc>> {
    stamp.and_then(convert::instant)
}
