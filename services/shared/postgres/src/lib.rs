//! PostgreSQL as roomsync uses it: a pool per service and schema, named transactions that retry, the
//! inbox and the outbox. It knows no business table.
//!
//! What it guarantees:
//!
//! * A service starts while PostgreSQL is away: the pool is lazy, [`Database::wait_until_reachable`]
//!   waits.
//! * A transaction ([`Database::tx`]) that PostgreSQL aborts for serialization (40001) or a deadlock
//!   (40P01) runs again, so its body does nothing but SQL. One that gets no answer ends with an error
//!   ([`Database::answer`]), and its connection is not used again.
//! * A message in the [`outbox`] is published if, and only if, its transaction commits; a message
//!   noted in the [`inbox`] is worked on once.
//!
//! Business SQL names its tables with their schema. The two tables below exist in every schema that
//! uses them and are found through the pool's `search_path`. A service's migration contains them
//! literally:
//!
//! ```sql
//! CREATE TABLE <schema>.inbox (
//!     message_id uuid NOT NULL,
//!     consumer text NOT NULL,
//!     received_at timestamptz NOT NULL DEFAULT now(),
//!     PRIMARY KEY (message_id, consumer)
//! );
//! CREATE TABLE <schema>.outbox (
//!     position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
//!     message_id uuid NOT NULL UNIQUE,
//!     message_type text NOT NULL,
//!     exchange text NOT NULL,
//!     body jsonb NOT NULL,
//!     traceparent text,
//!     publish_after timestamptz NOT NULL DEFAULT now(),
//!     created_at timestamptz NOT NULL DEFAULT now()
//! );
//! CREATE INDEX outbox_due ON <schema>.outbox (publish_after, position);
//! ```
//!
//! To add a table that every service has: a module here with its SQL in the module's doc.

mod config;
mod database;
mod error;
pub mod inbox;
mod migrate;
pub mod outbox;
mod trace;
mod tx;

pub use config::{DatabaseConfig, InvalidConfig};
pub use database::Database;
pub use error::{constraint, is_unavailable, is_worth_retrying};
pub use migrate::MigrateError;
pub use tx::Tx;
