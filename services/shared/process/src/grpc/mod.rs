//! gRPC as every service serves and calls it.
//!
//! A [`Listener`] serves [`tonic::service::Routes`] to callers that show a bearer token of the key
//! ring ([`Callers`]) and have a role the listener admits ([`Access`]). The handler finds who calls
//! by [`Caller::of`]. Health answers without a token, reflection with one.
//!
//! * Deadlines: a caller's `grpc-timeout` holds; without one a unary rpc has 30 seconds, a
//!   streaming rpc (either direction) none.
//! * A span and a duration per rpc, labelled by service, method and code; never by a person.
//! * Errors carry `google.rpc.ErrorInfo` of domain `roomsync`: make them by [`problem`], read them
//!   by [`reason`] and [`metadata`].
//!
//! [`connect`] gives a [`Channel`] to another service: lazy, reconnecting, with token, trace
//! context and a default deadline.
//!
//! To add something to every rpc: a pure function in a module of its own, called from `gate`.

mod access;
mod callers;
mod client;
mod config;
mod gate;
mod listener;
mod methods;
mod observe;
mod problem;
mod timeout;

pub use access::Access;
pub use callers::{Caller, Callers, token_sha256};
pub use client::{Channel, ConnectError, connect};
pub use config::{
    CallerKey, CallersConfig, ClientConfig, ClientIdentity, ListenConfig, Role, TlsConfig,
};
pub use listener::{Listener, ServeError};
pub use problem::{DOMAIN, metadata, problem, problem_later, reason, retry_after};
pub use timeout::{TIMEOUT, timeout};

#[cfg(test)]
mod tests;
