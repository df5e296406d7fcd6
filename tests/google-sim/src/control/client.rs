//! The control API over HTTP, for a simulator in another process.

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Answer, Channel, Command, ControlError, HoldId, NewEvent, NewRoom, NewUser};
use crate::{
    faults::Fault,
    ledger::{Call, Operation},
    push::{Push, PushFault},
    sim::Urls,
    world::{Role, When},
};

/// Drives a `google-sim` in another process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ControlClient {
    base_url: String,
    client: reqwest::Client,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Refusal {
    Refused {
        status: u16,
        reason: String,
        message: String,
    },
    Unknown {
        what: String,
        name: String,
    },
    Timeout {
        after_ms: u64,
    },
    Invalid {
        message: String,
    },
}

impl ControlClient {
    /// A client of the simulator at an address such as `http://127.0.0.1:8085`.
    pub fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            client: reqwest::Client::new(),
        }
    }

    /// The addresses to configure a Google client with.
    pub fn urls(&self) -> Urls {
        Urls::under(&self.base_url)
    }

    /// Carries out one command.
    pub async fn execute(&self, command: &Command) -> Result<Value, ControlError> {
        let mut body = serde_json::to_value(command).map_err(ControlError::Unreadable)?;
        let action = body
            .as_object_mut()
            .and_then(|fields| fields.remove("action"))
            .and_then(|action| action.as_str().map(str::to_owned))
            .unwrap_or_default();
        let response = self
            .client
            .post(format!("{}/control/{action}", self.base_url))
            .json(&body)
            .send()
            .await
            .map_err(ControlError::Unreachable)?;
        let succeeded = response.status().is_success();
        let answer = response.bytes().await.map_err(ControlError::Unreachable)?;
        if succeeded {
            return serde_json::from_slice(&answer).map_err(ControlError::Unreadable);
        }
        Err(
            match serde_json::from_slice(&answer).map_err(ControlError::Unreadable)? {
                Refusal::Refused {
                    status,
                    reason,
                    message,
                } => ControlError::Refused {
                    status,
                    reason,
                    message,
                },
                Refusal::Unknown { what, name } => ControlError::Unknown { what, name },
                Refusal::Timeout { after_ms } => {
                    ControlError::Timeout(Duration::from_millis(after_ms))
                }
                Refusal::Invalid { message } => ControlError::Invalid(message),
            },
        )
    }

    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        command: Command,
    ) -> Result<T, ControlError> {
        serde_json::from_value(self.execute(&command).await?).map_err(ControlError::Unreadable)
    }

    /// Waits until the simulator answers.
    pub async fn wait_until_up(&self, timeout: Duration) -> Result<(), ControlError> {
        let wait = async {
            while self.execute(&Command::Channels).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(timeout, wait)
            .await
            .map_err(|_| ControlError::Timeout(timeout))
    }

    /// Adds an organisation; adding it again changes nothing.
    pub async fn add_org(&self, domain: &str) -> Result<(), ControlError> {
        self.ask(Command::AddOrg {
            domain: domain.to_owned(),
        })
        .await
    }

    /// Adds a user; returns the address.
    pub async fn add_user(&self, org: &str, user: NewUser) -> Result<String, ControlError> {
        self.ask(Command::AddUser {
            org: org.to_owned(),
            user,
        })
        .await
    }

    /// Adds a room; returns its address.
    pub async fn add_room(&self, org: &str, room: NewRoom) -> Result<String, ControlError> {
        self.ask(Command::AddRoom {
            org: org.to_owned(),
            room,
        })
        .await
    }

    /// Makes a service account, or finds the one of this name; returns its key file.
    pub async fn service_account(&self, name: &str) -> Result<Value, ControlError> {
        self.ask(Command::ServiceAccount {
            name: name.to_owned(),
        })
        .await
    }

    /// Grants scopes to a client id: domain-wide delegation.
    pub async fn delegate(
        &self,
        org: &str,
        client_id: &str,
        scopes: &[&str],
    ) -> Result<(), ControlError> {
        self.ask(Command::Delegate {
            org: org.to_owned(),
            client_id: client_id.to_owned(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        })
        .await
    }

    /// Takes all scopes away from a client id.
    pub async fn revoke_delegation(&self, org: &str, client_id: &str) -> Result<(), ControlError> {
        self.ask(Command::RevokeDelegation {
            org: org.to_owned(),
            client_id: client_id.to_owned(),
        })
        .await
    }

    /// Gives somebody a role on a calendar.
    pub async fn share(&self, calendar: &str, with: &str, role: Role) -> Result<(), ControlError> {
        self.ask(Command::Share {
            calendar: calendar.to_owned(),
            with: with.to_owned(),
            role,
        })
        .await
    }

    /// Creates an event on a user's calendar as that user; returns its id.
    pub async fn insert_event(
        &self,
        calendar: &str,
        event: NewEvent,
    ) -> Result<String, ControlError> {
        self.ask(Command::InsertEvent {
            calendar: calendar.to_owned(),
            actor: None,
            event,
        })
        .await
    }

    /// Changes fields of an event, as seen from a calendar.
    pub async fn patch_event(
        &self,
        calendar: &str,
        event: &str,
        changes: serde_json::Map<String, Value>,
    ) -> Result<(), ControlError> {
        self.ask(Command::PatchEvent {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            changes,
        })
        .await
    }

    /// Gives an event new times.
    pub async fn move_event(
        &self,
        calendar: &str,
        event: &str,
        start: When,
        end: When,
    ) -> Result<(), ControlError> {
        self.ask(Command::MoveEvent {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            start,
            end,
        })
        .await
    }

    /// Adds a room to an event.
    pub async fn invite_room(
        &self,
        calendar: &str,
        event: &str,
        room: &str,
    ) -> Result<(), ControlError> {
        self.ask(Command::InviteRoom {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            room: room.to_owned(),
        })
        .await
    }

    /// Takes a room off an event.
    pub async fn uninvite_room(
        &self,
        calendar: &str,
        event: &str,
        room: &str,
    ) -> Result<(), ControlError> {
        self.ask(Command::UninviteRoom {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            room: room.to_owned(),
        })
        .await
    }

    /// Replaces one room of an event by another in one edit.
    pub async fn swap_room(
        &self,
        calendar: &str,
        event: &str,
        from: &str,
        to: &str,
    ) -> Result<(), ControlError> {
        self.ask(Command::SwapRoom {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        })
        .await
    }

    /// Deletes an event from a calendar.
    pub async fn cancel_event(&self, calendar: &str, event: &str) -> Result<(), ControlError> {
        self.ask(Command::CancelEvent {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
        })
        .await
    }

    /// Waits until the room has answered an invitation; returns what it said.
    pub async fn wait_room_answered(
        &self,
        room: &str,
        event: &str,
        timeout: Duration,
    ) -> Result<Answer, ControlError> {
        self.ask(Command::WaitRoomAnswered {
            room: room.to_owned(),
            event: event.to_owned(),
            timeout_ms: millis(timeout),
        })
        .await
    }

    /// One copy of an event, as the owner of the calendar sees it.
    pub async fn event(&self, calendar: &str, event: &str) -> Result<Value, ControlError> {
        self.ask(Command::Event {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
        })
        .await
    }

    /// All copies on a calendar, cancelled ones too.
    pub async fn events(&self, calendar: &str) -> Result<Vec<Value>, ControlError> {
        self.ask(Command::Events {
            calendar: calendar.to_owned(),
        })
        .await
    }

    /// Makes an access token as if the user had consented to these scopes.
    pub async fn user_token(&self, user: &str, scopes: &[&str]) -> Result<String, ControlError> {
        self.ask(Command::UserToken {
            user: user.to_owned(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        })
        .await
    }

    /// All calls so far.
    pub async fn ledger(&self) -> Result<Vec<Call>, ControlError> {
        self.ask(Command::Ledger).await
    }

    /// Adds a fault.
    pub async fn add_fault(&self, fault: Fault) -> Result<(), ControlError> {
        self.ask(Command::AddFault { fault }).await
    }

    /// Holds the next call of this operation on this calendar before it is carried out.
    pub async fn hold(&self, operation: Operation, calendar: &str) -> Result<HoldId, ControlError> {
        self.ask(Command::Hold {
            operation,
            calendar: Some(calendar.to_owned()),
            answer: false,
        })
        .await
    }

    /// Waits until a call stands still in the hold.
    pub async fn wait_held(&self, hold: HoldId, timeout: Duration) -> Result<(), ControlError> {
        self.ask(Command::WaitHeld {
            hold,
            timeout_ms: millis(timeout),
        })
        .await
    }

    /// Lets a held call go on.
    pub async fn release(&self, hold: HoldId) -> Result<(), ControlError> {
        self.ask(Command::Release { hold }).await
    }

    /// Adds a fault of notifications.
    pub async fn add_push_fault(&self, fault: PushFault) -> Result<(), ControlError> {
        self.ask(Command::AddPushFault { fault }).await
    }

    /// All notifications so far.
    pub async fn pushes(&self) -> Result<Vec<Push>, ControlError> {
        self.ask(Command::Pushes).await
    }

    /// The live channels.
    pub async fn channels(&self) -> Result<Vec<Channel>, ControlError> {
        self.ask(Command::Channels).await
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
