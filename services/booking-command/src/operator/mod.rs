//! What the people who run roomsync can see and do: parked messages and coverage, over all tenants.
//!
//! Only callers of role `operator` whose token names every tenant get in. What is done to messages is the
//! broker crate's ([`roomsync_broker::parked`]); here is who may, and how gRPC says it. To add an rpc: the
//! `.proto`, a method in `rpc.rs` that begins with `admit`.

mod convert;
mod coverage;
mod rpc;

pub use rpc::OperatorRpc;
