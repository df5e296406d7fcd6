//! The sending end of one display's stream: a short buffer that blocks only its own follower, and a reason
//! that is told when the stream ends.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use roomsync_proto::booking::v1::WatchObjectResponse;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use super::rpc::Inlet;

/// States that a display has not read yet. More would only be old news.
const BUFFER: usize = 4;

/// Where a follower writes.
#[derive(Debug)]
pub(super) struct Outlet {
    sender: mpsc::Sender<WatchObjectResponse>,
    ending: oneshot::Sender<Status>,
    patience: Duration,
}

/// Nothing can be written any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotWritten {
    /// The display went away.
    Gone,
    /// The display did not read for as long as it may.
    Stuck,
}

/// A stream; a write that waits longer than `patience` fails.
pub(super) fn channel(patience: Duration) -> (Outlet, Inlet) {
    let (sender, mut receiver) = mpsc::channel(BUFFER);
    let (ending, ended) = oneshot::channel();
    let states = stream::poll_fn(move |cx| receiver.poll_recv(cx)).map(Ok);
    // Without a reason where the process lets go of everything.
    let reason = ended
        .into_stream()
        .filter_map(async |ended: Result<Status, _>| ended.ok().map(Err));
    let outlet = Outlet {
        sender,
        ending,
        patience,
    };
    (outlet, states.chain(reason).boxed())
}

impl Outlet {
    /// Writes a state, waiting for room.
    pub(super) async fn write(&self, state: WatchObjectResponse) -> Result<(), NotWritten> {
        match tokio::time::timeout(self.patience, self.sender.send(state)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(NotWritten::Gone),
            Err(_) => Err(NotWritten::Stuck),
        }
    }

    /// Ends when the display goes away.
    pub(super) async fn gone(&self) {
        self.sender.closed().await;
    }

    /// Ends the stream with `status`, after what is already in the buffer.
    pub(super) fn end(self, status: Status) {
        // Nobody reads it any more: nobody has to know.
        let _ = self.ending.send(status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(object_version: i64) -> WatchObjectResponse {
        WatchObjectResponse {
            object_version,
            ..WatchObjectResponse::default()
        }
    }

    #[tokio::test]
    async fn the_end_comes_after_what_was_written() {
        let (outlet, mut inlet) = channel(Duration::from_secs(1));
        outlet.write(state(1)).await.unwrap();
        outlet.end(Status::unavailable("over"));
        assert_eq!(inlet.next().await.unwrap().unwrap().object_version, 1);
        assert_eq!(inlet.next().await.unwrap().unwrap_err().message(), "over");
        assert!(inlet.next().await.is_none());
    }

    #[tokio::test]
    async fn a_display_that_does_not_read_is_stuck_after_a_while() {
        let (outlet, inlet) = channel(Duration::from_millis(20));
        for version in 0..4 {
            outlet.write(state(version)).await.unwrap();
        }
        assert_eq!(outlet.write(state(4)).await, Err(NotWritten::Stuck));
        drop(inlet);
        assert_eq!(outlet.write(state(4)).await, Err(NotWritten::Gone));
        outlet.gone().await;
    }
}
