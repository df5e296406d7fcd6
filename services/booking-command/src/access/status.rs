//! The data of the status page (R54 to R59, D4, D12).

use roomsync_domain::TenantId;
use roomsync_postgres::Database;
use roomsync_proto::integration::v1 as proto;

use crate::{links, status::CommandError, validate::stamp};

/// How many links the list shows.
const MOST_LISTED: i64 = 100;

/// The status of a tenant's connection.
pub(super) async fn read(
    database: &Database,
    tenant: &TenantId,
) -> Result<proto::ConnectionStatus, CommandError> {
    let query = sqlx::query!(
        r#"
        -- booking.status.connection
        SELECT state, reason, domain, way, way = 'key' OR delegated AS "books_as_users!", connected_at
        FROM booking.connections
        WHERE tenant_id = $1
        "#,
        tenant.as_str(),
    )
    .fetch_optional(database.pool());
    let connection = database.answer(query).await?;
    // Stamps count removed links too: unlinking the last object does not undo the last update.
    let query = sqlx::query!(
        r#"
        -- booking.status.links
        SELECT count(DISTINCT object_id)
                FILTER (WHERE state IN ('pending', 'verified', 'failed')) AS "linked!",
            count(*) FILTER (WHERE state IN ('pending', 'failed')) AS "not_verified!",
            max(last_change_at) AS last_change_at,
            max(last_check_at) AS last_check_at,
            count(*) FILTER (WHERE state = 'verified' AND channel_state <> 'open')
                AS "without_channel!",
            coalesce(sum(declined_while_free) FILTER (WHERE state <> 'removed'), 0)::bigint
                AS "declined_while_free!",
            (
                SELECT count(*)
                FROM booking.bookings
                WHERE tenant_id = $1
                  AND state = 'undecided'
            ) AS "undecided!"
        FROM booking.links
        WHERE tenant_id = $1
        "#,
        tenant.as_str(),
    )
    .fetch_one(database.pool());
    let counts = database.answer(query).await?;
    let listed = links::not_verified(database, tenant, MOST_LISTED).await?;
    let mut status = proto::ConnectionStatus {
        linked_objects: count(counts.linked),
        last_change_at: counts.last_change_at.map(stamp),
        last_check_at: counts.last_check_at.map(stamp),
        not_verified: count(counts.not_verified),
        not_verified_links: listed.iter().map(links::LinkRow::to_proto).collect(),
        links_without_channel: count(counts.without_channel),
        declined_while_free: counts.declined_while_free,
        undecided: count(counts.undecided),
        ..proto::ConnectionStatus::default()
    };
    status.set_state(state(connection.as_ref().map(|row| row.state.as_str())));
    if let Some(row) = connection {
        status.reason = row.reason.unwrap_or_default().to_uppercase();
        // What was connected before says nothing about a tenant that is disconnected.
        if row.state != "disconnected" {
            status.domain = row.domain;
            status.set_way(way(&row.way));
            status.books_as_users = row.books_as_users;
        }
        if !matches!(row.state.as_str(), "disconnected" | "connecting") {
            status.connected_at = Some(stamp(row.connected_at));
        }
    }
    Ok(status)
}

fn count(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn state(state: Option<&str>) -> proto::ConnectionState {
    match state {
        None | Some("disconnected") => proto::ConnectionState::Disconnected,
        Some("connecting") => proto::ConnectionState::Connecting,
        Some("active") => proto::ConnectionState::Active,
        Some("lost") => proto::ConnectionState::Lost,
        Some("disconnecting") => proto::ConnectionState::Disconnecting,
        Some(_) => proto::ConnectionState::Unspecified,
    }
}

fn way(way: &str) -> proto::ConnectionWay {
    match way {
        "consent" => proto::ConnectionWay::Consent,
        "key" => proto::ConnectionWay::Key,
        _ => proto::ConnectionWay::Unspecified,
    }
}
