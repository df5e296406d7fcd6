//! The rows of `notification.webhook_objects`: which change of an object is next for a webhook, who sends
//! it now, and which message stands for it.
//!
//! ```text
//! announce.rs   the log has something: a place for each webhook, and a message
//! message.rs    publishing the message of a row
//! next.rs       a message came: what is to be sent now?
//! outcome.rs    it was sent: taken, or not
//! row.rs        a row is leased, given back, or needs no message any more
//! lost.rs       a row's message will not come: it gets a new one
//! replay.rs     places are set back: what was sent is sent again
//! again.rs      one change, out of turn
//! ```
//!
//! * The row knows its one message. Another one, of before, finds that it is not meant and goes.
//! * Whether there is something to send is read after the row is locked, in a statement of its own; the
//!   log's writer locks the row too. So a change that is appended while the last one is stored as taken is
//!   either seen by the one or announced by the other.
//! * Locks are taken in the order object, tenant, webhook, row.
//!
//! To add a statement: to the file whose question it answers, by these three rules.

mod again;
mod announce;
mod lost;
mod message;
mod next;
mod outcome;
mod replay;
mod row;

pub use again::{Again, again};
pub use announce::announce;
pub use lost::{hurry, publish_lost};
pub use message::publish;
pub use next::{Due, Letter, Next, next};
pub use outcome::{Failed, failed, taken};
pub use replay::{From, Replay, replay};
pub use row::give_back;
