//! Acting on series over HTTP; see `control/series.rs`.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{Answer, Command, ControlClient, ControlError};
use crate::world::When;

impl ControlClient {
    /// Changes fields of one occurrence; returns its id.
    pub async fn change_occurrence(
        &self,
        calendar: &str,
        event: &str,
        original_start: When,
        changes: Map<String, Value>,
    ) -> Result<String, ControlError> {
        self.ask(Command::ChangeOccurrence {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            original_start,
            changes,
        })
        .await
    }

    /// Gives one occurrence new times; returns its id.
    pub async fn move_occurrence(
        &self,
        calendar: &str,
        event: &str,
        original_start: When,
        start: When,
        end: When,
    ) -> Result<String, ControlError> {
        self.ask(Command::MoveOccurrence {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            original_start,
            start,
            end,
        })
        .await
    }

    /// Cancels one occurrence; returns its id.
    pub async fn cancel_occurrence(
        &self,
        calendar: &str,
        event: &str,
        original_start: When,
    ) -> Result<String, ControlError> {
        self.ask(Command::CancelOccurrence {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            original_start,
        })
        .await
    }

    /// Adds a room to one occurrence only; returns the occurrence's id.
    pub async fn invite_room_to_occurrence(
        &self,
        calendar: &str,
        event: &str,
        original_start: When,
        room: &str,
    ) -> Result<String, ControlError> {
        self.ask(Command::InviteRoomToOccurrence {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            original_start,
            room: room.to_owned(),
        })
        .await
    }

    /// "This and following"; returns the new series' id.
    pub async fn split_series(
        &self,
        calendar: &str,
        event: &str,
        original_start: When,
        changes: Map<String, Value>,
    ) -> Result<String, ControlError> {
        self.ask(Command::SplitSeries {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            original_start,
            changes,
        })
        .await
    }

    /// Answers one occurrence as the calendar's owner; returns its id.
    pub async fn respond_occurrence(
        &self,
        calendar: &str,
        event: &str,
        original_start: When,
        answer: Answer,
    ) -> Result<String, ControlError> {
        self.ask(Command::RespondOccurrence {
            calendar: calendar.to_owned(),
            event: event.to_owned(),
            original_start,
            answer,
        })
        .await
    }

    /// What takes place on a calendar between two instants, series expanded.
    pub async fn occurrences(
        &self,
        calendar: &str,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Value>, ControlError> {
        self.ask(Command::Occurrences {
            calendar: calendar.to_owned(),
            from,
            to,
        })
        .await
    }
}
