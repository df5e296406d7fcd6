//! What decisions about a tenant's bookings need to know of the tenant.

use std::collections::{BTreeSet, HashMap};

use roomsync_domain::{
    Booker, Occurrence, TenantId, UserId,
    decide::{Listing, responsible_mail},
};
use roomsync_sealing::Keyring;
use sqlx::PgConnection;

use crate::bookings::property;

/// The facts behind `roomsync_domain::decide::Rules`.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) users: HashMap<String, UserId>,
    pub(super) own_subjects: Vec<String>,
    pub(super) signed: HashMap<String, Booker>,
    pub(super) store_titles: bool,
}

/// Reads what the listings make necessary: only the users they name.
pub(super) async fn load(
    tx: &mut PgConnection,
    tenant: &TenantId,
    ring: &Keyring,
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
    let seen = || listings.iter().flat_map(|listing| &listing.seen);
    let own = &settings.own_subjects;
    let mails: BTreeSet<&str> = seen()
        .filter_map(|seen| responsible_mail(seen, own))
        .collect();
    let users = users(tx, tenant, mails.into_iter().collect()).await?;
    let signed = signed(tx, tenant, ring, seen()).await?;
    Ok(Facts {
        users,
        signed,
        own_subjects: settings.own_subjects,
        store_titles: settings.store_titles,
    })
}

/// Whose the events with our property are, as far as it is genuine. A user who left since is nobody
/// any more; of devices we keep no list.
async fn signed(
    tx: &mut PgConnection,
    tenant: &TenantId,
    ring: &Keyring,
    seen: impl Iterator<Item = &Occurrence>,
) -> Result<HashMap<String, Booker>, sqlx::Error> {
    let read = |seen: &Occurrence| {
        let text = seen.flexopus_property.as_deref()?;
        let booker = property::read(ring, tenant, &seen.event_id, text)?;
        Some((seen.event_id.clone(), booker))
    };
    let mut signed: HashMap<String, Booker> = seen.filter_map(read).collect();
    let named: BTreeSet<&str> = signed.values().filter_map(user_of).collect();
    if named.is_empty() {
        return Ok(signed);
    }
    let known = known_users(tx, tenant, named.into_iter().collect()).await?;
    signed.retain(|_, booker| user_of(booker).is_none_or(|user| known.contains(user)));
    Ok(signed)
}

fn user_of(booker: &Booker) -> Option<&str> {
    match booker {
        Booker::User { user } => Some(user.as_str()),
        Booker::Device { .. } | Booker::Anonymous => None,
    }
}

async fn known_users(
    tx: &mut PgConnection,
    tenant: &TenantId,
    users: Vec<&str>,
) -> Result<BTreeSet<String>, sqlx::Error> {
    let known = sqlx::query_scalar!(
        "
        -- booking.users.among
        SELECT user_id
        FROM booking.users
        WHERE tenant_id = $1
          AND user_id = ANY($2)
        ",
        tenant.as_str(),
        &users as &[&str],
    )
    .fetch_all(tx)
    .await?;
    Ok(known.into_iter().collect())
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
