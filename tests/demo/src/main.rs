//! The story that `deploy/local/demo` plays: a simulated Google Workspace and the four services as
//! real processes, and what the main booking app sees, read through the gRPC API and the
//! subscriber's stream.
//!
//! `roomsync-demo --binaries DIR [--once]`; needs `DATABASE_URL`, `AMQP_URL` and
//! `RABBITMQ_MANAGEMENT_URL`. Exits 0 when the story came true.
//!
//! To add a step: a method of `Scene` in a file of `steps/`, and its line in `story.rs`.

mod scene;
mod steps;
mod story;
mod teller;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use roomsync_testkit::{Cluster, Service};

/// Every room is polled this often. Ten minutes would be usual; the story loses a push and shows who
/// finds the change all the same.
const POLL: &str = "2s";

/// Plays roomsync's story on this machine.
#[derive(Parser)]
struct Options {
    /// The folder of the services' binaries.
    #[arg(long)]
    binaries: PathBuf,
    /// End after the story instead of staying for looking around.
    #[arg(long)]
    once: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let mut builder = Cluster::builder("demo")
        .binaries(&options.binaries)
        .offering_consent()
        .set(Service::SyncWorker, "sync.poll_with_push", POLL)
        .set(Service::BookingCommand, "disconnect.look_every", "500ms");
    for service in Service::ALL {
        builder = builder.as_process(service);
    }
    let mut teller = teller::Teller::new();
    teller.says("starting the Google simulator and four services");
    let cluster = builder.start().await;
    for service in Service::ALL {
        let pid = cluster.pid(service, 0).unwrap_or_default();
        let admin = cluster.address(service, 0, "admin");
        teller.says(&format!(
            "{service}: process {pid}, metrics at http://{admin}/metrics"
        ));
    }

    let told = story::play(&cluster, &mut teller).await;
    if let Err(error) = &told {
        teller.says(&format!("the story did not come true: {error:#}"));
    }
    if !options.once {
        teller.says(&format!(
            "the simulator listens on {}; the services stay until Ctrl-C",
            cluster.google().urls().calendar_url
        ));
        // Without a signal handler there is nothing to wait for: end as with --once.
        let _ = tokio::signal::ctrl_c().await;
    }
    if told.is_err() {
        return ExitCode::FAILURE;
    }
    cluster.finish().await;
    teller.says("everything agrees, every queue is empty");
    ExitCode::SUCCESS
}
