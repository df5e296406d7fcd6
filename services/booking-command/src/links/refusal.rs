//! Whether a linked object can be booked or declined now: what `CreateBooking` and `DeleteBooking` ask, in the
//! transaction in which they store something.

use roomsync_domain::{Capability, ObjectId, TenantId};
use roomsync_google::{AccessRole, scopes::CALENDAR_APP_CREATED};
use sqlx::{PgConnection, PgExecutor};

use super::capability::Circumstances;
use crate::status::CommandError;

/// What is known without a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    tenant_read_only: bool,
    object_read_only: bool,
    /// The connection can make events for users.
    pub(super) way_to_book: bool,
}

impl Setting {
    /// Set for the tenant or the object.
    pub(super) fn read_only(self) -> bool {
        self.tenant_read_only || self.object_read_only
    }
}

/// Reads it. `NOT_FOUND` `OBJECT_NOT_FOUND`.
pub(super) async fn setting(
    db: impl PgExecutor<'_>,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<Setting, CommandError> {
    // Without consent, or with delegation besides, we act as the users; else on the calendar that we may make.
    let row = sqlx::query_as!(
        Setting,
        r#"
        -- booking.links.setting
        SELECT tenant.read_only AS tenant_read_only,
            object.read_only AS object_read_only,
            coalesce(
                connection.way = 'key'
                    OR connection.delegated
                    OR $3 = ANY (connection.granted_scopes),
                false
            ) AS "way_to_book!"
        FROM booking.objects AS object
        JOIN booking.tenants AS tenant USING (tenant_id)
        LEFT JOIN booking.connections AS connection USING (tenant_id)
        WHERE object.tenant_id = $1
          AND object.object_id = $2
        "#,
        tenant.as_str(),
        object.as_str(),
        CALENDAR_APP_CREATED,
    )
    .fetch_optional(db)
    .await?;
    row.ok_or(CommandError::NotFound("OBJECT_NOT_FOUND"))
}

/// Why the link in use of an object lacks a capability, as `MissingCapability.reason` says it; `None` when it
/// has it. An object without a link is `NOT_VERIFIED`.
pub async fn refusal(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    capability: Capability,
) -> Result<Option<&'static str>, CommandError> {
    let setting = setting(&mut *tx, tenant, object).await?;
    lacks(tx, tenant, object, setting, capability).await
}

/// `FAILED_PRECONDITION` `READ_ONLY` (metadata `of`) or `CAPABILITY_MISSING` (metadata `capability`, `why`)
/// unless the link in use of an object has a capability.
pub async fn require(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    capability: Capability,
) -> Result<(), CommandError> {
    let setting = setting(&mut *tx, tenant, object).await?;
    let (reason, metadata) = match lacks(tx, tenant, object, setting, capability).await? {
        None => return Ok(()),
        Some("READ_ONLY") => {
            let of = if setting.tenant_read_only {
                "tenant"
            } else {
                "object"
            };
            ("READ_ONLY", vec![("of", of.to_owned())])
        }
        Some(why) => (
            "CAPABILITY_MISSING",
            vec![
                ("capability", capability.as_str().to_uppercase()),
                ("why", why.to_owned()),
            ],
        ),
    };
    Err(CommandError::Precondition { reason, metadata })
}

async fn lacks(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    setting: Setting,
    capability: Capability,
) -> Result<Option<&'static str>, CommandError> {
    let row = sqlx::query!(
        r#"
        -- booking.links.refusal
        SELECT state = 'verified' AS "verified!", access_role, answers_by_itself
        FROM booking.links
        WHERE tenant_id = $1
          AND object_id = $2
          AND state NOT IN ('closing', 'removed')
          AND replaces_link_id IS NULL
        "#,
        tenant.as_str(),
        object.as_str(),
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else {
        return Ok(Some("NOT_VERIFIED"));
    };
    let circumstances = Circumstances {
        verified: row.verified,
        role: AccessRole::from(row.access_role.unwrap_or_default()),
        read_only: setting.read_only(),
        answers_by_itself: row.answers_by_itself,
        way_to_book: setting.way_to_book,
    };
    Ok(circumstances.lacks(capability))
}
