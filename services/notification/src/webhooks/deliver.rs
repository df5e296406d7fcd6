//! Working on one `delivery.due`: the oldest change that the webhook has not taken of the object, then the
//! next, until all are taken or one is refused.
//!
//! After the soft stop the request in hand is finished and what became of it is stored. The rest is somebody
//! else's at once: the lease is given back, and a new message stands for the row.

use std::{sync::Arc, time::Duration};

use roomsync_broker::Delivery;
use roomsync_messages::DeliveryDue;
use roomsync_postgres::Database;
use roomsync_sealing::{Keyring, SealingError};
use secrecy::SecretSlice;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    body,
    queue::{self, Due, Failed, Letter, Next},
    rpc::place,
    send::{Refusal, Request, Sender},
    signing,
    slots::{Full, Pace, Slots},
    store::{self, Disabled},
};
use crate::{config::WebhooksConfig, mail, metrics::Metrics};

/// What a lease has over the time of a request: for the statements around it.
const LEASE_SLACK: Duration = Duration::from_secs(30);
/// When a change is tried again that failed for the first time.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// When a slow receiver is asked again that has enough to do.
const SLOW_DELAY: Duration = Duration::from_secs(5);

/// Sends changes.
#[derive(Debug, Clone)]
pub struct Deliveries {
    /// Where the log and the places are.
    pub database: Database,
    /// Opens the secrets.
    pub ring: Arc<Keyring>,
    /// Calls the receivers.
    pub sender: Sender,
    /// Keeps them apart.
    pub slots: Slots,
    /// Settings.
    pub config: WebhooksConfig,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// No request is begun after it.
    pub soft: CancellationToken,
}

/// What becomes of the message.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// It is done with.
    Done,
    /// It comes back.
    Later {
        /// Why, without address or person.
        why: String,
        /// Not before; the ladder decides when absent.
        after: Option<Duration>,
    },
    /// It is parked.
    GivenUp {
        /// Why.
        why: String,
    },
}

impl Deliveries {
    /// Sends what is due.
    pub async fn deliver(
        &self,
        message: &DeliveryDue,
        delivery: &Delivery,
    ) -> Result<End, sqlx::Error> {
        let slot = match self.slots.take(message.webhook) {
            Ok(slot) => slot,
            Err(full) => return Ok(crowded(full)),
        };
        let mut held = None;
        for _ in 0..self.config.per_message {
            let due = match self.next(message, delivery.message_id, held).await? {
                Next::Change(due) => due,
                Next::Nothing { skipped } => {
                    self.metrics.webhook_skipped(skipped);
                    return Ok(End::Done);
                }
                Next::Later(after) => {
                    return Ok(End::Later {
                        why: "the webhook is paused, or another one sends".to_owned(),
                        after: Some(after),
                    });
                }
            };
            // Asked here, because only now it is known that something is left to be handed over.
            if self.soft.is_cancelled() {
                held = Some(due.lease);
                break;
            }
            let started = Instant::now();
            let (tenant, webhook) = (message.tenant.as_str(), message.webhook);
            let sent = self.send(tenant, webhook, &due.letter).await;
            let took = started.elapsed();
            slot.went(self.pace(sent, took));
            if let Err(refusal) = sent {
                return self.refused(message, delivery, &due, refusal).await;
            }
            if !self.taken(message, &due, took).await? {
                return Ok(End::Done);
            }
            held = Some(due.lease);
        }
        // To the end of the queue: others wait there, or this process is about to stop.
        if let Some(lease) = held {
            self.go_on_later(message, lease).await?;
        }
        Ok(End::Done)
    }

    /// A receiver that takes a quarter of the time it has is slow.
    fn pace(&self, sent: Result<(), Refusal>, took: Duration) -> Pace {
        if !sent.map_or_else(Refusal::was_answered, |()| true) {
            Pace::Silent
        } else if took > self.config.timeout / 4 {
            Pace::Slow
        } else {
            Pace::Quick
        }
    }

    async fn next(
        &self,
        message: &DeliveryDue,
        message_id: Uuid,
        held: Option<Uuid>,
    ) -> Result<Next, sqlx::Error> {
        let lease_for = self.config.timeout + LEASE_SLACK;
        self.database
            .tx("next_delivery", |tx| {
                Box::pin(queue::next(tx, message, message_id, held, lease_for))
            })
            .await
    }

    /// Once more what is not due, if the webhook has a slot.
    pub(super) async fn send_again(
        &self,
        tenant: &str,
        webhook: Uuid,
        letter: &Letter,
    ) -> Result<Result<(), Refusal>, Full> {
        let slot = self.slots.take(webhook)?;
        let started = Instant::now();
        let sent = self.send(tenant, webhook, letter).await;
        slot.went(self.pace(sent, started.elapsed()));
        match sent {
            Ok(()) => self.metrics.webhook_taken_again(),
            Err(refusal) => self.metrics.webhook_refused(refusal),
        }
        Ok(sent)
    }

    async fn send(&self, tenant: &str, webhook: Uuid, letter: &Letter) -> Result<(), Refusal> {
        let secrets = self.secrets(tenant, webhook, letter).map_err(|error| {
            tracing::error!(
                %error,
                tenant,
                %webhook,
                "the secret of a webhook cannot be opened: it needs a new one"
            );
            Refusal::NoSecret
        })?;
        let body = body::render(&letter.change_id, &letter.change);
        let timestamp = letter.now.timestamp();
        self.sender
            .send(Request {
                url: &letter.url,
                id: &letter.change_id,
                timestamp,
                signature: signing::signatures(&secrets, &letter.change_id, timestamp, &body),
                body,
            })
            .await
    }

