//! Calls to Google in the name of a tenant's subjects, made here because a person waits for the answer.
//!
//! Every call takes a unit of the budget in the interactive lane first. There is no waiting in memory: a
//! slot that is promised for later is answered as `GOOGLE_BUSY` with the time to come back. What Google
//! says about the budget or the access closes or doubts it for every replica, as sync-worker's reports do.

use std::{future::Future, time::Duration};

use chrono::{DateTime, Utc};
use roomsync_domain::TenantId;
use roomsync_google::{Access, AccessLostWhy, Advice, Google, GoogleError, reason};

use super::{
    budget::{Api, Closing, Payer},
    connections::{self, Connection},
    lanes::Lane,
    lender::{Lender, unavailable},
    subject::{Actor, Purpose},
};
use crate::status::CommandError;

/// How long to stay away when Google does not say.
const BUSY: Duration = Duration::from_secs(5);
/// How long usage limits stand, which take an hour or more.
const LIMITS: Duration = Duration::from_hours(1);

/// What a call is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// A write, or what has to be read for one.
    Write,
    /// To show it.
    Look,
}

/// A refusal that is not about the budget, and no fault.
pub(super) enum Refusal {
    /// The token was refused.
    Unauthorized(GoogleError),
    /// The token lacks a scope.
    ScopeMissing(GoogleError),
    /// What Google has to say to the call.
    Said(GoogleError),
}

/// `RESOURCE_EXHAUSTED` `GOOGLE_BUSY`.
pub(super) fn busy(retry_after: Option<Duration>) -> CommandError {
    CommandError::Exhausted {
        reason: "GOOGLE_BUSY",
        retry_after: retry_after.unwrap_or(BUSY),
    }
}

impl Lender {
    /// A tenant's active connection.
    /// `NOT_FOUND` `TENANT_NOT_FOUND`, `FAILED_PRECONDITION` `NOT_CONNECTED`.
    pub(crate) async fn active(&self, tenant: &TenantId) -> Result<Connection, CommandError> {
        let connection = self.usable(tenant).await?;
        if connection.state == "active" {
            Ok(connection)
        } else {
            Err(connections::not_connected(&connection.state))
        }
    }

    /// Google.
    pub(crate) fn google(&self) -> &Google {
        &self.google
    }

    /// One call: our own errors, and Google's faults, outside; what Google said within. It is made a
    /// second time when the token was refused and the token endpoint gives a new one.
    ///
    /// `call` is told PostgreSQL's time. `RESOURCE_EXHAUSTED` `GOOGLE_BUSY`, UNAVAILABLE
    /// `GOOGLE_UNAVAILABLE`, `FAILED_PRECONDITION` `NOT_CONNECTED`.
    pub(crate) async fn call<T, F, R>(
        &self,
        connection: &Connection,
        purpose: Purpose,
        call: F,
    ) -> Result<Result<T, GoogleError>, CommandError>
    where
        F: Fn(Access, DateTime<Utc>) -> R,
        R: Future<Output = Result<T, GoogleError>>,
    {
        self.call_to(Aim::Write, connection, purpose, call).await
    }

    /// The same of a call that only reads, and not for a write: writes that rest do not concern it.
    pub(crate) async fn look<T, F, R>(
        &self,
        connection: &Connection,
        purpose: Purpose,
        call: F,
    ) -> Result<Result<T, GoogleError>, CommandError>
    where
        F: Fn(Access, DateTime<Utc>) -> R,
        R: Future<Output = Result<T, GoogleError>>,
    {
        self.call_to(Aim::Look, connection, purpose, call).await
    }

    async fn call_to<T, F, R>(
        &self,
        aim: Aim,
        connection: &Connection,
        purpose: Purpose,
        call: F,
    ) -> Result<Result<T, GoogleError>, CommandError>
    where
        F: Fn(Access, DateTime<Utc>) -> R,
        R: Future<Output = Result<T, GoogleError>>,
    {
        let payer = Self::payer(connection, Actor::Own(purpose));
        let mut doubted = false;
        loop {
            let lent = self.token(connection, purpose).await?;
            let lease = match aim {
                Aim::Write => self.budget.take_to_write(&payer).await?,
                Aim::Look => self.budget.take(&payer, Lane::Interactive, 1).await?,
            };
            if lease.grant.units == 0 {
                return Err(busy((lease.grant.not_before - lease.now).to_std().ok()));
            }
            let access = Access {
                token: lent.token,
                quota_user: payer.quota_user.clone(),
            };
            let error = match call(access, lease.now).await {
                Ok(answer) => return Ok(Ok(answer)),
                Err(error) => error,
            };
            match self.judge(connection, &payer, error).await? {
                Refusal::Unauthorized(_) if !doubted => {
                    doubted = true;
                    self.doubt(connection, purpose).await?;
                }
                Refusal::Unauthorized(_) => return Err(unavailable(None)),
                Refusal::ScopeMissing(_) if !doubted && !purpose.is_optional() => {
                    doubted = true;
                    self.doubt(connection, purpose).await?;
                }
                // A new token is as good as the old one was: the scope is withdrawn (D19).
                Refusal::ScopeMissing(_) if !purpose.is_optional() => {
                    self.lose(connection, AccessLostWhy::Withdrawn).await?;
                    return Err(connections::not_connected("lost"));
                }
                Refusal::ScopeMissing(error) | Refusal::Said(error) => return Ok(Err(error)),
            }
        }
    }

    /// What a refusal means for whoever made the call. What it says about the budget is kept for all replicas.
    pub(super) async fn judge(
        &self,
        connection: &Connection,
        payer: &Payer,
        error: GoogleError,
    ) -> Result<Refusal, CommandError> {
        tracing::info!(tenant = %connection.tenant, error = %error, "google refused a call");
        match &error {
            GoogleError::Unauthorized => Ok(Refusal::Unauthorized(error)),
            GoogleError::Forbidden { reason } if reason == reason::MISSING_SCOPE => {
                Ok(Refusal::ScopeMissing(error))
            }
            GoogleError::Throttled { retry_after } => {
                let closing = Closing::Throttled(*retry_after);
                self.budget.close(payer, closing).await?;
                Err(busy(*retry_after))
            }
            GoogleError::QuotaExceeded => {
                // The Directory is only read.
                let closing = match payer.api {
                    Api::Calendar => Closing::WritesExceeded,
                    Api::Directory => Closing::QuotaExceeded,
                };
                self.budget.close(payer, closing).await?;
                let tenant = &connection.tenant;
                tracing::warn!(%tenant, "google's usage limits are exceeded: writes rest");
                Err(busy(Some(LIMITS)))
            }
            other => match other.advice() {
                Advice::Retry { after } => Err(unavailable(after)),
                _ => Ok(Refusal::Said(error)),
            },
        }
    }
}
