//! Every call that reached the simulator, with who made it and how it was answered.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::http::Method;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::world::Api;

/// What a call asks of Google.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `events.list`
    List,
    /// `events.instances`
    Instances,
    /// `events.get`
    Get,
    /// `events.insert`
    Insert,
    /// `events.patch`
    Patch,
    /// `events.update`
    Update,
    /// `events.delete`
    Delete,
    /// `events.move`
    Move,
    /// `events.watch`
    Watch,
    /// `channels.stop`
    Stop,
    /// `resources.calendars.list`
    ResourcesList,
    /// `resources.calendars.get`
    ResourcesGet,
    /// `calendars.get`
    CalendarGet,
    /// `calendars.insert`
    CalendarInsert,
    /// `freeBusy.query`
    FreeBusy,
    /// `users.get`
    UsersGet,
    /// The page on which users consent.
    Authorize,
    /// The revocation endpoint.
    Revoke,
    /// The keys of id tokens.
    Certs,
    /// The OAuth token endpoint.
    Token,
}

impl Operation {
    /// Whether it changes something in a calendar.
    pub(crate) fn writes(self) -> bool {
        matches!(
            self,
            Self::Insert
                | Self::Patch
                | Self::Update
                | Self::Delete
                | Self::Move
                | Self::CalendarInsert
        )
    }

    /// Whether it is one of OAuth's endpoints, which take no access token.
    pub(crate) fn is_oauth(self) -> bool {
        matches!(
            self,
            Self::Authorize | Self::Revoke | Self::Certs | Self::Token
        )
    }

    /// The API whose quota it uses up.
    pub(crate) fn api(self) -> Api {
        match self {
            Self::ResourcesList | Self::ResourcesGet | Self::UsersGet => Api::Directory,
            _ => Api::Calendar,
        }
    }

    /// The operation behind a method and a route's template.
    pub(crate) fn of(method: &Method, template: &str) -> Option<Self> {
        let (_, tail) = template.rsplit_once('/')?;
        Some(match (method.as_str(), tail) {
            ("GET", "events") => Self::List,
            ("POST", "events") => Self::Insert,
            ("GET", "instances") => Self::Instances,
            ("GET", "{event}") => Self::Get,
            ("PATCH", "{event}") => Self::Patch,
            ("PUT", "{event}") => Self::Update,
            ("DELETE", "{event}") => Self::Delete,
            ("POST", "move") => Self::Move,
            ("POST", "freeBusy") => Self::FreeBusy,
            ("GET", "{user}") => Self::UsersGet,
            ("POST", "watch") => Self::Watch,
            ("POST", "stop") => Self::Stop,
            ("GET", "{calendar}") => Self::CalendarGet,
            ("POST", "calendars") => Self::CalendarInsert,
            ("GET", "calendars") => Self::ResourcesList,
            ("GET", "{resource}") => Self::ResourcesGet,
            ("GET", "auth") => Self::Authorize,
            ("POST", "revoke") => Self::Revoke,
            ("GET", "certs") => Self::Certs,
            ("POST", "token") => Self::Token,
            _ => return None,
        })
    }
}

/// One call to the simulator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// Counts from 1 in order of arrival.
    pub number: u64,
    /// When it arrived.
    pub at: DateTime<Utc>,
    /// What it asked for.
    pub operation: Operation,
    /// The HTTP method.
    pub method: String,
    /// The route's template, such as `/calendar/v3/calendars/{calendar}/events`.
    pub template: String,
    /// The calendar that it names.
    pub calendar: Option<String>,
    /// The user on whose behalf it was made: the token's owner, or the grant's `sub`.
    pub subject: Option<String>,
    /// The OAuth client that made it.
    pub client: Option<String>,
    /// Who is charged: `quotaUser` if it was sent, else the service account or the subject.
    pub quota_user: Option<String>,
    /// Its query parameters.
    pub query: BTreeMap<String, String>,
    /// The status it was answered with; `None` while it runs, and when caller or
    /// connection went away before the answer.
    pub status: Option<u16>,
    /// The reason of a refusal.
    pub reason: Option<String>,
    /// When it was answered; `None` while it runs.
    #[serde(default)]
    pub answered_at: Option<DateTime<Utc>>,
}

/// The list of calls, in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    calls: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    last: u64,
    calls: Vec<Call>,
}

impl Ledger {
    /// Enters a call and returns its number.
    pub(crate) fn begin(&self, mut call: Call) -> u64 {
        let mut book = self.lock();
        book.last += 1;
        call.number = book.last;
        book.calls.push(call);
        book.last
    }

    /// Notes whose token a grant asked for.
    pub(crate) fn name(&self, number: u64, subject: &str) {
        let mut book = self.lock();
        if let Ok(position) = book.calls.binary_search_by_key(&number, |call| call.number) {
            book.calls[position].subject = Some(subject.to_lowercase());
        }
    }

    /// Notes how a call was answered.
    pub(crate) fn finish(
        &self,
        number: u64,
        at: DateTime<Utc>,
        status: Option<u16>,
        reason: Option<String>,
    ) {
        let mut book = self.lock();
        if let Ok(position) = book.calls.binary_search_by_key(&number, |call| call.number) {
            let call = &mut book.calls[position];
            call.status = status;
            call.reason = reason;
            call.answered_at = Some(at);
        }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    pub(crate) fn clear(&self) {
        self.lock().calls.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
