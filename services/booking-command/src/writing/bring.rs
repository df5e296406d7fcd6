//! One write from claim to end, as often as the row asks for another.

use std::time::Duration;

use futures_util::{FutureExt as _, future::BoxFuture};
use roomsync_domain::{BookingId, BookingState, Cause, GoogleWrite, TenantId};
use roomsync_process::Spawner;

use super::{
    Claimed, Outcome, WriteError, Writer, claim::Claim, decline, decline_series,
    decline_settle::Declined, insert, undo,
};

/// How often a row may ask for something else while it is being written: made, then withdrawn, then
/// taken back.
const ROUNDS: usize = 4;
/// How long a claim outlasts the calls that are made under it.
const MARGIN: Duration = Duration::from_secs(2);
/// How soon whoever was overtaken looks again.
const OVERTAKEN: Duration = Duration::from_millis(200);

/// How soon a request is tried again when nothing says when: half of its age, within these.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(30);
/// How long after the time to give up it is certainly over.
const JUST_AFTER: Duration = Duration::from_millis(50);

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brought {
    /// The row asked for nothing any more.
    Nothing,
    /// Google has been told.
    Told,
}

/// What a row asks for, given what became of its booking meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Insert,
    Undo,
    /// The mirror has seen the event already.
    Seen,
    /// The booking ended before, or while, its event was made.
    Ended,
    Decline,
    DeclineSeries,
}

fn step(write: GoogleWrite, state: BookingState) -> Step {
    match write {
        GoogleWrite::Insert if state == BookingState::Requested => Step::Insert,
        GoogleWrite::Insert if state.blocks() => Step::Seen,
        GoogleWrite::Insert => Step::Ended,
        GoogleWrite::Undo => Step::Undo,
        GoogleWrite::Decline => Step::Decline,
        GoogleWrite::DeclineSeries => Step::DeclineSeries,
    }
}

impl Writer {
    /// Brings Google to what the row says. Idempotent: it may be called at any time, by anybody, often.
    pub async fn bring(
        &self,
        tenant: &TenantId,
        booking: BookingId,
    ) -> Result<Brought, WriteError> {
        let mut brought = Brought::Nothing;
        for _ in 0..ROUNDS {
            let claimed = match self.claim(tenant, booking).await? {
                Claim::Mine(claimed) => claimed,
                Claim::Nothing => return Ok(brought),
                Claim::Busy(left) => return Err(WriteError::Later { after: Some(left) }),
            };
            match self.write_and_settle(&claimed).await {
                Ok(()) => brought = Brought::Told,
                Err(WriteError::Overtaken) => self.give_back(&claimed).await?,
                Err(error) => {
                    self.give_back(&claimed).await?;
                    return Err(in_time(error, &claimed));
                }
            }
        }
        Err(WriteError::Later {
            after: Some(OVERTAKEN),
        })
    }

    /// The first try, in a task of its own: whoever waits for it may go away. If it fails, the queue
    /// goes on.
    pub fn try_now(&self, spawner: &Spawner, tenant: TenantId, booking: BookingId) {
        let this = self.clone();
        spawner.spawn("write to google", async move {
            let after = match this.bring(&tenant, booking).await {
                Ok(_) => return,
                Err(WriteError::Later { after }) => after,
                Err(error) => {
                    tracing::warn!(%tenant, %booking, %error, "a write to google failed");
                    None
                }
            };
            if let Err(error) = this.hand_over(&tenant, booking, after).await {
                // The message leaves by itself a little later.
                tracing::warn!(%tenant, %booking, %error, "a write to google is handed over late");
            }
        });
    }

    async fn write_and_settle(&self, claimed: &Claimed) -> Result<(), WriteError> {
        let patience = self.config.claim.saturating_sub(MARGIN);
        let patience = patience.max(self.config.claim / 2);
        // Boxed: everything that may be awaited below would make one type too deep for the compiler.
        let write: BoxFuture<'_, Result<Written, WriteError>> = self.write(claimed).boxed();
        let written = tokio::time::timeout(patience, write)
            .await
            .map_err(|_| WriteError::later())??;
        match written {
            Written::Event(outcome) => self.settle(claimed, &outcome).await,
            Written::Answer(declined) => self.settle_decline(claimed, &declined).await,
        }
    }

    async fn write(&self, claimed: &Claimed) -> Result<Written, WriteError> {
        let Some(write) = claimed.booking.google_write else {
            return Err(WriteError::Overtaken);
        };
        Ok(match step(write, claimed.booking.state) {
            Step::Insert => Written::Event(insert::insert(self, claimed).boxed().await?),
            Step::Undo => Written::Event(undo::undo(self, claimed).boxed().await?),
            Step::Seen => Written::Event(insert::seen(self, claimed).boxed().await?),
            Step::Ended => Written::Event(Outcome::Rejected {
                cause: Cause::Refused,
                undo: claimed.attempted,
            }),
            Step::Decline => Written::Answer(decline::decline(self, claimed).await?),
            Step::DeclineSeries => {
                Written::Answer(decline_series::decline_series(self, claimed).await?)
            }
        })
    }
}

/// What was written to Google.
enum Written {
    /// A booking's event.
    Event(Outcome),
    /// The room's answer.
    Answer(Declined),
}

/// Whoever comes back for a request comes no later than when it is time to give it up.
fn in_time(error: WriteError, claimed: &Claimed) -> WriteError {
    let error = match error {
        WriteError::NotConnected => WriteError::later(),
        error => error,
    };
    let is_request = claimed.booking.state == BookingState::Requested
        && claimed.booking.google_write == Some(GoogleWrite::Insert);
    match (error, claimed.patience) {
        (WriteError::Later { after }, Some(patience)) if is_request => {
            let growing = (claimed.age / 2).clamp(SOONEST, LATEST);
            let after = after.unwrap_or(growing).min(patience + JUST_AFTER);
            WriteError::Later { after: Some(after) }
        }
        (error, _) => error,
    }
}
