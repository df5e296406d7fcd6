//! Linked rooms that people book without pause, in Google and in Flexopus, while a test breaks something;
//! and the question that is asked afterwards.

mod people;

use std::time::Duration;

use google_sim::UserControl;
use roomsync_proto::integration::v1::TenantSettings;

pub use self::people::Traffic;
use crate::{Cluster, LinkedRoom};

/// Whose rooms they are.
pub const TENANT: &str = "acme";

/// Linked rooms, and Ana, who books them.
#[derive(Debug)]
pub struct Rooms {
    /// The rooms.
    pub linked: Vec<LinkedRoom>,
    /// Who books.
    pub ana: UserControl,
    slots: people::Slots,
}

/// What was seen when both sides agreed; of subscribers, by the first room's.
#[derive(Debug, Clone, Copy)]
pub struct Agreement {
    /// How long it took until everything was whole.
    pub whole_in: Duration,
    /// Changes.
    pub changes: usize,
    /// Of them, how many came twice.
    pub twice: usize,
    /// How often the stream was opened.
    pub opened: usize,
}

impl Rooms {
    /// So many rooms of one tenant, imported and open for booking.
    pub async fn given(cluster: &Cluster, count: usize) -> Self {
        let mut linked = Vec::with_capacity(count);
        for number in 1..=count {
            let name = format!("Room{number}");
            linked.push(cluster.given_linked_room(TENANT, &name).await);
        }
        let ana = linked[0].organisation.given_user("ana");
        let app = cluster.app();
        app.given_user(TENANT, "u-ana", ana.mail()).await;
        let settings = TenantSettings {
            decline_allowed: Some(true),
            ..TenantSettings::default()
        };
        app.put_tenant(TENANT, true, settings).await;
        let slots = people::Slots::default();
        Self { linked, ana, slots }
    }

    /// Both sides, the log and every subscriber say the same, every queue and outbox is empty, nothing is
    /// parked, Google has been told everything, and no subscriber missed a version or heard one twice with
    /// another content.
    ///
    /// # Panics
    /// When it is not so within `patience`.
    pub async fn agree(&self, cluster: &Cluster, after: &str, patience: Duration) -> Agreement {
        let whole_in = cluster.whole(patience).await;
        for room in &self.linked {
            room.subscriber.journal(|journal| {
                assert!(journal.gaps.is_empty(), "after {after}: {:?}", journal.gaps);
                let otherwise = &journal.contradictions;
                assert!(otherwise.is_empty(), "after {after}: {otherwise:?}");
            });
        }
        self.linked[0].subscriber.journal(|journal| Agreement {
            whole_in,
            changes: journal.heard.len(),
            twice: journal.duplicates,
            opened: journal.opened,
        })
    }
}
