//! Publishing what changed about an object: one place takes versions, so they have no gap.
//!
//! An object's version is taken under the lock of its row, in the transaction that changed it. Each
//! version is one [`ObjectChanged`] of at most [`ITEMS_PER_VERSION`] items, written twice in that
//! transaction with one message id: to the outbox, from where it travels to notification, and to
//! `booking.changes`, from where `ListChanges` serves readers that lost some. Both hold ids only.
//!
//! Locks are taken in one order everywhere: the link's row, then the object's row, then bookings.
//!
//! To publish a new kind of change: add a variant to `ChangedItem`, and call [`publish`] from the
//! transaction that made the change. A caller that stores versions in its own rows takes the lock
//! first with [`lock`] and asks [`LockedObject::version_of_item`].

use chrono::{DateTime, Utc};
use roomsync_domain::{Actor, BookingId, ObjectId, TenantId};
use roomsync_messages::{ChangedItem, ObjectChanged};
use roomsync_postgres::outbox;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{anonymise, bookings::history, status::CommandError, watch};

/// How many items one version holds at most. An import of thousands becomes several messages.
pub const ITEMS_PER_VERSION: usize = 100;

/// An object whose row is locked until the transaction ends.
#[derive(Debug)]
pub struct LockedObject {
    tenant: TenantId,
    object: ObjectId,
    version: i64,
    now: DateTime<Utc>,
    actor: Actor,
    forgotten: Vec<BookingId>,
}

/// Locks the object's row. `NOT_FOUND` `OBJECT_NOT_FOUND` when the tenant has no such object; a
/// deleted one can still be locked, because its link has yet to be taken down.
pub async fn lock(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<LockedObject, CommandError> {
    // `clock_timestamp` is read after the lock is held, so that times of one object only go forward.
    let row = sqlx::query!(
        r#"
        -- booking.changes.lock
        WITH locked AS MATERIALIZED (
            SELECT version
            FROM booking.objects
            WHERE tenant_id = $1
              AND object_id = $2
            FOR NO KEY UPDATE
        )
        SELECT version, clock_timestamp() AS "now!"
        FROM locked
        "#,
        tenant.as_str(),
        object.as_str(),
    )
    .fetch_optional(tx)
    .await?
    .ok_or(CommandError::NotFound("OBJECT_NOT_FOUND"))?;
    Ok(LockedObject {
        tenant: tenant.clone(),
        object: object.clone(),
        version: row.version,
        now: row.now,
        actor: Actor::Google,
        forgotten: Vec::new(),
    })
}

/// Takes the next versions of an object and publishes `items` under them, in their order. Answers
/// the object's version afterwards; without items that is the version it had.
pub async fn publish(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    items: Vec<ChangedItem>,
    received_at: Option<DateTime<Utc>>,
) -> Result<i64, CommandError> {
    let locked = lock(tx, tenant, object).await?;
    locked.publish(tx, items, received_at).await
}

impl LockedObject {
    /// Who makes the changes.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Whose object.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Which object.
    pub fn object(&self) -> &ObjectId {
        &self.object
    }

    /// Says who makes the changes that are published with it; without it somebody in Google does.
    #[must_use]
    pub fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// Says from which bookings persons have left with the changes that are published: earlier changes of the
    /// object are rewritten, here and wherever else they are kept.
    #[must_use]
    pub fn forgetting(self, forgotten: Vec<BookingId>) -> Self {
        Self { forgotten, ..self }
    }

    /// Its version before anything is published.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The database's time, read when the lock was held: stamp what changes with it.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The version under which the item at `index` of the list given to [`Self::publish`] goes out.
    pub fn version_of_item(&self, index: usize) -> i64 {
        // Cannot fail: a list of items fits in memory.
        self.version + 1 + i64::try_from(index / ITEMS_PER_VERSION).unwrap_or(i64::MAX)
    }

    /// As [`publish`], for an object that is already locked.
    pub async fn publish(
        self,
        tx: &mut PgConnection,
        items: Vec<ChangedItem>,
        received_at: Option<DateTime<Utc>>,
    ) -> Result<i64, CommandError> {
        if items.is_empty() {
            return Ok(self.version);
        }
        anonymise::forget_changes(tx, &self.tenant, &self.object, &self.forgotten).await?;
        history::record(tx, &self, &items).await?;
        let mut forgotten = self.forgotten.clone();
        let mut log = Log::default();
        let mut version = self.version;
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            version += 1;
            let message = ObjectChanged {
                tenant: self.tenant.clone(),
                object: self.object.clone(),
                version,
                changed_at: self.now,
                received_at,
                items: items.by_ref().take(ITEMS_PER_VERSION).collect(),
                forgotten: std::mem::take(&mut forgotten),
            };
            log.message_ids
                .push(outbox::push(&mut *tx, &message).await?);
            log.versions.push(version);
            log.bodies
                .push(serde_json::to_value(&message).map_err(anyhow::Error::from)?);
        }
        self.append(tx, &log).await?;
        watch::tell(tx, &self.tenant, &self.object).await?;
        Ok(version)
    }

    async fn append(&self, tx: &mut PgConnection, log: &Log) -> Result<(), CommandError> {
        sqlx::query!(
            "
            -- booking.changes.append
            INSERT INTO booking.changes
                (tenant_id, object_id, version, message_id, body, changed_at)
            SELECT $1, $2, new.version, new.message_id, new.body, $3
            FROM unnest($4::bigint[], $5::uuid[], $6::jsonb[])
                AS new (version, message_id, body)
            ",
            self.tenant.as_str(),
            self.object.as_str(),
            self.now,
            &log.versions,
            &log.message_ids,
            &log.bodies,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "
            -- booking.changes.advance
            UPDATE booking.objects
            SET version = $3
            WHERE tenant_id = $1
              AND object_id = $2
            ",
            self.tenant.as_str(),
            self.object.as_str(),
            log.versions.last(),
        )
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// The rows of `booking.changes` that one publishing adds, column by column.
#[derive(Default)]
struct Log {
    versions: Vec<i64>,
    message_ids: Vec<Uuid>,
    bodies: Vec<serde_json::Value>,
}
