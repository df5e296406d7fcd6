//! How many calls there may be: per user and per project in a sliding minute, and the use limits
//! that leave an account read-only for hours.

use std::time::Duration;

use super::{error::ApiError, state::World};

impl World {
    /// Counts a call against the minute of its quota user and of its project; false if one of them
    /// is used up.
    pub(crate) fn admit(&mut self, client: &str, quota_user: &str) -> bool {
        let per_user = self.settings.quota_per_user_per_minute;
        let per_project = self.settings.quota_per_project_per_minute;
        if per_user.is_none() && per_project.is_none() {
            return true;
        }
        let begin = self.now - chrono::Duration::minutes(1);
        let mut of_project = 0;
        for ((project, _), calls) in &mut self.calls {
            if project == client {
                calls.retain(|at| *at > begin);
                of_project += calls.len();
            }
        }
        let calls = self
            .calls
            .entry((client.to_owned(), quota_user.to_owned()))
            .or_default();
        let below = |count: usize, most: Option<u32>| most.is_none_or(|most| count < most as usize);
        let admitted = below(calls.len(), per_user) && below(of_project, per_project);
        if admitted {
            calls.push(self.now);
        }
        admitted
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
