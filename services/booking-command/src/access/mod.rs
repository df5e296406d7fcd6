//! Access to Google: who may call it, with which token, and how often.
//!
//! Keys and tokens live here alone, sealed ([`roomsync_sealing`]). Nobody calls Google without a lease of the
//! budget ([`budget`], arithmetic in [`lanes`]) and a token (`tokens.rs`). Google's token endpoint is
//! the one judge of whether access is lost: a refused call only makes us ask it again.

mod activate;
mod announce;
mod begin_connect;
pub mod budget;
mod calendar_rows;
mod calls;
mod calls_as;
mod complete_connect;
mod connect;
pub mod connecting;
mod connection_rpc;
pub mod connections;
mod consent_scopes;
mod consents;
pub mod disconnect;
mod enable_delegation;
mod google_rpc;
pub mod lanes;
mod lender;
mod look_at_rooms;
pub mod offers;
mod options;
mod prove;
mod replaced;
mod resources;
mod shared_calendar;
mod status;
pub mod subject;
mod token_rows;
mod tokens;
mod warnings;

pub use announce::announce;
pub use connection_rpc::ConnectionRpc;
pub use connections::not_connected;
pub use google_rpc::GoogleAccessRpc;
pub use lender::{Lender, google_unavailable};
pub use token_rows::forget_refusals;
