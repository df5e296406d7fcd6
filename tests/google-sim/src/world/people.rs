//! Organisations, their users and rooms, and what they granted to service accounts.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use super::{
    calendar::{Calendar, Room},
    directory::Resource,
    ids,
    state::World,
};
use crate::control::{ControlError, NewRoom, NewUser};

#[derive(Debug, Default)]
pub(crate) struct Org {
    pub(crate) customer_id: String,
    pub(crate) resources: Vec<Resource>,
    pub(crate) users: BTreeMap<String, User>,
    /// Scopes by client id: domain-wide delegation.
    pub(crate) delegations: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent property of an account"
)]
pub(crate) struct User {
    pub(crate) org: String,
    /// What never changes about the account, `sub` of its id tokens.
    pub(crate) id: String,
    pub(crate) admin: bool,
    /// An administrator of resources and users, not of everything.
    pub(crate) delegated_admin: bool,
    pub(crate) aliases: BTreeSet<String>,
    pub(crate) suspended: bool,
    pub(crate) calendar_off: bool,
}

impl World {
    pub(crate) fn add_org(&mut self, domain: &str) {
        let number = self.count();
        self.orgs
            .entry(domain.to_lowercase())
            .or_insert_with(|| Org {
                customer_id: format!("C{}{number}", ids::random(7)),
                ..Org::default()
            });
    }

    pub(crate) fn add_user(&mut self, domain: &str, user: &NewUser) -> Result<(), ControlError> {
        let zone = zone(&user.time_zone)?;
        let mail = user.mail.to_lowercase();
        if !mail.contains('@') {
            return Err(ControlError::Invalid("a user needs an address".to_owned()));
        }
        let number = self.count();
        let org = self.org_mut(domain)?;
        org.users.insert(
            mail.clone(),
            User {
                org: domain.to_owned(),
                id: format!("1{number:020}"),
                admin: user.admin,
                delegated_admin: user.delegated_admin,
                aliases: user
                    .aliases
                    .iter()
                    .map(|alias| alias.to_lowercase())
                    .collect(),
                suspended: user.suspended,
                calendar_off: user.calendar_off,
            },
        );
        self.calendars
            .entry(mail.clone())
            .or_insert_with(|| Calendar::new(&mail, domain, &mail, zone, None));
        Ok(())
    }

    /// Adds a Directory entry and a calendar; returns the room's address.
    pub(crate) fn add_room(
        &mut self,
        domain: &str,
        room: &NewRoom,
    ) -> Result<String, ControlError> {
        let zone = zone(&room.time_zone)?;
        let mail = if room.mail.is_empty() {
            format!("c_{}@resource.calendar.google.com", ids::random(26))
        } else {
            room.mail.to_lowercase()
        };
        if self.calendars.contains_key(&mail) {
            return Err(ControlError::Invalid(
                "there is already a calendar of that id".to_owned(),
            ));
        }
        let resource = Resource::new(&mail, room, self.count());
        let generated_name = resource.generated_name.clone();
        self.org_mut(domain)?.resources.push(resource);
        let behaviour = Room {
            auto_accept: room.auto_accept,
            bookable_by_everyone: room.bookable_by_everyone,
        };
        let mut calendar = Calendar::new(&mail, domain, &generated_name, zone, Some(behaviour));
        calendar.push_supported = room.push_supported;
        self.calendars.insert(mail.clone(), calendar);
        Ok(mail)
    }

    pub(crate) fn change_user(
        &mut self,
        mail: &str,
        change: impl FnOnce(&mut User),
    ) -> Result<(), ControlError> {
        self.orgs
            .values_mut()
            .find_map(|org| org.users.get_mut(mail))
            .map(change)
            .ok_or_else(|| ControlError::unknown("user", mail))
    }

    pub(crate) fn list_in_directory(
        &mut self,
        mail: &str,
        listed: bool,
    ) -> Result<(), ControlError> {
        self.orgs
            .values_mut()
            .flat_map(|org| &mut org.resources)
            .find(|resource| resource.mail == mail)
            .map(|resource| resource.listed = listed)
            .ok_or_else(|| ControlError::unknown("room", mail))
    }

    /// Replaces the scopes that an organisation granted to a client id.
    pub(crate) fn delegate(
        &mut self,
        domain: &str,
        client_id: &str,
        scopes: &[&str],
    ) -> Result<(), ControlError> {
        let scopes: BTreeSet<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.org_mut(domain)?
            .delegations
            .insert(client_id.to_owned(), scopes);
        Ok(())
    }

    /// A user by primary address.
    pub(crate) fn user(&self, mail: &str) -> Option<&User> {
        self.orgs.values().find_map(|org| org.users.get(mail))
    }

    /// The primary addresses of all users.
    pub(crate) fn user_mails(&self) -> Vec<String> {
        let orgs = self.orgs.values();
        orgs.flat_map(|org| org.users.keys().cloned()).collect()
    }

    /// The primary address behind an address of a user; any other address as it is.
    pub(crate) fn primary(&self, mail: &str) -> String {
        let mail = mail.to_lowercase();
        self.orgs
            .values()
            .flat_map(|org| &org.users)
            .find(|(_, user)| user.aliases.contains(&mail))
            .map_or(mail, |(primary, _)| primary.clone())
    }

    fn org_mut(&mut self, domain: &str) -> Result<&mut Org, ControlError> {
        self.orgs
            .get_mut(&domain.to_lowercase())
            .ok_or_else(|| ControlError::unknown("organisation", domain))
    }
}

fn zone(name: &str) -> Result<Tz, ControlError> {
    if name.is_empty() {
        return Ok(Tz::UTC);
    }
    name.parse()
        .map_err(|_| ControlError::unknown("time zone", name))
}
