//! Following one object for one display: shows its state when it changed, by what happened or by time
//! alone, and now and then as a sign of life.

use std::{sync::Arc, time::Duration};

use roomsync_domain::{ObjectId, TenantId};
use roomsync_postgres::Database;
use roomsync_process::grpc;
use roomsync_proto::booking::v1::WatchObjectResponse;
use tokio::{
    sync::{Semaphore, broadcast},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::{
    outlet::{NotWritten, Outlet},
    read::{self, Reading},
};
use crate::{status::CommandError, watch::Hint};

/// Several changes at once are shown as one.
const TOGETHER: Duration = Duration::from_millis(50);
/// How long a hint that was lost goes unnoticed.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long nothing is shown at most.
const SILENCE: Duration = Duration::from_secs(30);

/// One display's view of an object.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) database: Database,
    pub(super) tenant: TenantId,
    pub(super) object: ObjectId,
    /// Heard since before `reading`.
    pub(super) hints: broadcast::Receiver<Hint>,
    /// So many displays of this replica read at once: they leave connections to the others.
    pub(super) readers: Arc<Semaphore>,
}

/// Why a stream is over.
#[derive(Debug)]
enum Over {
    /// The display went away.
    Gone,
    /// We end it, and say why.
    Told(Box<Status>),
}

impl From<CommandError> for Over {
    fn from(error: CommandError) -> Self {
        Self::Told(Box::new(error.into()))
    }
}

impl Follower {
    /// What is known of the object now.
    pub(super) async fn read(&self) -> Result<Reading, CommandError> {
        // Never closed: an error means that nobody counts, so nobody waits.
        let _turn = self.readers.acquire().await;
        let read = read::all(&self.database, &self.tenant, &self.object);
        self.database.answer(read).await
    }

    /// Writes until the display goes away or `soft` is cancelled.
    pub(super) async fn run(mut self, reading: Reading, outlet: Outlet, soft: CancellationToken) {
        // At whatever it waits for: a display that does not read must not hold up the shutdown.
        let over = soft
            .run_until_cancelled(Box::pin(self.follow(reading, &outlet)))
            .await
            .unwrap_or_else(|| told("SHUTTING_DOWN", "this instance is shutting down"));
        if let Over::Told(status) = over {
            tracing::debug!(reason = status.message(), "a display's stream ended by us");
            outlet.end(*status);
        }
    }

    async fn follow(&mut self, mut reading: Reading, outlet: &Outlet) -> Over {
        let mut shown = None;
        let (mut shown_at, mut look_at) = (Instant::now(), Instant::now() + LOOK_EVERY);
        loop {
            let now = reading.now();
            let state = reading.facts.at(now);
            let state = state.to_api(&self.tenant, reading.facts.version, now);
            let seen = Some(without_time(&state));
            if shown != seen || shown_at.elapsed() >= SILENCE {
                if let Err(error) = outlet.write(state).await {
                    return not_written(error);
                }
                (shown, shown_at) = (seen, Instant::now());
            }
            let changes_in = reading.facts.changes_at(now) - reading.now();
            let again = tokio::select! {
                () = outlet.gone() => return Over::Gone,
                () = self.hear() => self.gather().await.map(Some),
                () = sleep_until(look_at) => {
                    look_at = Instant::now() + LOOK_EVERY;
                    self.look(&reading).await
                }
                () = sleep(changes_in.to_std().unwrap_or_default()) => Ok(None),
                () = sleep_until(shown_at + SILENCE) => Ok(None),
            };
            match again {
                Ok(Some(again)) => reading = again,
                Ok(None) => {}
                Err(error) => return error.into(),
            }
        }
    }

    /// Ends when the object changed, or when that cannot be told.
    async fn hear(&mut self) {
        loop {
            match self.hints.recv().await {
                Ok(hint) if !hint.is_about(&self.tenant, &self.object) => {}
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                // Nobody tells any more: what is left is to look from time to time.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// Reads once for everything that changes within a moment.
    async fn gather(&mut self) -> Result<Reading, CommandError> {
        sleep(TOGETHER).await;
        // What was told until now is in what is read now.
        self.hints = self.hints.resubscribe();
        self.read().await
    }

    /// Reads anew if anything may have changed unheard, or it was read long ago.
    async fn look(&self, reading: &Reading) -> Result<Option<Reading>, CommandError> {
        if !reading.is_old() && self.mark().await? == reading.mark {
            return Ok(None);
        }
        self.read().await.map(Some)
    }

    async fn mark(&self) -> Result<String, CommandError> {
        // As in `read`.
        let _turn = self.readers.acquire().await;
        let mark = async {
            let mut connection = self.database.pool().acquire().await?;
            read::mark(&mut connection, &self.tenant, &self.object).await
        };
        self.database.answer(mark).await
    }
}

/// A state without what is another one at every instant.
fn without_time(state: &WatchObjectResponse) -> WatchObjectResponse {
    let mut state = state.clone();
    state.now = None;
    for option in &mut state.book_now {
        option.ends_at = None;
    }
    state
}

fn not_written(error: NotWritten) -> Over {
    match error {
        NotWritten::Gone => Over::Gone,
        NotWritten::Stuck => told("NOT_READING", "the stream was not read for too long"),
    }
}

fn told(reason: &'static str, message: &str) -> Over {
    Over::Told(Box::new(grpc::problem(
        Code::Unavailable,
        reason,
        message,
        &[],
    )))
}