    /// The current secret must open; an old one that does not is left out.
    fn secrets(
        &self,
        tenant: &str,
        webhook: Uuid,
        letter: &Letter,
    ) -> Result<Vec<SecretSlice<u8>>, SealingError> {
        let place = place(tenant, webhook);
        let mut opened = letter.secrets.iter().map(|it| self.ring.open(it, &place));
        let current = opened.next().ok_or(SealingError::DoesNotOpen)??;
        Ok(std::iter::once(current)
            .chain(opened.filter_map(Result::ok))
            .collect())
    }

    /// Stores that the receiver has the change; `false` when somebody else works on the row by now.
    async fn taken(
        &self,
        message: &DeliveryDue,
        due: &Due,
        took: Duration,
    ) -> Result<bool, sqlx::Error> {
        let taken = self
            .database
            .tx("webhook_took", |tx| {
                Box::pin(queue::taken(tx, message, due))
            })
            .await?;
        let Some(skipped) = taken else {
            return Ok(false);
        };
        if due.again {
            self.metrics.webhook_taken_again();
        } else {
            let received_at = due.letter.change.received_at;
            let now = due.letter.now + took;
            self.metrics
                .webhook_taken(due.appended_at, received_at, now);
        }
        self.metrics.webhook_skipped(skipped);
        // After the row's transaction: whoever appends holds the webhook's lock and waits for the row's.
        let (pool, tenant) = (self.database.pool(), message.tenant.as_str());
        let told = store::succeeded(pool, tenant, message.webhook);
        self.database.answer::<_, sqlx::Error>(told).await?;
        Ok(true)
    }

    async fn refused(
        &self,
        message: &DeliveryDue,
        delivery: &Delivery,
        due: &Due,
        refusal: Refusal,
    ) -> Result<End, sqlx::Error> {
        self.metrics.webhook_refused(refusal);
        let disabled = self.note_failure(message, &due.letter.url, refusal).await?;
        if let Some(Disabled { because, .. }) = &disabled {
            self.metrics.webhook_disabled(because);
            tracing::warn!(
                tenant = %message.tenant,
                webhook = %message.webhook,
                because,
                answered = refusal.word(),
                "a webhook is disabled until a person enables it"
            );
        }

        let (message_id, lease) = (delivery.message_id, due.lease);
        // Of a webhook that is disabled nothing is tried any more.
        let (patience, farewell) = (self.config.patience, disabled.is_some());
        let delay = refusal.pause().unwrap_or(FIRST_DELAY);
        // The message may have come back before for other reasons: the changes before this one, a pause,
        // too many requests under way. This change begins at the foot of the ladder, and with the whole
        // patience, and so with a message of its own.
        let came_back = delivery.attempt > 1;
        let anew = move |failed| failed == Failed::Again { first: true } && came_back && !farewell;
        let failed = self
            .database
            .tx("webhook_refused", |tx| {
                Box::pin(async move {
                    let failed = queue::failed(tx, message, message_id, lease, patience).await?;
                    if anew(failed) {
                        queue::publish(tx, message, delay).await?;
                    }
                    Ok::<_, sqlx::Error>(failed)
                })
            })
            .await?;
        let why = format!("the webhook did not take a change: {}", refusal.word());
        Ok(match failed {
            Failed::NotOurs => End::Done,
            Failed::GivenUp => {
                self.metrics.webhook_given_up();
                tracing::warn!(
                    tenant = %message.tenant,
                    webhook = %message.webhook,
                    object = %message.object,
                    why,
                    "a change was given up; it waits for the next one of its object, or for a person"
                );
                End::GivenUp { why }
            }
            Failed::Again { .. } if anew(failed) || farewell => End::Done,
            Failed::Again { .. } => End::Later {
                why,
                after: refusal.pause(),
            },
        })
    }

    /// Of the webhook. Whoever disables it has its administrators told, with the same commit.
    async fn note_failure(
        &self,
        message: &DeliveryDue,
        url: &str,
        refusal: Refusal,
    ) -> Result<Option<Disabled>, sqlx::Error> {
        let (tenant, webhook) = (&message.tenant, message.webhook);
        let after = self.config.disable_after;
        self.database
            .tx("webhook_failed", |tx| {
                Box::pin(async move {
                    let told =
                        store::failed(&mut **tx, tenant.as_str(), webhook, url, refusal, after);
                    let disabled = told.await?;
                    if let Some(disabled) = &disabled {
                        mail::webhooks::is_disabled(tx, tenant, webhook, disabled.at).await?;
                    }
                    Ok::<_, sqlx::Error>(disabled)
                })
            })
            .await
    }

    async fn go_on_later(&self, message: &DeliveryDue, lease: Uuid) -> Result<(), sqlx::Error> {
        self.database
            .tx("go_on_later", |tx| {
                Box::pin(async move {
                    queue::give_back(tx, message, lease).await?;
                    queue::publish(tx, message, Duration::ZERO).await
                })
            })
            .await
    }
}

/// A receiver that answers is asked again soon, one that does not ever more slowly.
fn crowded(full: Full) -> End {
    End::Later {
        why: "enough requests to the webhook are under way".to_owned(),
        after: match full.pace {
            Pace::Quick => Some(Duration::ZERO),
            Pace::Slow => Some(SLOW_DELAY),
            Pace::Silent => None,
        },
    }
}
