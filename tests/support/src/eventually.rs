//! Waiting for a state instead of sleeping.

use std::{future::Future, panic::Location, time::Duration};

use tokio::time::{Instant, sleep};

/// How long an ordinary wait may take. Generous, because it is only used up when something is wrong.
pub const SOON: Duration = Duration::from_secs(20);

const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Looks again and again until `look` finds something; panics with `what` after `within`.
#[track_caller]
pub fn eventually<T, F>(within: Duration, what: &str, look: F) -> impl Future<Output = T>
where
    F: AsyncFnMut() -> Option<T>,
{
    let caller = Location::caller();
    async move {
        match found_within(within, look).await {
            Some(found) => found,
            None => panic!("{caller}: not within {within:?}: {what}"),
        }
    }
}

/// The same without the panic.
pub async fn found_within<T, F>(within: Duration, mut look: F) -> Option<T>
where
    F: AsyncFnMut() -> Option<T>,
{
    let deadline = Instant::now() + within;
    let mut pause = SHORTEST_PAUSE;
    loop {
        if let Ok(Some(found)) = tokio::time::timeout_at(deadline, look()).await {
            return Some(found);
        }
        if Instant::now() + pause >= deadline {
            return None;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_looks_until_it_finds() {
        let mut left = 3;
        let found = eventually(SOON, "a countdown", async || {
            left -= 1;
            (left == 0).then_some("done")
        });
        assert_eq!(found.await, "done");
    }

    #[tokio::test]
    #[should_panic(expected = "not within 50ms: something that never comes")]
    async fn it_says_what_did_not_come() {
        eventually(
            Duration::from_millis(50),
            "something that never comes",
            async || None::<()>,
        )
        .await;
    }
}
