//! What decisions about a tenant's bookings need to know of the tenant.

use std::collections::{BTreeSet, HashMap};

use roomsync_domain::{
    TenantId, UserId,
    decide::{Listing, responsible_mail},
};
use sqlx::PgConnection;

/// The facts behind `roomsync_domain::decide::Rules`.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) users: HashMap<String, UserId>,
    pub(super) own_subjects: Vec<String>,
    pub(super) store_titles: bool,
}

/// Reads what the listings make necessary: only the users they name.
pub(super) async fn load(
    tx: &mut PgConnection,
    tenant: &TenantId,
    listings: &[Listing],
) -> Result<Facts, sqlx::Error> {
    let settings = sqlx::query!(
        r#"
        -- booking.tenants.mirror_facts
        SELECT store_titles,
            array_remove(
                ARRAY[
                    lower(connection.directory_subject),
                    lower(connection.rooms_subject),
                    lower(connection.service_account)
                ],
                NULL
            ) AS "own_subjects!"
        FROM booking.tenants
        LEFT JOIN booking.connections AS connection USING (tenant_id)
        WHERE tenant_id = $1
        "#,
        tenant.as_str(),
    )
    .fetch_one(&mut *tx)
    .await?;
    let seen = listings.iter().flat_map(|listing| &listing.seen);
    let own = &settings.own_subjects;
    let mails: BTreeSet<&str> = seen
        .filter_map(|seen| responsible_mail(seen, own))
        .collect();
    let users = users(tx, tenant, mails.into_iter().collect()).await?;
    let store_titles = settings.store_titles;
    Ok(Facts {
        users,
        own_subjects: settings.own_subjects,
        store_titles,
    })
}

async fn users(
    tx: &mut PgConnection,
    tenant: &TenantId,
    mails: Vec<&str>,
) -> Result<HashMap<String, UserId>, sqlx::Error> {
    let rows = sqlx::query!(
        "
        -- booking.user_mails.owners
        SELECT mail, user_id
        FROM booking.user_mails
        WHERE tenant_id = $1
          AND mail = ANY($2)
        ",
        tenant.as_str(),
        &mails as &[&str],
    )
    .fetch_all(tx)
    .await?;
    let user = |id: String| {
        id.try_into()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))
    };
    rows.into_iter()
        .map(|row| Ok((row.mail, user(row.user_id)?)))
        .collect()
}
