//! `MirrorService.Apply`: one listing becomes the difference in our bookings, in one transaction.
//!
//! 1. The link's row is locked and the listing fenced: only a greater epoch is accepted, an equal
//!    one was applied before, a link being taken down takes nothing any more. A link that takes the
//!    place of another does so now, if this is its import (`take_over.rs`).
//! 2. The object's row is locked: nobody else changes its bookings or takes its versions now.
//! 3. A listing that began before we wrote one of its bookings to Google is too old to believe.
//! 4. `decide` says what changes; neighbours whose flags change with it are added.
//! 5. Rows, versions, messages and the link's stamps are written, in a few statements however many
//!    bookings there are.
//!
//! The first full sync of a link starts with `Reset`: from then on future bookings of the object are
//! Google's (D5). It is written together with the import, so an object never looks empty in between.
//!
//! What a reconcile changes is drift (`drift.rs`): counted on the link, and answered.

use roomsync_domain::decide::{Change, Rules, decide};
use roomsync_messages::ChangedItem;
use roomsync_postgres::Database;
use roomsync_proto::internal::v1 as pb;
use sqlx::PgConnection;

use super::{
    drift::drift,
    facts,
    locked_link::LockedLink,
    plan::{self, Circumstances, Planned},
    request::Apply,
    store::{self, Applied, Reach},
    take_over,
};
use crate::{
    bookings::{Booking, write},
    changes::{self, LockedObject},
    status::CommandError,
};

/// Applies a listing.
pub async fn apply(database: &Database, apply: &Apply) -> Result<pb::ApplyResponse, CommandError> {
    let answer = database.tx("apply", |tx| Box::pin(run(tx, apply))).await?;
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

async fn run(tx: &mut PgConnection, apply: &Apply) -> Result<pb::ApplyResponse, CommandError> {
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
    let decided = decided(tx, apply, &object, &known).await?;
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
    }
    let planned = planned(tx, &object, &link, known, decided).await?;
    write(tx, apply, &object, planned, &mut items).await?;
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

async fn decided(
    tx: &mut PgConnection,
    apply: &Apply,
    object: &LockedObject,
    known: &[Booking],
) -> Result<Vec<Change>, CommandError> {
    let facts = facts::load(tx, &apply.tenant, &apply.listings).await?;
    let rules = Rules {
        users: &facts.users,
        own_subjects: &facts.own_subjects,
        store_titles: facts.store_titles,
        now: object.now(),
    };
    let known: Vec<_> = known.iter().map(Booking::known).collect();
    Ok(decide(&known, &apply.listings, &rules))
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
    for mut planned in planned {
        planned.booking.stage(object, items);
        if planned.new {
            new.push(planned.booking);
        } else {
            old.push(planned.booking);
        }
    }
    // What ends first makes room for what takes its place.
    write::update(tx, &apply.tenant, &old).await?;
    write::insert(tx, object, apply.link, &new).await?;
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
