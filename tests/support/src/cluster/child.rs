//! A service as a real process: for what a runtime that is dropped cannot show.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use tokio::{process, time::timeout};

/// How long a process may take to end.
const GRACE: Duration = Duration::from_secs(40);
/// How much of a log is shown when something went wrong.
const TAIL: usize = 4000;

/// A running process. It is killed when this is dropped.
pub(crate) struct Child {
    process: process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts a binary with this configuration and nothing of our environment.
    pub(crate) fn spawn(binary: &Path, config: &Path) -> anyhow::Result<Self> {
        ensure!(
            binary.exists(),
            "{} does not exist: build it with `cargo build --workspace --bins`",
            binary.display()
        );
        let log = config.with_extension("log");
        let output = File::options().create(true).append(true).open(&log)?;
        let process = process::Command::new(binary)
            .arg("run")
            .arg("--config")
            .arg(config)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("failed to start {}", binary.display()))?;
        Ok(Self { process, log })
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// The end of what it logged.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let start = text.len().saturating_sub(TAIL);
        let start = (start..text.len())
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(start);
        text[start..].to_owned()
    }

    /// SIGKILL.
    pub(crate) async fn kill(mut self) {
        // It may have died by itself, which is just as dead.
        let _ = self.process.kill().await;
    }

    /// SIGTERM, and waits until it has ended well.
    pub(crate) async fn terminate(mut self) -> anyhow::Result<()> {
        let Some(pid) = self.process.id() else {
            bail!("it had ended by itself\n{}", self.log())
        };
        // The standard library has no SIGTERM, and one signal is not worth a crate.
        let told = process::Command::new("kill")
            .arg("-TERM")
            .arg(pid.to_string())
            .status()
            .await?;
        ensure!(told.success(), "failed to send SIGTERM");
        let ended = timeout(GRACE, self.process.wait())
            .await
            .with_context(|| format!("still there {GRACE:?} after SIGTERM\n{}", self.log()))??;
        ensure!(ended.success(), "it ended with {ended}\n{}", self.log());
        Ok(())
    }
}

/// The folder of the binaries: two above a test's own (`target/debug/deps/x`), one above a binary's.
pub(crate) fn binaries() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("the test has no folder")?;
    let is_deps = folder.file_name().is_some_and(|name| name == "deps");
    Ok(if is_deps {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    }
    .to_owned())
}
