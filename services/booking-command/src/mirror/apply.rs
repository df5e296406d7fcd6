//! `MirrorService.Apply`: one listing becomes the difference in our bookings, in one transaction.
//!
//! 1. The link's row is locked and the listing fenced: only a greater epoch is accepted, an equal
//!    one was applied before, a link being taken down takes nothing any more. A link that takes the
//!    place of another does so now, if this is its import (`take_over.rs`).
//! 2. The object's row is locked: nobody else changes its bookings or takes its versions now.
//! 3. A listing that began before we wrote one of its bookings to Google is too old to believe.
//! 4. What is left of events that we are about to take back is left out.
//! 5. What Google took a moment before the listing began need not be on the room's calendar yet
//!    (`just_written.rs`).
//! 6. `decide` says what changes; neighbours whose flags change with it are added, and what follows at
//!    Google for bookings that were made in Flexopus (`ours.rs`).
//! 7. Rows, versions, messages and the link's stamps are written, in a few statements however many
//!    bookings there are.
//!
//! The first full sync of a link starts with `Reset`: from then on future bookings of the object are
//! Google's (D5). It is written together with the import, so an object never looks empty in between.
//!
//! What a reconcile changes is drift (`drift.rs`): counted on the link, and answered.

use std::{borrow::Cow, time::Duration};

use roomsync_domain::{
    BookingId, Cause, Occurrence, OccurrenceKey, TenantId,
    decide::{Change, Listing, Rules, decide},
};
use roomsync_messages::ChangedItem;
use roomsync_postgres::Database;
use roomsync_proto::internal::v1 as pb;
use roomsync_sealing::Keyring;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    drift::drift,
    facts,
    forgotten::stay_forgotten,
    just_written::{self, JustWritten},
    locked_link::LockedLink,
    occupancy_facts, ours,
    plan::{self, Circumstances, Planned},
    request::Apply,
    store::{self, Applied, Reach},
    take_over,
};
use crate::{
    bookings::{Booking, write},
    changes::{self, LockedObject},
    status::CommandError,
    writing,
};

/// Applies a listing.
pub async fn apply(
    database: &Database,
    ring: &Keyring,
    apply: &Apply,
) -> Result<pb::ApplyResponse, CommandError> {
    let answer = database
        .tx("apply", |tx| Box::pin(run(tx, ring, apply)))
        .await?;
    tracing::debug!(
        link = %apply.link,
        epoch = apply.epoch,
        created = answer.created,
        changed = answer.changed,
        removed = answer.removed,
        drift = answer.drift,
        already_applied = answer.already_applied,
        "applied a listing",
    );
    Ok(answer)
}

async fn run(
    tx: &mut PgConnection,
    ring: &Keyring,
    apply: &Apply,
) -> Result<pb::ApplyResponse, CommandError> {
    let tenant = &apply.tenant;
    if apply.full_sync {
        take_over::lock_replaced(tx, tenant, apply.link).await?;
    }
    let link = LockedLink::take_open(tx, tenant, apply.link).await?;
    if apply.epoch == link.epoch {
        let object_version = store::version(tx, tenant, &link.object).await?;
        return Ok(pb::ApplyResponse {
            already_applied: true,
            object_version,
            ..Default::default()
        });
    }
    if apply.epoch < link.epoch {
        let metadata = vec![("epoch", link.epoch.to_string())];
        return Err(CommandError::Precondition {
            reason: "STALE_EPOCH",
            metadata,
        });
    }
    let replaced = link.replaces.filter(|_| apply.full_sync);
    if let Some(replaced) = replaced {
        take_over::close(tx, tenant, &link.object, replaced).await?;
    }
    let object = changes::lock(tx, tenant, &link.object).await?;
    let reach = Reach::of(&apply.listings);
    if store::written_since(tx, tenant, apply.link, apply.listed_since, &reach).await? {
        return Err(CommandError::Aborted {
            reason: "WRITTEN_SINCE",
        });
    }

    let known = store::known(tx, tenant, apply.link, &reach).await?;
    let undone = store::being_undone(tx, tenant, apply.link).await?;
    let listings = without(&apply.listings, &undone);
    let just_written = just_written::load(tx, apply, &reach).await?;
    let decided = decided(tx, ring, &listings, &object, &known, &just_written).await?;
    if just_written.is_missed(&known, &listings, &decided) {
        just_written::look_again(tx, apply.link).await?;
    }
    let deserted = ours::deserted(&known, &listings);
    let mut answer = count(&decided);
    let drift = apply
        .reconcile
        .then(|| drift(&known, &decided, apply.mirrored_until));
    answer.drift = drift.unwrap_or_default();
    let mut items = Vec::new();
    if let Some(replaced) = replaced {
        take_over::end_bookings(tx, &object, replaced, &mut items).await?;
    }
    if apply.full_sync && !link.imported {
        items.push(ChangedItem::Reset {
            from: object.now(),
            link: Some(apply.link),
        });
        if let Some(from) = reach.from() {
            occupancy_facts::give_way(tx, &object, from).await?;
        }
    }
    let planned = planned(tx, &object, &link, known, decided).await?;
    write(tx, apply, &object, planned, &mut items).await?;
    take_back(tx, tenant, &deserted).await?;
    let applied = Applied {
        link: apply.link,
        epoch: apply.epoch,
        changed: !items.is_empty(),
        full_sync: apply.full_sync,
        drift,
        now: object.now(),
    };
    store::note(tx, tenant, &applied).await?;
    answer.object_version = object.publish(tx, items, apply.received_at).await?;
    Ok(answer)
}

