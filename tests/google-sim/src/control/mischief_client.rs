//! Switches and mischief over HTTP; see `control/mischief.rs` and `Settings`.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Answer, Command, ControlClient, ControlError, client::millis};
use crate::world::{Oddity, When};

impl ControlClient {
    /// Changes switches: an object with some of the fields of `Settings`.
    pub async fn configure(&self, settings: Map<String, Value>) -> Result<(), ControlError> {
        self.ask(Command::Configure { settings }).await
    }

    /// Whether a room answers by itself.
    pub async fn auto_accept(&self, room: &str, on: bool) -> Result<(), ControlError> {
        self.ask(Command::AutoAccept {
            room: room.to_owned(),
            on,
        })
        .await
    }

    /// Answers an invitation as the calendar's owner.
    pub async fn respond(
        &self,
        calendar: &str,
        event: &str,
        answer: Answer,
    ) -> Result<(), ControlError> {
        self.ask(Command::Respond {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            answer,
        })
        .await
    }

    /// Gives an event new times, one after the other, without a pause.
    pub async fn move_event_often(
        &self,
        calendar: &str,
        event: &str,
        times: Vec<(When, When)>,
    ) -> Result<(), ControlError> {
        self.ask(Command::MoveEventOften {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            times,
        })
        .await
    }

    /// Lets a copy look odd wherever it is shown.
    pub async fn make_odd(
        &self,
        calendar: &str,
        event: &str,
        oddities: &[Oddity],
    ) -> Result<(), ControlError> {
        self.ask(Command::MakeOdd {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            oddities: oddities.to_vec(),
        })
        .await
    }

    /// A room's calendar answers 404 to everybody while the Directory still lists the room.
    pub async fn take_calendar_away(&self, room: &str, gone: bool) -> Result<(), ControlError> {
        self.ask(Command::TakeCalendarAway {
            room: room.to_owned(),
            gone,
        })
        .await
    }

    /// 403 `quotaExceeded` to everything that an account writes for a while.
    pub async fn exceed_usage_limits(
        &self,
        user: &str,
        lasts: Duration,
    ) -> Result<(), ControlError> {
        self.ask(Command::ExceedUsageLimits {
            user: user.to_owned(),
            lasts_ms: millis(lasts),
        })
        .await
    }
}
