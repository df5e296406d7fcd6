//! Sending what waits: asks what there is to say, writes it, hands it over.
//!
//! Bookings of one object that ended for one cause within a short time are told together, one mail for each
//! person. Refused for good by the mail server is done, and so is what is told too late: of a booking that is
//! over, or of a connection that stands differently by now. Anything that may pass is tried again by the broker's
//! ladder for as long as patience lasts, and then given up. Of several administrators those are told again who
//! were told before the one that failed: their mails have the same `Message-ID`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use roomsync_domain::{Cause, MailAddress};
use roomsync_postgres::Database;
use tonic::Status;
use uuid::Uuid;

use super::{
    facts::{BookingFacts, Facts},
    notices::Kind,
    recipients,
    send::{Mailer, NotSent},
    store::{self, Outcome, Waiting},
    text::{self, Text, Told},
    webhooks,
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
    /// A later version's: a replica that knows it will send it.
    #[error("a mail of a kind that this version does not know")]
    UnknownKind,
    /// A template that does not render: it would not have been built.
    #[error("failed to write a mail")]
    Text(#[from] askama::Error),
}

/// Whom one mail is for, and who declined: what that is, and the address.
type Reader = (MailAddress, String, String);
/// What is told in one mail.
type Share = Vec<(Waiting, BookingFacts)>;

impl Mails {
    /// Sends a mail and those that are told with it, as far as they still wait.
    pub async fn send(&self, id: Uuid) -> Result<(), StillWaiting> {
        let close = store::close(self.database.pool(), id);
        self.database.answer(close).await?;
        let waiting = store::waiting(self.database.pool(), id, self.patience);
        let waiting = self.database.answer(waiting).await?;
        let Some(first) = waiting.first() else {
            return Ok(());
        };
        let Some(post) = &self.post else {
            return self.done(&waiting, Outcome::Off).await;
        };
        let sent = match Kind::of(&first.kind) {
            Some(kind @ (Kind::ConnectionLost | Kind::ConnectionActive)) => {
                self.send_of_connection(post, kind, first).await
            }
            Some(Kind::WebhookDisabled) => self.send_of_webhook(post, first).await,
            Some(kind) => self.send_of_bookings(post, kind, &waiting).await,
            None => Err(StillWaiting::UnknownKind),
        };
        match sent {
            Err(error) if first.is_late => {
                let (tenant, kind) = (&first.tenant_id, &first.kind);
                tracing::warn!(mail = %id, tenant, kind, %error, "a mail is given up");
                // Some of them may have been told; what is done stays as it is.
                let left = store::waiting(self.database.pool(), id, self.patience);
                let left = self.database.answer(left).await?;
                self.done(&left, Outcome::GivenUp).await
            }
            sent => sent,
        }
    }

    async fn done(&self, mails: &[Waiting], outcome: Outcome) -> Result<(), StillWaiting> {
        let ids: Vec<Uuid> = mails.iter().map(|mail| mail.mail_id).collect();
        let done = store::done(self.database.pool(), &ids, outcome);
        self.database.answer(done).await?;
        for mail in mails {
            self.metrics.mail_done(&mail.kind, outcome);
        }
        Ok(())
    }

    async fn send_of_connection(
        &self,
        post: &Post,
        kind: Kind,
        mail: &Waiting,
    ) -> Result<(), StillWaiting> {
        let mails = std::slice::from_ref(mail);
        let facts = post.facts.connection(&mail.tenant_id).await;
        let Some(facts) = facts.map_err(StillWaiting::Facts)? else {
            return self.done(mails, Outcome::Nobody).await;
        };
        let said = if kind == Kind::ConnectionLost {
            "lost"
        } else {
            "active"
        };
        if facts.state != said {
            return self.done(mails, Outcome::Outdated).await;
        }
        let people = recipients::of_connection(&facts);
        let text = text::of_connection(kind, &facts).transpose()?;
        let outcome = match text {
            Some(text) if !people.is_empty() => post.send(mail, &people, &text).await?,
            _ => Outcome::Nobody,
        };
        self.done(mails, outcome).await
    }

    /// To the tenant's administrators, unless one of them has enabled the webhook meanwhile.
    async fn send_of_webhook(&self, post: &Post, mail: &Waiting) -> Result<(), StillWaiting> {
        let mails = std::slice::from_ref(mail);
        let Some(webhook) = mail.webhook_id else {
            return self.done(mails, Outcome::Nobody).await;
        };
        let facts = webhooks::facts(self.database.pool(), &mail.tenant_id, webhook);
        let Some(facts) = self.database.answer::<_, sqlx::Error>(facts).await? else {
            return self.done(mails, Outcome::Outdated).await;
        };
        let tenant = post.facts.connection(&mail.tenant_id).await;
        let Some(tenant) = tenant.map_err(StillWaiting::Facts)? else {
            return self.done(mails, Outcome::Nobody).await;
        };
        let people = recipients::of_connection(&tenant);
        let text = text::of_webhook(&facts, &tenant.locale)?;
        let outcome = if people.is_empty() {
            Outcome::Nobody
        } else {
            post.send(mail, &people, &text).await?
        };
        self.done(mails, outcome).await
    }

    /// A mail for each person. Who was told is done, whatever becomes of the others.
    async fn send_of_bookings(
        &self,
        post: &Post,
        kind: Kind,
        mails: &[Waiting],
    ) -> Result<(), StillWaiting> {
        let mut failed = None;
        for ((person, ..), share) in self.shares(post, kind, mails).await? {
            let (mails, facts): (Vec<_>, Vec<_>) = share.into_iter().unzip();
            let Some(first) = mails.first() else { continue };
            let told = mails.iter().zip(&facts).map(|(mail, facts)| Told {
                facts,
                several: mail.several,
            });
            let told: Vec<_> = told.collect();
            let cause: Option<Cause> = first.cause.as_deref().and_then(|it| it.parse().ok());
            let Some(text) = text::of_bookings(kind, &told, cause).transpose()? else {
                self.done(&mails, Outcome::Nobody).await?;
                continue;
            };
            match post.send(first, std::slice::from_ref(&person), &text).await {
                Ok(outcome) => self.done(&mails, outcome).await?,
                Err(error) => {
                    // The others may fare better, unless nobody answers at all.
                    let is_away = matches!(error, StillWaiting::NotSent(NotSent::NoReply { .. }));
                    failed = Some(error);
                    if is_away {
                        break;
                    }
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Who is told of what; what nobody is told of is done. Bookings that different people declined are told
    /// apart: a mail names one.
    async fn shares(
        &self,
        post: &Post,
        kind: Kind,
        mails: &[Waiting],
    ) -> Result<BTreeMap<Reader, Share>, StillWaiting> {
        let mut shares = BTreeMap::<Reader, Share>::new();
        for mail in mails {
            let facts = match mail.booking_id {
                Some(booking) => post.facts.booking(&mail.tenant_id, booking).await,
                None => Ok(None),
            };
            let facts = facts.map_err(StillWaiting::Facts)?;
            let person = facts
                .as_ref()
                .and_then(|it| recipients::of_booking(kind, it));
            let mail = mail.clone();
            match facts.zip(person) {
                None => self.done(&[mail], Outcome::Nobody).await?,
                // Other dates of a series may still be to come.
                Some((facts, _)) if facts.ends_at <= mail.now && !mail.several => {
                    self.done(&[mail], Outcome::Outdated).await?;
                }
                Some((facts, person)) => {
                    let (what, whose) = (&facts.declined_by, &facts.declined_by_mail);
                    let reader = (person, what.clone(), whose.clone());
                    shares.entry(reader).or_default().push((mail, facts));
                }
            }
        }
        Ok(shares)
    }
}

impl Post {
    /// Hands one text over to each of these people.
    async fn send(
        &self,
        mail: &Waiting,
        people: &[MailAddress],
        text: &Text,
    ) -> Result<Outcome, StillWaiting> {
        let id = mail.mail_id;
        let mut outcome = Outcome::Refused;
        let mut failed = None;
        for (part, person) in people.iter().enumerate() {
            match self.mailer.send(id, part, person, text).await {
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
}
