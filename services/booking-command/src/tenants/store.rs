//! The rows of `booking.tenants`.

use roomsync_domain::TenantId;
use sqlx::PgExecutor;

use super::Settings;
use crate::status::CommandError;

/// A customer of the main app.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Whether it bought the module.
    pub module_enabled: bool,
    /// What its administrators set.
    pub settings: Settings,
}

/// A tenant, if it exists.
pub(super) async fn get(
    db: impl PgExecutor<'_>,
    tenant: &TenantId,
) -> Result<Option<Tenant>, CommandError> {
    let row = sqlx::query!(
        "
        -- booking.tenants.get
        SELECT module_enabled, decline_allowed, read_only, horizon_days, store_titles,
            neutral_title, anonymise_after_days, administrator_mails, locale
        FROM booking.tenants
        WHERE tenant_id = $1
        ",
        tenant.as_str(),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Tenant {
        id: tenant.clone(),
        module_enabled: row.module_enabled,
        settings: Settings {
            decline_allowed: row.decline_allowed,
            read_only: row.read_only,
            horizon_days: row.horizon_days,
            store_titles: row.store_titles,
            neutral_title: row.neutral_title,
            anonymise_after_days: row.anonymise_after_days,
            administrator_mails: row.administrator_mails,
            locale: row.locale,
        },
    }))
}

/// Creates or replaces a tenant.
pub(super) async fn put(db: impl PgExecutor<'_>, tenant: &Tenant) -> Result<(), CommandError> {
    let settings = &tenant.settings;
    sqlx::query!(
        "
        -- booking.tenants.put
        INSERT INTO booking.tenants AS old (tenant_id, module_enabled, decline_allowed, read_only,
            horizon_days, store_titles, neutral_title, anonymise_after_days, administrator_mails,
            locale, module_disabled_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CASE WHEN NOT $2 THEN now() END)
        ON CONFLICT (tenant_id) DO UPDATE
        SET module_enabled = excluded.module_enabled,
            decline_allowed = excluded.decline_allowed,
            read_only = excluded.read_only,
            horizon_days = excluded.horizon_days,
            store_titles = excluded.store_titles,
            neutral_title = excluded.neutral_title,
            anonymise_after_days = excluded.anonymise_after_days,
            administrator_mails = excluded.administrator_mails,
            locale = excluded.locale,
            module_disabled_at = CASE
                WHEN NOT excluded.module_enabled THEN coalesce(old.module_disabled_at, now())
            END,
            updated_at = now()
        ",
        tenant.id.as_str(),
        tenant.module_enabled,
        settings.decline_allowed,
        settings.read_only,
        settings.horizon_days,
        settings.store_titles,
        settings.neutral_title,
        settings.anonymise_after_days,
        &settings.administrator_mails,
        settings.locale,
    )
    .execute(db)
    .await?;
    Ok(())
}
