//! Hearing at once, in every replica, that something about an object changed: PostgreSQL's NOTIFY, sent with the
//! transaction that made the change. A hint: it may be lost with the connection that listens, so whoever
//! waits also reads again from time to time.

use std::time::Duration;

use roomsync_domain::{ObjectId, TenantId};
use roomsync_postgres::Database;
use sqlx::{PgConnection, postgres::PgListener};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// The channel. Its payload is `<tenant> <object>`; ids hold no blanks.
const CHANNEL: &str = "roomsync_booking_objects";
/// Stands for all objects of a tenant; no object has such an id.
const EVERY_OBJECT: &str = "*";
/// How many hints a slow waiter may fall behind; then it reads again anyway.
const BACKLOG: usize = 1024;
/// How long after a lost connection.
const AGAIN: Duration = Duration::from_secs(1);

/// An object that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// `<tenant> <object>`.
    payload: String,
}

impl Hint {
    /// Whether it is about this object, or about all objects of its tenant.
    pub fn is_about(&self, tenant: &TenantId, object: &ObjectId) -> bool {
        let about = self.payload.split_once(' ');
        about.is_some_and(|(of, what)| {
            of == tenant.as_str() && (what == object.as_str() || what == EVERY_OBJECT)
        })
    }
}

/// Tells every replica, when the transaction commits.
pub async fn tell(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT pg_notify($1, $2)",
        CHANNEL,
        format!("{tenant} {object}")
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Tells every replica of several objects, or of all objects of the tenant where none is named.
pub async fn tell_of(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[&str],
) -> Result<(), sqlx::Error> {
    let all = [EVERY_OBJECT];
    let objects = if objects.is_empty() { &all } else { objects };
    sqlx::query!(
        "
        -- booking.watch.tell_of
        SELECT pg_notify($1, $2 || ' ' || object_id)
        FROM unnest($3::text[]) AS changed (object_id)
        ",
        CHANNEL,
        tenant.as_str(),
        objects as &[&str],
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What this replica hears. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Watch {
    hints: broadcast::Sender<Hint>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            hints: broadcast::channel(BACKLOG).0,
        }
    }
}

impl Watch {
    /// Hints from now on.
    pub fn hear(&self) -> broadcast::Receiver<Hint> {
        self.hints.subscribe()
    }

    /// Listens until shutdown, through lost connections.
    pub async fn run(self, database: Database, soft: CancellationToken) {
        while soft
            .run_until_cancelled(self.listen(&database))
            .await
            .is_some()
        {
            if soft
                .run_until_cancelled(tokio::time::sleep(AGAIN))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    async fn listen(&self, database: &Database) {
        let lost: Result<(), sqlx::Error> = async {
            let mut listener = PgListener::connect_with(database.pool()).await?;
            listener.listen(CHANNEL).await?;
            loop {
                let payload = listener.recv().await?.payload().to_owned();
                // Nobody waits: nothing is lost.
                let _ = self.hints.send(Hint { payload });
            }
        }
        .await;
        if let Err(error) = lost {
            tracing::warn!(%error, "cannot hear of changes; waiters read again by themselves");
        }
    }
}
