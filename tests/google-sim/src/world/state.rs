//! The whole state of a simulator.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use chrono::{DateTime, Utc};

use super::{
    calendar::Calendar,
    channels::{ChannelRow, Message},
    consent::Consents,
    grants::{Account, Token},
    people::Org,
    quota::Admitted,
};
use crate::settings::Settings;

#[derive(Debug)]
pub(crate) struct World {
    /// The time of the current look or change.
    pub(crate) now: DateTime<Utc>,
    pub(crate) settings: Settings,
    pub(super) orgs: BTreeMap<String, Org>,
    pub(super) calendars: BTreeMap<String, Calendar>,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) tokens: HashMap<String, Token>,
    pub(super) channels: BTreeMap<(String, String), ChannelRow>,
    pub(super) admitted: Admitted,
    pub(super) consents: Consents,
    /// Which of the process's keys signs id tokens.
    pub(crate) signing_key: usize,
    /// Accounts that cannot write, each with when they can again.
    pub(super) read_only: BTreeMap<String, DateTime<Utc>>,
    pub(super) effects: Vec<Effect>,
    /// Counts every change of anything.
    pub(super) last_count: u64,
}

/// What follows from a change and needs time or the network.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Post a notification.
    Notify(Message),
    /// Let a room answer an invitation after a while.
    AskRoom {
        room: String,
        event: String,
        request: u64,
        delay: Duration,
    },
}

impl World {
    pub(crate) fn new(settings: Settings, now: DateTime<Utc>) -> Self {
        Self {
            now,
            settings,
            orgs: BTreeMap::new(),
            calendars: BTreeMap::new(),
            accounts: BTreeMap::new(),
            tokens: HashMap::new(),
            channels: BTreeMap::new(),
            admitted: Admitted::default(),
            consents: Consents::default(),
            signing_key: 0,
            read_only: BTreeMap::new(),
            effects: Vec::new(),
            last_count: 0,
        }
    }

    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    pub(super) fn count(&mut self) -> u64 {
        self.last_count += 1;
        self.last_count
    }
}
