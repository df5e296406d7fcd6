//! Measurements, as ratios against a floor of the same run where there is one. Nothing here asserts
//! a time or a count: machines are noisy, and a benchmark that fails on a slow day teaches nothing.
//! What is asserted is that there was something to measure: every booking arrived.
//!
//! How to run each, and what it counts: README.md beside this file.
//!
//! To add one: a file here, an arm below; say what is compared with what, and from where to where
//! a time counts.

mod budget;
mod coalescing;
mod contend;
mod create;
mod flicker;
mod floor;
mod import;
mod latency;
mod like_production;
mod load;
mod meetings;
mod push;
mod quiet;
mod report;
mod rooms;
mod soak;

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
    /// The first import of many rooms at once, beside the floor.
    Import {
        /// How many rooms.
        #[arg(long, default_value_t = 200)]
        rooms: usize,
        /// How many dates stand on each room's calendar.
        #[arg(long, default_value_t = 500)]
        occurrences: usize,
        /// How many dates a series has.
        #[arg(long, default_value_t = 50)]
        series_length: usize,
    },
    /// Listings that many pushes cost: to one room, and one to each of many.
    Coalescing {
        /// Pushes to one room within one second.
        #[arg(long, default_value_t = 1000)]
        pushes: usize,
        /// Rooms that get one push each.
        #[arg(long, default_value_t = 1000)]
        rooms: usize,
        /// Replicas of sync-worker.
        #[arg(long, default_value_t = 1)]
        replicas: usize,
    },
    /// Google's own limits, enforced, while many rooms are imported and life goes on.
    Budget {
        /// How many rooms are imported.
        #[arg(long, default_value_t = 2000)]
        rooms: usize,
    },
    /// Bookings that flicker while every room's sync token dies at once.
    Flicker {
        /// How many rooms.
        #[arg(long, default_value_t = 200)]
        rooms: usize,
        /// How many bookings each has.
        #[arg(long, default_value_t = 40)]
        bookings: usize,
        /// How many dates a series has.
        #[arg(long, default_value_t = 10)]
        series_length: usize,
    },
    /// `CreateBooking` beside the bare calls to Google.
    Create {
        /// How many bookings of a device, and how many of a user.
        #[arg(long, default_value_t = 500)]
        bookings: usize,
    },
    /// Many who want the same slot at once.
    Contend {
        /// How many slots, one after the other.
        #[arg(long, default_value_t = 50)]
        rounds: usize,
        /// How many want each.
        #[arg(long, default_value_t = 100)]
        at_once: usize,
    },
    /// Life with random faults, and whether both sides are the same all the while.
    Soak {
        /// How long.
        #[arg(long, default_value_t = 30)]
        minutes: u64,
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
        What::Import {
            rooms,
            occurrences,
            series_length,
        } => import::run(rooms, occurrences, series_length).await,
        What::Coalescing {
            pushes,
            rooms,
            replicas,
        } => coalescing::run(pushes, rooms, replicas).await,
        What::Budget { rooms } => budget::run(rooms).await,
        What::Flicker {
            rooms,
            bookings,
            series_length,
        } => flicker::run(rooms, bookings, series_length).await,
        What::Create { bookings } => create::run(bookings).await,
        What::Contend { rounds, at_once } => contend::run(rounds, at_once).await,
        What::Soak { minutes } => soak::run(minutes).await,
        What::Push {
            clients,
            seconds,
            rounds,
        } => push::run(clients, seconds, rounds).await,
        What::Floor { amqp_url } => floor::serve(&amqp_url).await,
    }
}