/// The listings without the events that have these ids. A series that was made of one is not what we
/// wrote any more: it is not taken back, and so it is not left out.
fn without<'a>(listings: &'a [Listing], events: &[String]) -> Cow<'a, [Listing]> {
    if events.is_empty() {
        return Cow::Borrowed(listings);
    }
    let is_undone =
        |seen: &Occurrence| matches!(&seen.key, OccurrenceKey::Event(id) if events.contains(id));
    let mut listings = listings.to_vec();
    for listing in &mut listings {
        listing.seen.retain(|seen| !is_undone(seen));
    }
    Cow::Owned(listings)
}

async fn decided(
    tx: &mut PgConnection,
    ring: &Keyring,
    listings: &[Listing],
    object: &LockedObject,
    known: &[Booking],
    just_written: &JustWritten,
) -> Result<Vec<Change>, CommandError> {
    let facts = facts::load(tx, object.tenant(), ring, listings).await?;
    let rules = Rules {
        users: &facts.users,
        own_subjects: &facts.own_subjects,
        signed: &facts.signed,
        just_written: just_written.ids(),
        store_titles: facts.store_titles,
        now: object.now(),
    };
    let known_of: Vec<_> = known.iter().map(Booking::known).collect();
    let decided = decide(&known_of, listings, &rules);
    Ok(stay_forgotten(known, decided, object.now()))
}

async fn planned(
    tx: &mut PgConnection,
    object: &LockedObject,
    link: &LockedLink,
    known: Vec<Booking>,
    decided: Vec<Change>,
) -> Result<Vec<Planned>, CommandError> {
    let Some(affected) = plan::affected(&known, &decided) else {
        return Ok(Vec::new());
    };
    let around = store::neighbours(tx, object, affected).await?;
    let circumstances = Circumstances {
        blocked: store::blocked(tx, object, affected).await?,
        answers_by_itself: link.answers_by_itself,
    };
    Ok(plan::plan(
        object,
        known,
        around,
        &circumstances,
        affected,
        decided,
    ))
}

/// Writes the rows, each with the version under which its item, added to `items`, goes out.
async fn write(
    tx: &mut PgConnection,
    apply: &Apply,
    object: &LockedObject,
    planned: Vec<Planned>,
    items: &mut Vec<ChangedItem>,
) -> Result<(), CommandError> {
    let (mut new, mut old) = (Vec::new(), Vec::new());
    let (mut undo, mut while_free) = (Vec::new(), 0);
    for mut planned in planned {
        planned.booking.stage(object, items);
        if planned.undo {
            undo.push(planned.booking.id);
            let cause = planned.booking.cause;
            while_free += i64::from(cause == Some(Cause::RoomDeclinedWhileFree));
        }
        if planned.new {
            new.push(planned.booking);
        } else {
            old.push(planned.booking);
        }
    }
    // What ends first makes room for what takes its place.
    write::update(tx, &apply.tenant, &old).await?;
    write::insert(tx, object, apply.link, &new).await?;
    for booking in undo {
        writing::request(tx, &apply.tenant, booking, Duration::ZERO).await?;
    }
    if while_free > 0 {
        store::count_declined_while_free(tx, &apply.tenant, apply.link, while_free).await?;
    }
    Ok(())
}

/// Nobody attends the events of these bookings any more.
async fn take_back(
    tx: &mut PgConnection,
    tenant: &TenantId,
    bookings: &[BookingId],
) -> Result<(), CommandError> {
    if bookings.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = bookings.iter().map(|booking| booking.0).collect();
    for booking in store::take_back(tx, tenant, &ids).await? {
        writing::request(tx, tenant, booking, Duration::ZERO).await?;
    }
    Ok(())
}

fn count(decided: &[Change]) -> pb::ApplyResponse {
    let mut answer = pb::ApplyResponse::default();
    for change in decided {
        match change {
            Change::Create { .. } => answer.created += 1,
            Change::Update { .. } => answer.changed += 1,
            Change::End { .. } => answer.removed += 1,
        }
    }
    answer
}
