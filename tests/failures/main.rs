//! Suite: failures. What happens when something dies or goes away in the middle: a worker between
//! two steps, RabbitMQ, PostgreSQL. Services run as real processes where they are killed (SIGKILL).
//!
//! Every test ends with `cluster.finish()`: both sides agree, every queue is empty, nothing is
//! parked that should not be.

mod around;
mod away;
mod budget;
mod crowd;
mod fairness;
mod kill_sync_worker;
mod killed;
mod killed_at_random;
mod nobody_told;
mod parked;
mod point;
mod replicas;
mod storms;
