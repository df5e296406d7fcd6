//! The log: per tenant, every change of every object, each at a position.
//!
//! What it guarantees:
//! * per object gapless and in order of version: only `last + 1` is appended, under the object's row
//!   lock; a later version is held until the gap closes, an earlier one is a duplicate;
//! * commit order is position order: the position is taken from the tenant's row under its lock,
//!   which is held until the commit. Locks are always taken in the order object, tenant;
//! * positions are gapless, so a reader that meets a hole knows that it was cleaned up;
//! * an entry stays as it was appended, but for whose a booking was: persons leave it (`forget.rs`).
//!
//! Streams and webhooks read only this. To give the log another reader, read it by [`read::page`] from a position
//! of your own; to give it another writer, go through [`append::append`].

pub mod append;
pub mod cleanup;
mod forget;
pub mod read;
pub mod tenants;

/// The channel on which a commit that appended is told: `<position> <tenant>`.
pub const NOTIFY_CHANNEL: &str = "roomsync_notification_log";
