//! What makes Google hard to live with: odd events, storms of changes, calendars and accounts that
//! come and go.

use std::time::Duration;

use super::{
    Control, ControlError,
    people::{RoomControl, UserControl},
};
use crate::world::{Oddity, When};

impl UserControl {
    /// Gives the event new times, one after the other, without a pause.
    pub fn move_event_often(
        &self,
        event: &str,
        times: Vec<(When, When)>,
    ) -> Result<(), ControlError> {
        for (start, end) in times {
            self.move_event(event, start, end)?;
        }
        Ok(())
    }

    /// The account has written too much: 403 `quotaExceeded` to everything it writes for a while.
    pub fn exceed_usage_limits(&self, lasts: Duration) {
        self.control
            .core
            .act(|world| world.exceed_usage_limits(&self.mail, lasts));
    }

    /// Makes the user a super administrator, or an ordinary user again.
    pub fn set_admin(&self, admin: bool) -> Result<(), ControlError> {
        self.control
            .core
            .act(|world| world.change_user(&self.mail, |user| user.admin = admin))
    }
}

impl RoomControl {
    /// Lets a copy look odd wherever it is shown; an empty list makes it look as it is.
    pub fn make_odd(&self, event: &str, oddities: &[Oddity]) -> Result<(), ControlError> {
        self.control.make_odd(&self.mail, event, oddities)
    }

    /// The room's calendar answers 404 to everybody while the Directory still lists the room.
    pub fn take_calendar_away(&self, gone: bool) -> Result<(), ControlError> {
        self.change(|calendar| calendar.gone = gone)
    }
}

impl Control {
    /// Lets a copy on a calendar look odd wherever it is shown.
    pub fn make_odd(
        &self,
        calendar: &str,
        event: &str,
        oddities: &[Oddity],
    ) -> Result<(), ControlError> {
        Ok(self
            .core
            .act(|world| world.make_odd(calendar, event, oddities))?)
    }
}
