//! Either of them, by `deploy/local/server`: how a server is started and stopped is written there once,
//! for the suites' own scripts and for this.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::ports;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/local/server");
/// A server's ports: its own and those after it.
const PORTS: u16 = 4;

#[derive(Debug)]
pub(super) struct Server {
    kind: &'static str,
    port: u16,
    folder: TempDir,
}

impl Server {
    pub(super) async fn start(kind: &'static str) -> Self {
        match Self::try_start(kind).await {
            Ok(server) => server,
            Err(error) => panic!("no {kind} of the test's own: {error:#}"),
        }
    }

    async fn try_start(kind: &'static str) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("roomsync-own-")?;
        // PostgreSQL runs as a user of its own when the test runs as root.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let port = ports::take(PORTS)?;
        let server = Self { kind, port, folder };
        let test = process::id().to_string();
        server.try_run("start", Some(&test)).await?;
        Ok(server)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Runs the script, which must succeed.
    pub(super) async fn run(&self, deed: &str, more: Option<&str>) {
        if let Err(error) = self.try_run(deed, more).await {
            panic!("{} of {} failed: {error:#}", deed, self.kind);
        }
    }

    async fn try_run(&self, deed: &str, more: Option<&str>) -> anyhow::Result<()> {
        // What it starts in the background keeps what it is given, so its words go into a file.
        let words = self.folder.path().join("words");
        let file = std::fs::File::create(&words)?;
        let status = tokio::process::Command::new(SCRIPT)
            .args(self.arguments(deed))
            .args(more)
            .stdin(process::Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .status()
            .await
            .context("deploy/local/server cannot be run")?;
        let said = || std::fs::read_to_string(&words).unwrap_or_default();
        ensure!(status.success(), "it ended with {status}: {}", said());
        Ok(())
    }

    fn arguments(&self, deed: &str) -> [PathBuf; 4] {
        let data = self.folder.path().join("server");
        let port = self.port.to_string();
        [self.kind.into(), deed.into(), data, PathBuf::from(port)]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Should it fail, the script's guard does it when this process has ended.
        let _ = process::Command::new(Path::new(SCRIPT))
            .args(self.arguments("remove"))
            .stdin(process::Stdio::null())
            .stdout(process::Stdio::null())
            .stderr(process::Stdio::null())
            .status();
    }
}
