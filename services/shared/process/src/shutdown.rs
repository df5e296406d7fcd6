//! The two stages of stopping.

use tokio_util::sync::CancellationToken;

/// Soft: take no new work, finish what is in hand. Hard: let go of everything.
///
/// A signal, a failed critical task or [`Shutdown::trigger`] begin the soft stage; the end of the
/// grace period or a second signal the hard one. Hard never comes without soft.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Shutdown {
    /// A shutdown nobody has asked for yet. The harness makes one per process; tests of a part of
    /// a service make their own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when no new work shall be taken.
    pub fn soft(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Cancelled when everything shall be dropped.
    pub fn hard(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Begins the soft stage. Calling it again changes nothing.
    pub fn trigger(&self) {
        self.soft.cancel();
    }

    /// Begins the hard stage.
    pub(crate) fn stop_hard(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }
}
