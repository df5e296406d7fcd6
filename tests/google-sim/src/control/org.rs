//! Setting up an organisation.

use super::{Control, ControlError, NewRoom, NewUser, RoomControl, UserControl};
use crate::accounts::ServiceAccount;

/// One organisation.
#[derive(Debug, Clone)]
pub struct OrgControl {
    pub(crate) control: Control,
    pub(crate) domain: String,
}

impl OrgControl {
    /// Its domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Adds an ordinary user or, with `admin`, a super administrator.
    pub fn add_user(&self, mail: &str, admin: bool) -> Result<UserControl, ControlError> {
        self.add(NewUser {
            admin,
            ..NewUser::new(mail)
        })
    }

    /// Adds a user with all details.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the user is made for this call"
    )]
    pub fn add(&self, user: NewUser) -> Result<UserControl, ControlError> {
        self.control
            .core
            .act(|world| world.add_user(&self.domain, &user))?;
        Ok(self.control.user(&user.mail))
    }

    /// Adds a room: a Directory entry and a calendar.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the room is made for this call"
    )]
    pub fn add_room(&self, room: NewRoom) -> Result<RoomControl, ControlError> {
        let mail = self
            .control
            .core
            .act(|world| world.add_room(&self.domain, &room))?;
        Ok(self.control.room(&mail))
    }

    /// A user by address, or by its part before the `@`.
    pub fn user(&self, mail: &str) -> UserControl {
        if mail.contains('@') {
            self.control.user(mail)
        } else {
            self.control.user(&format!("{mail}@{}", self.domain))
        }
    }

    /// A room by address.
    pub fn room(&self, mail: &str) -> RoomControl {
        self.control.room(mail)
    }

    /// Grants scopes to a service account for all users: domain-wide delegation.
    pub fn delegate(&self, account: &ServiceAccount, scopes: &[&str]) -> Result<(), ControlError> {
        self.delegate_client(&account.client_id, scopes)
    }

    /// Grants scopes to a client id, replacing what it had.
    pub fn delegate_client(&self, client_id: &str, scopes: &[&str]) -> Result<(), ControlError> {
        self.control
            .core
            .act(|world| world.delegate(&self.domain, client_id, scopes))
    }

    /// Takes all scopes away from a service account; tokens already given live on.
    pub fn revoke_delegation(&self, account: &ServiceAccount) -> Result<(), ControlError> {
        self.delegate_client(&account.client_id, &[])
    }
}
