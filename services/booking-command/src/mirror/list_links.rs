//! `MirrorService.ListLinks`: what the links should be, for sync-worker to make it so.

use roomsync_domain::LinkId;
use roomsync_postgres::Database;
use roomsync_process::grpc::Caller;
use roomsync_proto::internal::v1 as pb;
use uuid::Uuid;

use super::request::link_id;
use crate::{
    status::CommandError,
    validate::{self, stamp},
};

/// Answers with the links of every tenant the caller may see. All of them: those that are not
/// removed. One by id: also a removed one, so that whoever still keeps its calendar closes it.
pub async fn list_links(
    database: &Database,
    caller: &Caller,
    request: &pb::ListLinksRequest,
) -> Result<pb::ListLinksResponse, CommandError> {
    let one = match request.link_id.as_str() {
        "" => None,
        id => Some(link_id("link_id", id)?),
    };
    let after = match request.page_token.as_str() {
        "" => Uuid::nil(),
        token => link_id("page_token", token)?.0,
    };
    let size = validate::page_size(request.page_size, 500, 1000)?;
    let mut links = page(database, one, after, size + 1).await?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = links.len() > size;
    links.truncate(size);
    let last = links
        .last()
        .filter(|_| more)
        .map(|link| link.link_id.clone());
    links.retain(|link| caller.may_see(&link.tenant_id));
    Ok(pb::ListLinksResponse {
        links,
        next_page_token: last.unwrap_or_default(),
    })
}

async fn page(
    database: &Database,
    one: Option<LinkId>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<pb::WantedLink>, sqlx::Error> {
    // A link verified before the tenant connected anew is verified again: perhaps another subject's
    // rights count now, and a cursor and a channel are the subject's they were made by. So is one for
    // which a recheck was asked since.
    //
    // A closing link's calendar is closed with a connection that is itself going away, and without
    // the module.
    let query = sqlx::query!(
        r#"
        -- booking.links.wanted
        SELECT link.link_id, link.tenant_id, link.object_id, link.resource_email,
            link.state NOT IN ('closing', 'removed') AS "open!",
            coalesce(
                link.state = 'verified'
                    AND link.verified_at >= connection.connected_at
                    AND link.verified_at >= coalesce(link.recheck_at, link.verified_at),
                false
            ) AS "verified!",
            link.imported_at IS NOT NULL AS "imported!",
            tenant.horizon_days,
            coalesce(
                CASE
                    WHEN link.state IN ('closing', 'removed')
                    THEN connection.state IN ('active', 'disconnecting')
                    ELSE tenant.module_enabled AND connection.state = 'active'
                END,
                false
            ) AS "connected!",
            link.requested_at, link.pending_since, link.last_attempt_at
        FROM booking.links AS link
        JOIN booking.tenants AS tenant USING (tenant_id)
        LEFT JOIN booking.connections AS connection USING (tenant_id)
        WHERE (
                link.link_id = $1
                OR ($1::uuid IS NULL AND link.state <> 'removed')
            )
          AND link.link_id > $2
        ORDER BY link.link_id
        LIMIT $3
        "#,
        one.map(|link| link.0),
        after,
        limit,
    )
    .fetch_all(database.pool());
    let rows = database.answer(query).await?;
    let wanted = rows.into_iter().map(|row| pb::WantedLink {
        link_id: row.link_id.to_string(),
        tenant_id: row.tenant_id,
        object_id: row.object_id,
        resource_email: row.resource_email,
        open: row.open,
        verified: row.verified,
        imported: row.imported,
        horizon_days: row.horizon_days,
        connected: row.connected,
        requested_at: Some(stamp(row.requested_at)),
        pending_since: Some(stamp(row.pending_since)),
        last_attempt_at: row.last_attempt_at.map(stamp),
    });
    Ok(wanted.collect())
}
