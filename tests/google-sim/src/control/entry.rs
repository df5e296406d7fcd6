//! The way into the control API of the same process.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    ControlError,
    org::OrgControl,
    people::{RoomControl, UserControl},
    types::{Answer, Channel},
};
use crate::{
    accounts::ServiceAccount,
    faults::{Effect, Fault, HoldGuard},
    ledger::{Call, Operation},
    push::{Push, PushFault},
    settings::Settings,
    sim::{Core, Urls},
    world::World,
};

/// Acts on a simulator in the same process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Control {
    pub(crate) core: Arc<Core>,
}

impl Control {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The addresses to configure a client with.
    pub fn urls(&self) -> &Urls {
        &self.core.urls
    }

    /// Adds an organisation; adding it again changes nothing.
    pub fn add_org(&self, domain: &str) -> OrgControl {
        self.core.act(|world| world.add_org(domain));
        self.org(domain)
    }

    /// An organisation that was added. Its methods fail if it was not.
    pub fn org(&self, domain: &str) -> OrgControl {
        OrgControl {
            control: self.clone(),
            domain: domain.to_lowercase(),
        }
    }

    /// A user of any organisation. Its methods fail if there is none.
    pub fn user(&self, mail: &str) -> UserControl {
        UserControl {
            control: self.clone(),
            mail: mail.to_lowercase(),
        }
    }

    /// A room of any organisation. Its methods fail if there is none.
    pub fn room(&self, mail: &str) -> RoomControl {
        RoomControl {
            control: self.clone(),
            mail: mail.to_lowercase(),
        }
    }

    /// Makes a service account with its own RSA key, or finds the one of this name.
    pub fn service_account(&self, name: &str) -> ServiceAccount {
        let token_url = self.core.urls.token_url.clone();
        self.core
            .act(|world| world.service_account(name, &token_url))
    }

    /// Changes the switches.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        self.core.act(|world| change(&mut world.settings));
    }

    /// Makes an access token as if the user had consented to these scopes.
    pub fn user_token(&self, user: &str, scopes: &[&str]) -> String {
        self.core.act(|world| world.consented_token(user, scopes))
    }

    /// Lets all access tokens die.
    pub fn expire_access_tokens(&self) {
        self.core.act(World::expire_access_tokens);
    }

    /// All calls so far, in order of arrival.
    pub fn ledger(&self) -> Vec<Call> {
        self.core.ledger.calls()
    }

    /// The calls of one operation so far.
    pub fn calls(&self, operation: Operation) -> Vec<Call> {
        self.ledger()
            .into_iter()
            .filter(|call| call.operation == operation)
            .collect()
    }

    /// Forgets the calls so far.
    pub fn clear_ledger(&self) {
        self.core.ledger.clear();
    }

    /// Adds a fault behind those that wait already.
    pub fn add_fault(&self, fault: Fault) {
        self.core.faults.add(fault);
    }

    /// Forgets all faults; held calls stay held.
    pub fn clear_faults(&self) {
        self.core.faults.clear();
    }

    /// Holds the next call of this operation on this calendar before it is carried out.
    pub fn hold(&self, operation: Operation, calendar: &str) -> HoldGuard {
        self.guard(operation, Some(calendar), |hold| Effect::Hold { hold })
    }

    /// Carries out the next call of this operation on this calendar and holds its answer.
    pub fn hold_answer(&self, operation: Operation, calendar: &str) -> HoldGuard {
        self.guard(operation, Some(calendar), |hold| Effect::HoldAnswer {
            hold,
        })
    }

    /// Holds the next call of this operation, whatever calendar it names, before it is carried out:
    /// for those that name none.
    pub fn hold_any(&self, operation: Operation) -> HoldGuard {
        self.guard(operation, None, |hold| Effect::Hold { hold })
    }

    /// Carries out the next call of this operation, whatever calendar it names, and holds its answer.
    pub fn hold_any_answer(&self, operation: Operation) -> HoldGuard {
        self.guard(operation, None, |hold| Effect::HoldAnswer { hold })
    }

    fn guard(
        &self,
        operation: Operation,
        calendar: Option<&str>,
        effect: impl FnOnce(u64) -> Effect,
    ) -> HoldGuard {
        let id = self.core.faults.hold(operation, calendar, effect);
        let hold = self
            .core
            .faults
            .find_hold(id)
            .expect("it was made on the line above");
        HoldGuard {
            core: self.core.clone(),
            id,
            hold,
        }
    }

    /// Adds a fault of notifications.
    pub fn add_push_fault(&self, fault: PushFault) {
        self.core.pushes.add_fault(fault);
    }

    /// Forgets the faults of notifications and delivers what was kept back.
    pub fn clear_push_faults(&self) {
        crate::push::clear_faults(&self.core);
    }

    /// All notifications so far, dropped ones too.
    pub fn pushes(&self) -> Vec<Push> {
        self.core.pushes.list()
    }

    /// The live channels.
    pub fn channels(&self) -> Vec<Channel> {
        self.core.read(World::live_channels)
    }

    /// One copy of an event, as the owner of the calendar sees it.
    pub fn event(&self, calendar: &str, event: &str) -> Result<Value, ControlError> {
        Ok(self.core.read(|world| world.owner_view(calendar, event))?)
    }

    /// All copies on a calendar, cancelled ones too, as its owner sees them.
    pub fn events(&self, calendar: &str) -> Result<Vec<Value>, ControlError> {
        Ok(self.core.read(|world| world.owner_views(calendar))?)
    }

    /// Waits until a room has answered an invitation, and returns what it said.
    pub async fn wait_room_answered(
        &self,
        room: &str,
        event: &str,
        timeout: Duration,
    ) -> Result<Answer, ControlError> {
        self.room(room).wait_answered(event, timeout).await
    }

    /// Waits until a look at the simulator finds what it wants; looks again after every change.
    pub async fn wait_for<T>(
        &self,
        timeout: Duration,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T, ControlError> {
        let mut changes = self.core.changes.subscribe();
        let wait = async {
            loop {
                changes.borrow_and_update();
                if let Some(found) = look(self) {
                    return found;
                }
                // The sender lives in the core that `self` holds.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(timeout, wait)
            .await
            .map_err(|_| ControlError::Timeout(timeout))
    }
}
