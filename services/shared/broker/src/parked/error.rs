//! Why nothing could be done about parked messages.

use crate::PublishError;

/// Why nothing could be done about parked messages. Whatever it is: none is lost.
#[derive(Debug, thiserror::Error)]
pub enum ParkedError {
    /// No queue of ours has this name.
    #[error("there is no queue `{queue}`")]
    UnknownQueue {
        /// The name.
        queue: String,
    },
    /// No message within reach has this id.
    #[error("no parked message has the id `{message_id}`")]
    NotFound {
        /// The id.
        message_id: String,
    },
    /// Another operator has the queue's parked messages in hand.
    #[error("somebody else is looking at the parked messages of `{queue}`: try again")]
    Busy {
        /// The queue.
        queue: &'static str,
    },
    /// There is no connection, or no answer over it in time.
    #[error("rabbitmq is not reachable, or did not answer in time")]
    Unreachable,
    /// Sending again stopped in the middle.
    #[error("stopped after {sent} messages were sent again: {cause}")]
    Interrupted {
        /// So many had been sent.
        sent: u64,
        /// Why no more.
        cause: PublishError,
    },
}
