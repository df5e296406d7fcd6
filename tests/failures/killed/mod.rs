//! booking-command dies (SIGKILL) between two steps of what administrators, users and devices ask of it.
//! Itself, started again, or another replica must finish: one event and one booking, or none and it says
//! so; one connection; nothing left of one that was disconnected.

mod connect;
mod create;
mod decline;
mod disconnect;
mod scene;
mod seen;
mod undo;
