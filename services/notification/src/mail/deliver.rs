//! Sending one mail that waits: asks what it has to say, writes it, hands it over.
//!
//! Refused for good by the mail server is done; anything that may pass is tried again by the broker's ladder
//! for as long as patience lasts, and then given up. Of several recipients those are told again who were told
//! before the one that failed: their mails have the same `Message-ID`.

use std::{sync::Arc, time::Duration};

use roomsync_domain::{Cause, MailAddress};
use roomsync_postgres::Database;
use tonic::Status;
use uuid::Uuid;

use super::{
    facts::Facts,
    notices::Kind,
    recipients,
    send::{Mailer, NotSent},
    store::{self, Outcome, Waiting},
    text::{self, Text},
};
use crate::metrics::Metrics;

/// Sends mails.
#[derive(Debug, Clone)]
pub struct Mails {
    /// Where they wait.
    pub database: Database,
    /// How they are sent; without it every mail is done unsent.
    pub post: Option<Post>,
    /// How long one is tried.
    pub patience: Duration,
    /// What is measured.
    pub metrics: Arc<Metrics>,
}

/// What sending needs.
#[derive(Debug, Clone)]
pub struct Post {
    /// Who knows what a mail has to say.
    pub facts: Facts,
    /// Who takes it.
    pub mailer: Mailer,
}

/// Why a mail still waits. Nothing in it is personal.
#[derive(Debug, thiserror::Error)]
pub enum StillWaiting {
    /// Our database did not answer.
    #[error("failed to read or note a mail")]
    Database(#[from] sqlx::Error),
    /// booking-command did not answer.
    #[error("failed to ask booking-command what a mail has to say")]
    Facts(#[source] Box<Status>),
    /// The mail server does not take it now.
    #[error(transparent)]
    NotSent(#[from] NotSent),
    /// A template that does not render: it would not have been built.
    #[error("failed to write a mail")]
    Text(#[from] askama::Error),
}

/// A mail ready to be sent, or why none is.
enum Written {
    Mail(Vec<MailAddress>, Text),
    Not(Outcome),
}

impl Mails {
    /// Sends a mail, if it still waits.
    pub async fn send(&self, id: Uuid) -> Result<(), StillWaiting> {
        let waiting = store::waiting(self.database.pool(), id, self.patience);
        let Some(mail) = self.database.answer(waiting).await? else {
            return Ok(());
        };
        let outcome = match &self.post {
            None => Outcome::Off,
            Some(post) => match post.send(id, &mail).await {
                Ok(outcome) => outcome,
                Err(error) if mail.is_late => {
                    tracing::warn!(mail = %id, tenant = mail.tenant_id, kind = mail.kind, %error, "a mail is given up");
                    Outcome::GivenUp
                }
                Err(error) => return Err(error),
            },
        };
        let done = store::done(self.database.pool(), id, outcome);
        self.database.answer(done).await?;
        self.metrics.mail_done(&mail.kind, outcome);
        Ok(())
    }
}

impl Post {
    async fn send(&self, id: Uuid, mail: &Waiting) -> Result<Outcome, StillWaiting> {
        let (people, text) = match self.write(mail).await? {
            Written::Mail(people, text) => (people, text),
            Written::Not(outcome) => return Ok(outcome),
        };
        if people.is_empty() {
            return Ok(Outcome::Nobody);
        }
        let mut outcome = Outcome::Refused;
        let mut failed = None;
        for (part, person) in people.iter().enumerate() {
            match self.mailer.send(id, part, person, &text).await {
                Ok(()) => outcome = Outcome::Sent,
                Err(error) if error.is_final() => {
                    tracing::warn!(mail = %id, tenant = mail.tenant_id, kind = mail.kind, part, %error, "a mail was refused");
                }
                // The others may fare better: one mailbox that is full is not everybody's.
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(outcome), |error| Err(error.into()))
    }

    async fn write(&self, mail: &Waiting) -> Result<Written, StillWaiting> {
        let tenant = &mail.tenant_id;
        let cause: Option<Cause> = mail.cause.as_deref().and_then(|cause| cause.parse().ok());
        let written = match (Kind::of(&mail.kind), mail.booking_id) {
            (Some(kind @ (Kind::ConnectionLost | Kind::ConnectionActive)), _) => {
                let facts = self.facts.connection(tenant).await;
                let Some(facts) = facts.map_err(StillWaiting::Facts)? else {
                    return Ok(Written::Not(Outcome::Nobody));
                };
                let said = if kind == Kind::ConnectionLost {
                    "lost"
                } else {
                    "active"
                };
                if facts.state != said {
                    return Ok(Written::Not(Outcome::Outdated));
                }
                let text = text::of_connection(kind, &facts).transpose()?;
                text.map(|text| (recipients::of_connection(&facts), text))
            }
            (Some(kind), Some(booking)) => {
                let facts = self.facts.booking(tenant, booking).await;
                let Some(facts) = facts.map_err(StillWaiting::Facts)? else {
                    return Ok(Written::Not(Outcome::Nobody));
                };
                let text = text::of_booking(kind, &facts, cause, mail.several).transpose()?;
                text.map(|text| {
                    let person = recipients::of_booking(kind, &facts);
                    (person.into_iter().collect(), text)
                })
            }
            (None, _) | (Some(_), None) => None,
        };
        Ok(
            written.map_or(Written::Not(Outcome::Nobody), |(people, text)| {
                Written::Mail(people, text)
            }),
        )
    }
}
