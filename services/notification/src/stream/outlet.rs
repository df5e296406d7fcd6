//! The sending end of one subscriber's stream: a short buffer that blocks only its own follower, and
//! a reason that is told when the stream ends.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use roomsync_proto::notification::v1::SubscribeResponse;
use tokio::sync::mpsc;
use tonic::Status;

/// Where a follower writes.
#[derive(Debug)]
pub struct Outlet {
    sender: mpsc::Sender<SubscribeResponse>,
    ending: Arc<OnceLock<Status>>,
    patience: Duration,
}

/// What the subscriber reads.
#[derive(Debug)]
pub struct Inlet {
    receiver: mpsc::Receiver<SubscribeResponse>,
    ending: Arc<OnceLock<Status>>,
    ended: bool,
}

/// Nothing can be written any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotWritten {
    /// The subscriber went away.
    Gone,
    /// The subscriber did not read for as long as it may.
    Stuck,
}

/// A stream with room for `buffer` messages; a write that waits longer than `patience` fails.
pub fn channel(buffer: usize, patience: Duration) -> (Outlet, Inlet) {
    let (sender, receiver) = mpsc::channel(buffer);
    let ending = Arc::new(OnceLock::new());
    let inlet = Inlet {
        receiver,
        ending: Arc::clone(&ending),
        ended: false,
    };
    (
        Outlet {
            sender,
            ending,
            patience,
        },
        inlet,
    )
}

impl Outlet {
    /// Writes one message, waiting for room.
    pub async fn write(&self, message: SubscribeResponse) -> Result<(), NotWritten> {
        match tokio::time::timeout(self.patience, self.sender.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(NotWritten::Gone),
            Err(_) => Err(NotWritten::Stuck),
        }
    }

    /// Ends when the subscriber goes away.
    pub async fn gone(&self) {
        self.sender.closed().await;
    }

    /// Ends the stream with `status`, after what is already in the buffer.
    pub fn end(self, status: Status) {
        // Cannot be set already: this consumes the only outlet.
        let _ = self.ending.set(status);
    }
}

impl Stream for Inlet {
    type Item = Result<SubscribeResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.receiver.poll_recv(cx) {
            Poll::Ready(Some(message)) => Poll::Ready(Some(Ok(message))),
            Poll::Ready(None) if self.ended => Poll::Ready(None),
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(self.ending.get().cloned().map(Err))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    fn message(cursor: &str) -> SubscribeResponse {
        SubscribeResponse {
            cursor: cursor.to_owned(),
            message: None,
        }
    }

    #[tokio::test]
    async fn the_end_comes_after_what_was_written() {
        let (outlet, mut inlet) = channel(2, Duration::from_secs(1));
        outlet.write(message("a")).await.unwrap();
        outlet.end(Status::unavailable("over"));
        assert_eq!(inlet.next().await.unwrap().unwrap().cursor, "a");
        assert_eq!(inlet.next().await.unwrap().unwrap_err().message(), "over");
        assert!(inlet.next().await.is_none());
    }

    #[tokio::test]
    async fn a_subscriber_that_does_not_read_is_stuck_after_a_while() {
        let (outlet, inlet) = channel(1, Duration::from_millis(20));
        outlet.write(message("a")).await.unwrap();
        assert_eq!(outlet.write(message("b")).await, Err(NotWritten::Stuck));
        drop(inlet);
        assert_eq!(outlet.write(message("b")).await, Err(NotWritten::Gone));
        outlet.gone().await;
    }
}
