//! The words of what Flexopus asks of Google: where a booking's event is made, and what has yet to be
//! written.

use crate::words::words;

words! {
    /// Where we made a booking's event.
    Placement {
        /// In the booker's own primary calendar, in the booker's name (delegation).
        UserCalendar = "user_calendar",
        /// In the connection's calendar "Flexopus", with the booker as guest.
        SharedCalendar = "shared_calendar",
        /// Straight on the room's calendar: a device's booking. The room is the organizer.
        RoomCalendar = "room_calendar",
    }
}

words! {
    /// What Google has yet to be told about a booking.
    GoogleWrite {
        /// Make its event.
        Insert = "insert",
        /// Take back what we made: delete the event, if it is still what we wrote.
        Undo = "undo",
        /// The room declines this one.
        Decline = "decline",
        /// The room declines the series, with every future date.
        DeclineSeries = "decline_series",
    }
}
