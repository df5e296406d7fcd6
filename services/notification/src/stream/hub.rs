//! Wakes the followers when their tenant's log grows: one listener per process, however many
//! subscribers it has.
//!
//! A commit that appends is heard by LISTEN/NOTIFY. A notification may be lost (the connection broke,
//! the database failed over), so the ends of all followed logs are read again every second: one query
//! for all subscribers. A follower only ever hears "the end is at least here".

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use roomsync_postgres::Database;
use sqlx::postgres::PgListener;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::log::{NOTIFY_CHANNEL, tenants};

/// The ends of the followed logs, as far as this process has heard.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    ends: Arc<Mutex<HashMap<String, watch::Sender<i64>>>>,
}

impl Hub {
    /// Follows the end of a tenant's log. Starts at 0: read the end yourself, after calling this.
    pub fn follow(&self, tenant: &str) -> watch::Receiver<i64> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.entry(tenant.to_owned()).or_default().subscribe()
    }

    fn raise(&self, tenant: &str, end: i64) {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = ends.get(tenant) {
            known.send_if_modified(|known| {
                let raised = end > *known;
                *known = end.max(*known);
                raised
            });
        }
    }

    /// The followed tenants; forgets those that nobody follows any more.
    fn followed(&self) -> Vec<String> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.retain(|_, end| end.receiver_count() > 0);
        ends.keys().cloned().collect()
    }

    /// Listens until `soft`. Survives every loss of the database.
    pub async fn run(self, database: Database, reread: Duration, soft: CancellationToken) {
        let mut ticks = interval(reread);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut listener = None;
        loop {
            if listener.is_none() {
                tokio::select! {
                    () = soft.cancelled() => return,
                    listening = listen(&database) => listener = listening,
                }
            }
            tokio::select! {
                () = soft.cancelled() => return,
                heard = hear(&mut listener) => match heard {
                    Some((tenant, end)) => self.raise(&tenant, end),
                    None => listener = None,
                },
                _ = ticks.tick() => self.read_ends(&database).await,
            }
        }
    }

    async fn read_ends(&self, database: &Database) {
        let followed = self.followed();
        if followed.is_empty() {
            return;
        }
        match database
            .answer(tenants::ends(database.pool(), &followed))
            .await
        {
            Ok(ends) => ends
                .iter()
                .for_each(|(tenant, end)| self.raise(tenant, *end)),
            Err(error) => tracing::debug!(%error, "the ends of the logs could not be read"),
        }
    }
}

async fn listen(database: &Database) -> Option<PgListener> {
    let listening = async {
        let mut listener = PgListener::connect_with(database.pool()).await?;
        listener.listen(NOTIFY_CHANNEL).await?;
        Ok::<_, sqlx::Error>(listener)
    };
    database.answer(listening).await.ok()
}

/// The next end that was told; `None` when the connection is gone. Without a connection it waits for
/// ever: the next tick tries again.
async fn hear(listener: &mut Option<PgListener>) -> Option<(String, i64)> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        let told = listener.try_recv().await.ok()??;
        if let Some((end, tenant)) = told.payload().split_once(' ')
            && let Ok(end) = end.parse()
        {
            return Some((tenant.to_owned(), end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_hears_only_of_its_tenant_and_only_of_growth() {
        let hub = Hub::default();
        let mut acme = hub.follow("acme");
        hub.raise("other", 5);
        assert!(!acme.has_changed().unwrap());
        hub.raise("acme", 3);
        assert_eq!(*acme.borrow_and_update(), 3);
        hub.raise("acme", 2);
        assert!(!acme.has_changed().unwrap());
    }

    #[test]
    fn a_tenant_that_nobody_follows_is_forgotten() {
        let hub = Hub::default();
        let acme = hub.follow("acme");
        assert_eq!(hub.followed(), ["acme"]);
        drop(acme);
        assert!(hub.followed().is_empty());
    }
}
