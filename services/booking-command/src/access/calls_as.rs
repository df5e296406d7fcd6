//! Calls in the name of a person who books, by delegation.
//!
//! What Google says about such a person never makes the connection lost (D22): it says nothing about the
//! connection's own subjects. Nobody of another organisation is ever acted for through a consented
//! connection (D21): the check is here, before anything is signed, so that no caller can leave it out.

use std::future::Future;

use chrono::{DateTime, Utc};
use roomsync_domain::MailAddress;
use roomsync_google::{Access, AccessLostWhy, GoogleError};

use super::{
    calls::{Refusal, busy},
    connections::{Connection, Way},
    lender::Lender,
    subject::{Actor, Purpose},
    token_rows::{self as rows, TokenKey},
};
use crate::status::CommandError;

/// What Google said, or why it says nothing.
type Answer<T> = Result<Result<T, GoogleError>, CommandError>;

impl Lender {
    /// One call in the name of a person, as [`Lender::call`]; within: also that Google does not know the
    /// person, gives no token for it, or that it has no calendar.
    pub(crate) async fn call_as<T, F, R>(
        &self,
        connection: &Connection,
        booker: &MailAddress,
        call: F,
    ) -> Answer<T>
    where
        F: Fn(Access, DateTime<Utc>) -> R,
        R: Future<Output = Result<T, GoogleError>>,
    {
        if !self.may_act_as(connection, booker).await? {
            return Ok(Err(lost(AccessLostWhy::SubjectUnknown)));
        }
        let key = TokenKey {
            connection,
            actor: Actor::Booker(booker),
        };
        let payer = Self::payer(connection, key.actor);
        let mut doubted = false;
        loop {
            let lent = match self.token_of(key).await? {
                Ok(lent) => lent,
                Err(why) => return Ok(Err(lost(why))),
            };
            let lease = self.budget.take_to_write(&payer).await?;
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
                    rows::drop_refused(&self.database, key).await?;
                }
                Refusal::Unauthorized(error)
                | Refusal::ScopeMissing(error)
                | Refusal::Said(error) => return Ok(Err(error)),
            }
        }
    }

    /// Whether this person can be acted for. Where the address alone does not tell (an organisation may have
    /// several domains), the Directory is asked, if that was granted.
    pub(crate) async fn may_act_as(
        &self,
        connection: &Connection,
        booker: &MailAddress,
    ) -> Result<bool, CommandError> {
        if connection.may_act_as(booker) {
            return Ok(true);
        }
        let can_ask = connection.acts_as_users()
            && connection.way == Way::Consent
            && connection.grants(Purpose::People);
        if !can_ask {
            return Ok(false);
        }
        let own = connection.directory_subject.as_str();
        let (own, other) = (
            self.customer(connection, own).await?,
            self.customer(connection, booker.as_str()).await?,
        );
        Ok(own.is_some() && own == other)
    }

    /// The organisation that the Directory says somebody is of.
    async fn customer(
        &self,
        connection: &Connection,
        user: &str,
    ) -> Result<Option<String>, CommandError> {
        let google = self.google();
        let call = |access, _| async move { google.get_user(&access, user).await };
        match self.call(connection, Purpose::People, call).await? {
            Ok(user) => Ok(user.customer_id),
            // Nobody of this organisation's, or not for us to see.
            Err(_) => Ok(None),
        }
    }
}

fn lost(why: AccessLostWhy) -> GoogleError {
    GoogleError::AccessLost { why }
}
