//! Whose bookings change when people come and go (D9, D23).
//!
//! Who appears gets the future anonymous bookings that one of their addresses organises; an address that
//! is taken from somebody takes its future bookings along. Who leaves,
//! leaves anonymous bookings, of whatever age, and all are published: whoever replayed the stream or listed
//! the past holds them as well, and would hold the person for ever.

use roomsync_domain::{Actor, Booker, BookingId, MailAddress, ObjectId, TenantId};
use roomsync_messages::ChangedItem;
use sqlx::PgConnection;

use super::read::Users;
use crate::{
    anonymise,
    bookings::{
        Booking,
        record::{self, Row},
        write,
    },
    changes::{self, LockedObject},
    status::CommandError,
};

/// Waits for the listings that are being applied to the tenant's linked objects, and holds back further
/// ones until the end: whoever decides about a booking does so under its object's lock. To be called
/// before users change. A listing that ended before is seen by [`claim`] and [`anonymise`], a later one
/// sees the users as they are then; without it one that read the users before and commits after would
/// leave a booking with the wrong owner.
pub(super) async fn hold_bookings(
    tx: &mut PgConnection,
    tenant: &TenantId,
) -> Result<(), CommandError> {
    sqlx::query!(
        "
        -- booking.ownership.hold_bookings
        SELECT object_id
        FROM booking.objects AS object
        WHERE tenant_id = $1
          AND EXISTS (
              SELECT
              FROM booking.links AS link
              WHERE link.tenant_id = object.tenant_id
                AND link.object_id = object.object_id
                AND link.state <> 'removed'
          )
        ORDER BY object_id
        FOR NO KEY UPDATE
        ",
        tenant.as_str(),
    )
    .fetch_all(tx)
    .await?;
    Ok(())
}

/// Future bookings follow the addresses of these users: anonymous ones that they organise become theirs,
/// and what an address organises that a user held `before` and has no more leaves that user, for who
/// holds it now or for nobody. What has begun stays as it is.
pub(super) async fn claim(
    tx: &mut PgConnection,
    tenant: &TenantId,
    users: &Users,
    before: &[String],
) -> Result<(), CommandError> {
    let held = users.addresses.keys().map(MailAddress::as_str);
    let mails: Vec<&str> = held.chain(before.iter().map(String::as_str)).collect();
    let ids: Vec<&str> = users.users.iter().map(|user| user.id.as_str()).collect();
    let objects = sqlx::query_scalar!(
        "
        -- booking.ownership.claimable_objects
        SELECT DISTINCT object_id
        FROM booking.bookings
        WHERE tenant_id = $1
          AND organizer_mail = ANY($2::text[])
          AND (
              booker_kind = 'anonymous'
              OR (booker_kind = 'user' AND booker_id = ANY($3::text[]))
          )
          AND starts_at > now()
          AND state NOT IN ('removed', 'rejected')
        ORDER BY object_id
        ",
        tenant.as_str(),
        &mails as &[&str],
        &ids as &[&str],
    )
    .fetch_all(&mut *tx)
    .await?;
    for object in objects {
        let locked = lock(tx, tenant, &object).await?;
        let rows = sqlx::query_as!(
            Row,
            "
            -- booking.ownership.claimable
            SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
                ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags,
                cause, placement, at_google, event_kept, google_write, object_version, created_at, updated_at
            FROM booking.bookings
            WHERE tenant_id = $1
              AND object_id = $2
              AND organizer_mail = ANY($3::text[])
              AND (
                  booker_kind = 'anonymous'
                  OR (booker_kind = 'user' AND booker_id = ANY($4::text[]))
              )
              AND starts_at > now()
              AND state NOT IN ('removed', 'rejected')
            ORDER BY starts_at, booking_id
            ",
            tenant.as_str(),
            object,
            &mails as &[&str],
            &ids as &[&str],
        )
        .fetch_all(&mut *tx)
        .await?;
        // Nobody else can have taken an address that was given up here: all are in this transaction.
        let owner = |booking: &Booking| {
            let mail = booking.details.organizer_mail.as_ref()?.parse().ok()?;
            let holder = users.addresses.get(&mail);
            Some(holder.map_or(Booker::Anonymous, |address| Booker::User {
                user: address.user.clone(),
            }))
        };
        assign(tx, tenant, locked, record::read(rows)?, owner).await?;
    }
    Ok(())
}

/// So many ended bookings become anonymous in one transaction.
const ENDED_AT_ONCE: i64 = 500;

