//! Following a tenant's log for one subscriber: page by page to the end, then asleep until the hub
//! says that there is more, with a heartbeat now and then.

use std::{sync::Arc, time::Duration};

use prost_types::Timestamp;
use roomsync_domain::SharedClock;
use roomsync_postgres::Database;
use roomsync_process::grpc;
use roomsync_proto::notification::v1::{Heartbeat, SubscribeResponse, subscribe_response::Message};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use uuid::Uuid;

use super::{
    convert,
    cursor::{self, CursorExpired},
    outlet::{NotWritten, Outlet},
};
use crate::{log::read, metrics::Metrics};

/// One subscriber's way through the log.
pub struct Follower {
    /// Where the log is.
    pub database: Database,
    /// The domain's clock: for heartbeats and for latency.
    pub clock: SharedClock,
    /// What it measures.
    pub metrics: Arc<Metrics>,
    /// Whose log.
    pub tenant: String,
    /// Which log, for the cursors.
    pub log_id: Uuid,
    /// The last position that the subscriber has.
    pub position: i64,
    /// The end of the log when the position was read.
    pub end: i64,
    /// How the end grows.
    pub ends: watch::Receiver<i64>,
    /// How long nothing may be sent.
    pub heartbeat: Duration,
    /// How many changes are read at once.
    pub page_size: i64,
}

/// Why a stream is over.
#[derive(Debug)]
enum Over {
    /// The subscriber went away.
    Gone,
    /// We end it, and say why.
    Told(Box<Status>),
}

impl Follower {
    /// Writes until the subscriber goes away or `soft` is cancelled. `greet` sends a heartbeat first.
    pub async fn run(mut self, outlet: Outlet, greet: bool, soft: CancellationToken) {
        // At whatever it waits for: a subscriber that does not read must not hold up the shutdown.
        let over = soft
            .run_until_cancelled(self.follow(&outlet, greet))
            .await
            .unwrap_or_else(shutting_down);
        if let Over::Told(status) = over {
            tracing::debug!(
                tenant = self.tenant,
                reason = status.message(),
                "stream ended by us"
            );
            outlet.end(*status);
        }
    }

    async fn follow(&mut self, outlet: &Outlet, greet: bool) -> Over {
        if greet && let Err(over) = self.write(outlet, None).await {
            return over;
        }
        let mut silent_since = Instant::now();
        loop {
            match self.catch_up(outlet).await {
                Ok(false) => {}
                Ok(true) => silent_since = Instant::now(),
                Err(over) => return over,
            }
            tokio::select! {
                () = outlet.gone() => return Over::Gone,
                Ok(()) = self.ends.changed() => {
                    self.end = self.end.max(*self.ends.borrow_and_update());
                }
                () = tokio::time::sleep_until(silent_since + self.heartbeat) => {
                    if let Err(over) = self.write(outlet, None).await {
                        return over;
                    }
                    silent_since = Instant::now();
                }
            }
        }
    }

    /// Sends everything up to the end; answers whether there was anything.
    async fn catch_up(&mut self, outlet: &Outlet) -> Result<bool, Over> {
        let from = self.position;
        while self.position < self.end {
            let page = read::page(
                self.database.pool(),
                &self.tenant,
                self.position,
                self.page_size,
            );
            let page = self.database.answer(page).await;
            let page = page.map_err(|error| unreadable(&error))?;
            if !read::follows(&page, self.position) {
                // Cleaned up under a subscriber that was slower than the log is long.
                return Err(Over::Told(Box::new(expired(CursorExpired))));
            }
            for row in page {
                self.position = row.position;
                self.write(outlet, Some(&row)).await?;
                let now = self.clock.now();
                self.metrics
                    .delivered(row.appended_at, row.body.received_at, now);
            }
        }
        Ok(self.position > from)
    }

    /// Sends a change, or a heartbeat.
    async fn write(&self, outlet: &Outlet, row: Option<&read::Row>) -> Result<(), Over> {
        let message = match row {
            Some(row) => Message::Change(convert::change(&row.change_id, &row.body)),
            None => Message::Heartbeat(Heartbeat {
                sent_at: Some(self.now()),
            }),
        };
        let cursor = cursor::encode(self.log_id, self.position);
        outlet
            .write(SubscribeResponse {
                cursor,
                message: Some(message),
            })
            .await
            .map_err(|error| match error {
                NotWritten::Gone => Over::Gone,
                NotWritten::Stuck => {
                    self.metrics.stuck();
                    Over::Told(Box::new(grpc::problem(
                        Code::Unavailable,
                        "NOT_READING",
                        "the stream was not read for too long",
                        &[],
                    )))
                }
            })
    }

    fn now(&self) -> Timestamp {
        convert::timestamp(self.clock.now())
    }
}

/// The answer to a cursor that leads nowhere.
pub fn expired(error: CursorExpired) -> Status {
    grpc::problem(Code::OutOfRange, "CURSOR_EXPIRED", error.to_string(), &[])
}

/// The answer while the database is away: the subscriber comes back with its cursor.
pub fn database_away(error: &sqlx::Error) -> Status {
    tracing::warn!(%error, "the log could not be read");
    grpc::problem(
        Code::Unavailable,
        "LOG_UNAVAILABLE",
        "the log cannot be read right now",
        &[],
    )
}

fn unreadable(error: &sqlx::Error) -> Over {
    Over::Told(Box::new(database_away(error)))
}

fn shutting_down() -> Over {
    Over::Told(Box::new(grpc::problem(
        Code::Unavailable,
        "SHUTTING_DOWN",
        "this instance is shutting down",
        &[],
    )))
}
