//! How many calls there may be: per user and per project in a sliding minute of each API, and the use
//! limits that leave an account read-only for hours.
//!
//! Every service account and every OAuth client here is of one Cloud project, as the key files say. A call
//! without `quotaUser` counts on whoever [`super::grants::Caller::charged`] says: by delegation that is the
//! service account, whoever it acts for (documented).

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use chrono::{DateTime, Utc};

use super::{error::ApiError, state::World};

/// An API with a quota of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Api {
    /// Calendar.
    Calendar,
    /// The Directory of the Admin SDK.
    Directory,
}

/// The calls that were let through.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    of_user: HashMap<(Api, String), Minute>,
    of_project: HashMap<Api, Minute>,
}

/// The calls of a sliding minute, the oldest first.
#[derive(Debug, Default)]
struct Minute(VecDeque<DateTime<Utc>>);

impl Minute {
    /// Whether one more fits, after forgetting those up to `begin`.
    fn takes(&mut self, begin: DateTime<Utc>, most: Option<u32>) -> bool {
        while self.0.front().is_some_and(|at| *at <= begin) {
            self.0.pop_front();
        }
        most.is_none_or(|most| self.0.len() < most as usize)
    }
}

impl World {
    /// Counts a call against the minute of its quota user and of the project; false if one of them
    /// is used up.
    pub(crate) fn admit(&mut self, api: Api, quota_user: &str) -> bool {
        let settings = &self.settings;
        let per_user = match api {
            Api::Calendar => settings.quota_per_user_per_minute,
            Api::Directory => settings.quota_directory_per_user_per_minute,
        };
        let per_project = settings.quota_per_project_per_minute;
        if per_user.is_none() && per_project.is_none() {
            return true;
        }
        let begin = self.now - settings.quota_minute;
        let of_project = self.admitted.of_project.entry(api).or_default();
        let of_user = (self.admitted.of_user)
            .entry((api, quota_user.to_owned()))
            .or_default();
        // Both are looked at, so that both forget.
        let (user, project) = (
            of_user.takes(begin, per_user),
            of_project.takes(begin, per_project),
        );
        if user && project {
            of_user.0.push_back(self.now);
            of_project.0.push_back(self.now);
        }
        user && project
    }

    /// The account has made too many changes: it cannot write for a while.
    pub(crate) fn exceed_usage_limits(&mut self, user: &str, lasts: Duration) {
        let lasts = chrono::Duration::from_std(lasts).unwrap_or(chrono::Duration::days(1));
        let until = self.now + lasts;
        self.read_only.insert(user.to_lowercase(), until);
    }

    /// Refuses a write of an account that is read-only.
    pub(crate) fn check_usage_limits(&self, user: &str) -> Result<(), ApiError> {
        match self.read_only.get(user) {
            Some(until) if *until > self.now => Err(ApiError::usage_limits_exceeded()),
            _ => Ok(()),
        }
    }
}
