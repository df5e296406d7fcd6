//! Whoever books an object waits here for those before, not at the database: there everybody who waits for the
//! object's row would hold a connection of the pool, and a hundred people at one room would keep all other
//! rooms waiting.
//!
//! It guarantees nothing but that: several processes book side by side, and the row's lock and the constraint
//! decide.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use roomsync_domain::{ObjectId, TenantId};
use tokio::{
    sync::{Mutex as Queue, OwnedMutexGuard},
    time::{Instant, timeout_at},
};

type Key = (TenantId, ObjectId);

/// The queues, one for each object that somebody is booking just now.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<Key, Arc<Queue<()>>>>>);

/// One's turn, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    key: Key,
    /// Always there, until the drop.
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for one's turn, first come, first served; `None` when it did not come in time.
    pub async fn wait(&self, tenant: &TenantId, object: &ObjectId, until: Instant) -> Option<Turn> {
        let key = (tenant.clone(), object.clone());
        // Made before waiting: whoever goes away while waiting tidies up, too.
        let mut turn = Turn {
            turns: self.clone(),
            key,
            held: None,
        };
        let queue = self.with(|queues| queues.entry(turn.key.clone()).or_default().clone());
        turn.held = Some(timeout_at(until, queue.lock_owned()).await.ok()?);
        Some(turn)
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<Key, Arc<Queue<()>>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held = None;
        let key = &self.key;
        self.turns.with(|queues| {
            // Nobody else waits: everybody who does holds the queue.
            if queues.get(key).is_some_and(|it| Arc::strong_count(it) == 1) {
                queues.remove(key);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn object(id: &str) -> (TenantId, ObjectId) {
        ("acme".parse().unwrap(), id.parse().unwrap())
    }

    fn soon(millis: u64) -> Instant {
        Instant::now() + Duration::from_millis(millis)
    }

    #[tokio::test]
    async fn one_object_is_booked_by_one_at_a_time_and_others_beside_it() {
        let turns = Turns::default();
        let (tenant, room) = object("room");
        let first = turns.wait(&tenant, &room, soon(0)).await.unwrap();
        let late = turns.wait(&tenant, &room, soon(1)).await;
        assert!(late.is_none(), "not in time");
        let (_, other) = object("desk");
        assert!(turns.wait(&tenant, &other, soon(0)).await.is_some());

        let goes = async { drop(first) };
        let (second, ()) = tokio::join!(turns.wait(&tenant, &room, soon(60_000)), goes);
        assert!(second.is_some());
    }

    #[tokio::test]
    async fn a_queue_without_anybody_is_forgotten() {
        let turns = Turns::default();
        let (tenant, room) = object("room");
        let first = turns.wait(&tenant, &room, soon(0)).await;
        assert!(turns.wait(&tenant, &room, soon(0)).await.is_none());
        assert_eq!(turns.with(|queues| queues.len()), 1);
        drop(first);
        assert_eq!(turns.with(|queues| queues.len()), 0);
    }
}
