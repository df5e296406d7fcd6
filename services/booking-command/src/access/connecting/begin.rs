//! The beginning: the key is kept.

use roomsync_domain::ConnectionId;
use sqlx::PgConnection;

use crate::{access::activate::NewConnection, gate, status::CommandError};

/// Keeps a key whose delegation may come into effect later; says whether it did. Not where a connection is
/// active, lost or ending: what there is stays as it is. A key that waits already is replaced, and its time begins
/// anew.
pub(in crate::access) async fn begin(
    tx: &mut PgConnection,
    new: &NewConnection<'_>,
) -> Result<bool, CommandError> {
    gate::module_in(&mut *tx, new.tenant).await?;
    let done = sqlx::query!(
        "
        -- booking.connections.begin_connecting
        INSERT INTO booking.connections AS c (tenant_id, connection_id, state, reason, way, domain, project,
            service_account, directory_subject, rooms_subject, sealed_key, sealed_with)
        VALUES ($1, $2, 'connecting', 'not_delegated', $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (tenant_id) DO UPDATE
        SET state = 'connecting',
            reason = excluded.reason,
            way = excluded.way,
            domain = excluded.domain,
            project = excluded.project,
            service_account = excluded.service_account,
            directory_subject = excluded.directory_subject,
            rooms_subject = excluded.rooms_subject,
            sealed_key = excluded.sealed_key,
            sealed_with = excluded.sealed_with,
            retry_at = NULL,
            retries = 0,
            connected_at = clock_timestamp(),
            updated_at = now()
        WHERE c.state IN ('connecting', 'disconnected')
        ",
        new.tenant.as_str(),
        ConnectionId::new().0,
        new.way.as_str(),
        new.domain,
        new.project,
        new.service_account,
        new.directory_subject.as_str(),
        new.rooms_subject.as_str(),
        new.secret.bytes,
        new.secret.key_id,
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
