//! The rows of `booking.users` and `booking.user_mails`.

use std::collections::HashSet;

use roomsync_domain::{MailAddress, TenantId};
use sqlx::PgConnection;

use super::read::{Users, mail_taken};
use crate::status::CommandError;

/// Creates or replaces users and their addresses; answers the addresses they had before.
/// `MAIL_TAKEN` when another user holds one.
pub(super) async fn upsert(
    tx: &mut PgConnection,
    tenant: &TenantId,
    users: &Users,
) -> Result<Vec<String>, CommandError> {
    let ids: Vec<&str> = users.users.iter().map(|user| user.id.as_str()).collect();
    let locales: Vec<&str> = users
        .users
        .iter()
        .map(|user| user.locale.as_str())
        .collect();
    sqlx::query!(
        "
        -- booking.users.upsert
        INSERT INTO booking.users (tenant_id, user_id, locale)
        SELECT $1, new.user_id, new.locale
        FROM unnest($2::text[], $3::text[]) AS new (user_id, locale)
        ORDER BY new.user_id
        ON CONFLICT (tenant_id, user_id) DO UPDATE
        SET locale = excluded.locale,
            updated_at = now()
        ",
        tenant.as_str(),
        &ids as &[&str],
        &locales as &[&str],
    )
    .execute(&mut *tx)
    .await?;
    // All of them first: two users of one request may swap addresses.
    let before = sqlx::query_scalar!(
        "
        -- booking.user_mails.clear
        DELETE FROM booking.user_mails
        WHERE tenant_id = $1
          AND user_id = ANY($2::text[])
        RETURNING mail
        ",
        tenant.as_str(),
        &ids as &[&str],
    )
    .fetch_all(&mut *tx)
    .await?;
    insert_addresses(tx, tenant, users).await?;
    Ok(before)
}

async fn insert_addresses(
    tx: &mut PgConnection,
    tenant: &TenantId,
    users: &Users,
) -> Result<(), CommandError> {
    let mails: Vec<&str> = users.addresses.keys().map(MailAddress::as_str).collect();
    let owners: Vec<&str> = users
        .addresses
        .values()
        .map(|address| address.user.as_str())
        .collect();
    let alias: Vec<bool> = users
        .addresses
        .values()
        .map(|address| address.is_alias)
        .collect();
    let inserted: HashSet<String> = sqlx::query_scalar!(
        "
        -- booking.user_mails.insert
        INSERT INTO booking.user_mails (tenant_id, mail, user_id, is_alias)
        SELECT $1, new.mail, new.user_id, new.is_alias
        FROM unnest($2::text[], $3::text[], $4::boolean[]) AS new (mail, user_id, is_alias)
        ORDER BY new.mail
        ON CONFLICT (tenant_id, mail) DO NOTHING
        RETURNING mail
        ",
        tenant.as_str(),
        &mails as &[&str],
        &owners as &[&str],
        &alias,
    )
    .fetch_all(tx)
    .await?
    .into_iter()
    .collect();
    match users
        .addresses
        .iter()
        .find(|(mail, _)| !inserted.contains(mail.as_str()))
    {
        Some((_, taken)) => Err(mail_taken(&taken.field)),
        None => Ok(()),
    }
}

/// Deletes users with their addresses. Unknown ids are ignored.
pub(super) async fn delete(
    tx: &mut PgConnection,
    tenant: &TenantId,
    users: &[String],
) -> Result<(), CommandError> {
    // Nobody acts as them any more, and each row names an address.
    sqlx::query!(
        "
        -- booking.access_tokens.forget_bookers
        DELETE FROM booking.access_tokens
        WHERE tenant_id = $1
          AND purpose = 'booker'
          AND subject IN (
              SELECT mail
              FROM booking.user_mails
              WHERE tenant_id = $1
                AND user_id = ANY($2)
          )
        ",
        tenant.as_str(),
        users,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "
        -- booking.users.delete
        DELETE FROM booking.users
        WHERE tenant_id = $1
          AND user_id = ANY($2)
        ",
        tenant.as_str(),
        users,
    )
    .execute(tx)
    .await?;
    Ok(())
}
