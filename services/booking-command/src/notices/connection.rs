//! About a tenant's connection: who administers it, and how it stands now.

use roomsync_domain::TenantId;
use roomsync_postgres::Database;
use roomsync_proto::internal::v1 as pb;

use crate::status::CommandError;

/// What a mail about the connection needs to say; a tenant that never connected is `disconnected`.
pub(super) async fn read(
    database: &Database,
    tenant: &TenantId,
) -> Result<pb::GetConnectionNoticeResponse, CommandError> {
    let query = sqlx::query!(
        r#"
        -- booking.notices.connection
        SELECT t.administrator_mails, t.locale,
            c.domain AS "domain?", c.state AS "state?", c.reason AS "reason?"
        FROM booking.tenants t
        LEFT JOIN booking.connections c ON c.tenant_id = t.tenant_id
        WHERE t.tenant_id = $1
        "#,
        tenant.as_str(),
    )
    .fetch_optional(database.pool());
    let row = database.answer(query).await?;
    let row = row.ok_or(CommandError::NotFound("TENANT_NOT_FOUND"))?;
    Ok(pb::GetConnectionNoticeResponse {
        administrator_mails: row.administrator_mails,
        locale: row.locale,
        domain: row.domain.unwrap_or_default(),
        state: row.state.unwrap_or_else(|| "disconnected".to_owned()),
        reason: row.reason.unwrap_or_default(),
    })
}
