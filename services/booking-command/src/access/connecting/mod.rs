//! Keys that are not delegated yet (D21): what an administrator delegates comes into effect within minutes mostly,
//! and may take a day (documented).
//!
//! 1. `begin`: one transaction keeps the key, sealed, and makes the connection `connecting`. Only a tenant that is
//!    not connected waits like that: a connection there is stays as it is.
//! 2. A job in every replica ([`run`]) claims one key at a time and proves it again, after delays that grow
//!    (`delay`). Whoever was overtaken, by another replica or by an administrator, writes nothing.
//! 3. `settle`: a proved key is connected exactly as one that was proved at once. A key that Google refuses for
//!    good, or for too long, is forgotten, and the tenant is `disconnected` with the reason.

mod begin;
mod delay;
mod job;
mod settle;

pub(super) use begin::begin;
pub use job::run;
