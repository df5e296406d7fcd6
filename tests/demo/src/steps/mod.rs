//! The steps of the story, by subject. Each acts as somebody at Google, waits for what the booking app
//! sees of it, checks it and tells how long it took.

mod booked_here;
mod disconnected;
mod hand_over;
mod lost_push;
mod rooms;
mod series;
mod single;
