//! Who changes a booking.

use crate::{DeviceId, UserId};

/// Who changed a booking, as its history tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Actor {
    /// Somebody in Google; who, Google does not say.
    #[default]
    Google,
    /// A user of the main app.
    User(UserId),
    /// A device of the main app.
    Device(DeviceId),
    /// An administrator of the tenant, if the main app says who.
    Administrator(Option<UserId>),
    /// roomsync itself: a deadline passed, a link closed, a user left.
    System,
}

impl Actor {
    /// The actor as its two columns, kind and id.
    pub fn columns(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Google => ("google", None),
            Self::User(user) => ("user", Some(user.as_str())),
            Self::Device(device) => ("device", Some(device.as_str())),
            Self::Administrator(user) => ("administrator", user.as_ref().map(UserId::as_str)),
            Self::System => ("system", None),
        }
    }
}
