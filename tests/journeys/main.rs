//! Suite: journeys. What people do in Google and what the main booking app then sees, through all
//! four services, real RabbitMQ and PostgreSQL, and the Google simulator.
//!
//! A journey reads as the product's promise reads: its name is a sentence, its doc says which
//! numbers it covers (`Covers R12.`), and it looks at roomsync only from outside: the gRPC API, the
//! subscriber's stream, Google's calendars. It ends with `cluster.finish()`, which asserts that
//! both sides agree and nothing is left in a queue.

mod bad_input;
mod channels;
mod coalescing;
mod full_sync;
mod healing;
mod linking;
mod links;
mod live_plan;
mod odd_events;
mod one_off;
mod people;
mod private;
mod refusals;
mod room_answers;
mod room_owners;
mod rooms;
mod scene;
mod series;
mod series_clocks;
mod series_moves;
mod series_parts;
mod watch;
mod webhooks;
mod weekly;
