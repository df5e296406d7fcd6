//! What no message does: lost messages are published anew, dead receivers tried a last time, old secrets forgotten, secrets sealed anew with
//! the current key, and what is behind is counted. Any replica may do it.

use std::{sync::Arc, time::Duration};

use roomsync_postgres::Database;
use roomsync_sealing::{Keyring, Sealed};
use secrecy::ExposeSecret as _;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{dead, queue, rpc::place, store};
use crate::{config::WebhooksConfig, metrics::Metrics};

/// How much one transaction does.
const BATCH: i64 = 500;

/// The sweep.
#[derive(Debug)]
pub struct Sweep {
    /// Where the webhooks are.
    pub database: Database,
    /// Seals anew.
    pub ring: Arc<Keyring>,
    /// Settings.
    pub config: WebhooksConfig,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Somebody enabled a webhook: not to wait for the next round.
    pub wake: Arc<Notify>,
}

impl Sweep {
    /// Sweeps until `soft`.
    pub async fn run(self, soft: CancellationToken) {
        let mut ticks = interval(self.config.sweep);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = soft.cancelled() => return,
                _ = ticks.tick() => {}
                () = self.wake.notified() => {}
            }
            tokio::select! {
                () = soft.cancelled() => return,
                swept = self.once() => if let Err(error) = swept {
                    tracing::warn!(%error, "webhooks could not be swept");
                },
            }
        }
    }

    /// One round. Answers how many messages were published anew.
    pub async fn once(&self) -> Result<usize, sqlx::Error> {
        self.try_dead_once_more().await?;
        let lost_after = self.config.lost_after;
        let mut lost = 0;
        loop {
            let published = self.publish_lost(lost_after).await?;
            lost += published;
            if published < usize::try_from(BATCH).unwrap_or(usize::MAX) {
                break;
            }
        }
        let pool = self.database.pool();
        let forgotten = store::forget_old_secrets(pool);
        self.database.answer::<_, sqlx::Error>(forgotten).await?;
        self.seal_anew().await?;
        let behind = self.database.answer(store::behind(pool)).await?;
        let disabled = self.database.answer(dead::disabled(pool)).await?;
        let lost_messages = u64::try_from(lost).unwrap_or(u64::MAX);
        self.metrics.webhooks_swept(lost_messages, behind, disabled);
        Ok(lost)
    }

    /// Before what is lost is published: what is to be tried is found by the same round.
    async fn try_dead_once_more(&self) -> Result<(), sqlx::Error> {
        let recovered = dead::forget_recovered(self.database.pool());
        self.database.answer::<_, sqlx::Error>(recovered).await?;
        let disable_after = self.config.disable_after;
        self.database
            .tx("try_dead_webhooks", |tx| {
                Box::pin(dead::try_once_more(tx, disable_after, BATCH))
            })
            .await
            .map(|_: usize| ())
    }

    async fn publish_lost(&self, lost_after: Duration) -> Result<usize, sqlx::Error> {
        self.database
            .tx("publish_lost_deliveries", |tx| {
                Box::pin(queue::publish_lost(tx, lost_after, BATCH))
            })
            .await
    }

    /// So that an old sealing key can leave the ring.
    async fn seal_anew(&self) -> Result<(), sqlx::Error> {
        let pool = self.database.pool();
        let old = store::sealed_with_another(pool, self.ring.current(), BATCH);
        for stored in self.database.answer(old).await? {
            let place = place(&stored.tenant_id, stored.webhook_id);
            let sealed = Sealed {
                bytes: stored.secret.clone(),
                key_id: stored.sealed_with.clone(),
            };
            let anew = self
                .ring
                .open(&sealed, &place)
                .and_then(|secret| self.ring.seal(secret.expose_secret(), &place));
            match anew {
                Ok(anew) => {
                    let stored_anew = store::seal_anew(pool, &stored, &anew);
                    self.database.answer::<_, sqlx::Error>(stored_anew).await?;
                }
                Err(error) => tracing::warn!(
                    %error,
                    tenant = stored.tenant_id,
                    webhook = %stored.webhook_id,
                    "the secret of a webhook cannot be opened: it needs a new one"
                ),
            }
        }
        Ok(())
    }
}