/// The bookings of these users that have not ended become anonymous: at once, so that who gets one of
/// their addresses next gets all of them. Those that have ended follow with [`anonymise_ended`].
pub(super) async fn anonymise(
    tx: &mut PgConnection,
    tenant: &TenantId,
    users: &[String],
) -> Result<(), CommandError> {
    let objects = sqlx::query_scalar!(
        "
        -- booking.ownership.owned_objects
        SELECT DISTINCT object_id
        FROM booking.bookings
        WHERE tenant_id = $1
          AND booker_kind = 'user'
          AND booker_id = ANY($2)
          AND ends_at > now()
          AND state NOT IN ('removed', 'rejected')
        ORDER BY object_id
        ",
        tenant.as_str(),
        users,
    )
    .fetch_all(&mut *tx)
    .await?;
    for object in objects {
        let locked = lock(tx, tenant, &object).await?;
        let rows = sqlx::query_as!(
            Row,
            "
            -- booking.ownership.owned
            SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
                ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags,
                cause, placement, at_google, event_kept, google_write, object_version, created_at, updated_at
            FROM booking.bookings
            WHERE tenant_id = $1
              AND object_id = $2
              AND booker_kind = 'user'
              AND booker_id = ANY($3)
              AND ends_at > now()
              AND state NOT IN ('removed', 'rejected')
            ORDER BY starts_at, booking_id
            ",
            tenant.as_str(),
            object,
            users,
        )
        .fetch_all(&mut *tx)
        .await?;
        let bookings = record::read(rows)?;
        let locked = locked.forgetting(ids(&bookings));
        assign(tx, tenant, locked, bookings, |_| Some(Booker::Anonymous)).await?;
    }
    Ok(())
}

/// Some of the ended bookings that these users still have become anonymous; false when there was none.
/// To be called until then, after [`anonymise`], in a transaction each: there may be years of them.
/// Nobody claims what has ended, so nothing is lost if others come in between.
pub(super) async fn anonymise_ended(
    tx: &mut PgConnection,
    tenant: &TenantId,
    users: &[String],
) -> Result<bool, CommandError> {
    let object = sqlx::query_scalar!(
        "
        -- booking.ownership.object_with_ended
        SELECT object_id
        FROM booking.bookings
        WHERE tenant_id = $1
          AND booker_kind = 'user'
          AND booker_id = ANY($2)
        LIMIT 1
        ",
        tenant.as_str(),
        users,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(object) = object else {
        return Ok(false);
    };
    let locked = lock(tx, tenant, &object).await?;
    let rows = sqlx::query_as!(
        Row,
        "
        -- booking.ownership.ended
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags,
            cause, placement, at_google, event_kept, google_write, object_version, created_at, updated_at
        FROM booking.bookings
        WHERE tenant_id = $1
          AND object_id = $2
          AND booker_kind = 'user'
          AND booker_id = ANY($3)
        ORDER BY starts_at, booking_id
        LIMIT $4
        ",
        tenant.as_str(),
        object,
        users,
        ENDED_AT_ONCE,
    )
    .fetch_all(&mut *tx)
    .await?;
    let bookings = record::read(rows)?;
    let locked = locked.forgetting(ids(&bookings));
    // Their mail goes, too: nobody claims what has ended. What Google has yet to be told about one cannot be said
    // without it.
    let mut told = bookings.clone();
    told.retain(|booking| booking.google_write.is_none());
    assign(&mut *tx, tenant, locked, bookings, |_| {
        Some(Booker::Anonymous)
    })
    .await?;
    anonymise::persons_leave(tx, tenant, &ids(&told)).await?;
    Ok(true)
}

fn ids(bookings: &[Booking]) -> Vec<BookingId> {
    bookings.iter().map(|booking| booking.id).collect()
}

async fn lock(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &str,
) -> Result<LockedObject, CommandError> {
    let object: ObjectId = object.parse().map_err(anyhow::Error::from)?;
    Ok(changes::lock(tx, tenant, &object).await?.by(Actor::System))
}

/// Gives bookings of one object to whom `owner` says, and publishes them.
async fn assign(
    tx: &mut PgConnection,
    tenant: &TenantId,
    locked: LockedObject,
    bookings: Vec<Booking>,
    owner: impl Fn(&Booking) -> Option<Booker>,
) -> Result<(), CommandError> {
    let mut bookings: Vec<Booking> = bookings
        .into_iter()
        .filter_map(|mut booking| {
            let owner = owner(&booking).filter(|owner| *owner != booking.details.booker)?;
            booking.details.booker = owner;
            Some(booking)
        })
        .collect();
    for (index, booking) in bookings.iter_mut().enumerate() {
        booking.object_version = locked.version_of_item(index);
        booking.updated_at = locked.now();
    }
    write::update(&mut *tx, tenant, &bookings).await?;
    let items = bookings
        .iter()
        .map(|b| ChangedItem::Booking {
            booking: b.snapshot(),
        })
        .collect();
    locked.publish(tx, items, None).await?;
    Ok(())
}
