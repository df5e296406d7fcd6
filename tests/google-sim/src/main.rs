//! Serves the simulator until it is interrupted.
#![expect(
    clippy::print_stdout,
    reason = "a tool for the terminal: it says where it listens"
)]

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use google_sim::{Sim, SimConfig};

/// A Google Workspace simulator: Calendar, Directory, token endpoint and push.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8085")]
    listen: String,
    /// JSON file with an array of control commands to begin with; the README shows one.
    #[arg(long)]
    seed: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let seed = match &options.seed {
        None => Vec::new(),
        Some(path) => {
            let text = std::fs::read(path)
                .with_context(|| format!("failed to read {}", path.display()))?;
            serde_json::from_slice(&text)
                .with_context(|| format!("{} is no list of commands", path.display()))?
        }
    };
    let sim = Sim::start(SimConfig {
        listen: options.listen,
        seed,
        ..SimConfig::default()
    })
    .await?;
    println!("google-sim listens on {}", sim.base_url);
    println!("  google.calendar_url  = {}", sim.urls.calendar_url);
    println!("  google.directory_url = {}", sim.urls.directory_url);
    println!("  google.token_url     = {}", sim.urls.token_url);
    tokio::signal::ctrl_c()
        .await
        .context("failed to wait for the interrupt")?;
    sim.shutdown().await;
    Ok(())
}
