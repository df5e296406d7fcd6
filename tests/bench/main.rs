//! Measurements, as ratios against a floor of the same run where there is one. Nothing here asserts
//! a time: machines are noisy, and a benchmark that fails on a slow day teaches nothing.
//!
//! `source target/local/env` (see `deploy/local/up`), then
//! * `cargo run --release -p bench -- latency`: a change at Google until a subscriber has it, over
//!   many rooms, and the memory of each service afterwards;
//! * `cargo run --release -p bench -- push`: pushes per second that webhook-ingest takes with real
//!   confirms, beside the least that axum and lapin can do.
//!
//! To add one: a file here, an arm below; say what is compared with what, and from where to where
//! a time counts.

mod floor;
mod latency;
mod load;
mod push;
mod report;

use clap::{Parser, Subcommand};

/// Measures roomsync on this machine.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// From a change at Google to a subscriber that has it.
    Latency {
        /// How many linked rooms.
        #[arg(long, default_value_t = 50)]
        rooms: usize,
        /// How many changes, round robin over the rooms.
        #[arg(long, default_value_t = 1000)]
        changes: usize,
        /// Changes per second, whether or not the earlier ones are through (open model).
        #[arg(long, default_value_t = 20)]
        rate: u64,
    },
    /// Pushes per second, beside the floor.
    Push {
        /// Clients that push at once.
        #[arg(long, default_value_t = 64)]
        clients: usize,
        /// Seconds of each run.
        #[arg(long, default_value_t = 8)]
        seconds: u64,
        /// How often both are run, in turns.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// The floor itself, as a process of its own; `push` starts it.
    #[command(hide = true)]
    Floor {
        /// The broker.
        amqp_url: String,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Options::parse().what {
        What::Latency {
            rooms,
            changes,
            rate,
        } => latency::run(rooms, changes, rate).await,
        What::Push {
            clients,
            seconds,
            rounds,
        } => push::run(clients, seconds, rounds).await,
        What::Floor { amqp_url } => floor::serve(&amqp_url).await,
    }
}
