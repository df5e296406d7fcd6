//! What is done with a calendar, a step a file. A step says what was in the way ([`crate::trouble`]);
//! the consumers and the schedule decide when it is tried again.
//!
//! To add a step: a file here, named as the verb of it.

mod channel_plan;
pub(crate) mod check;
pub(crate) mod close_calendar;
pub(crate) mod compare_links;
pub(crate) mod expand_series;
pub(crate) mod full_sync;
pub(crate) mod list_next;
pub(crate) mod list_window;
pub(crate) mod open_channel;
pub(crate) mod pull;
pub(crate) mod put_off;
pub(crate) mod reconcile;
pub(crate) mod renew_channel;
pub(crate) mod report;
mod silence;
pub(crate) mod verify_link;
