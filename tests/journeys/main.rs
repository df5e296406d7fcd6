//! Suite: journeys. What people do in Google and what the main booking app then sees, through all
//! four services, real RabbitMQ and PostgreSQL, and the Google simulator.
//!
//! A journey reads as the product's promise reads: its name is a sentence, its doc says which
//! numbers it covers (`Covers R12.`), and it looks at roomsync only from outside: the gRPC API, the
//! subscriber's stream, Google's calendars. It ends with `cluster.finish()`, which asserts that
//! both sides agree and nothing is left in a queue.

mod alternatives;
mod anonymise;
mod bad_input;
mod booking_device;
mod booking_input;
mod booking_refused;
mod booking_shared;
mod booking_trouble;
mod booking_user;
mod channels;
mod coalescing;
mod connect;
mod connect_again;
mod connect_gate;
mod connect_refused;
mod connect_scopes;
mod connect_takeover;
mod connect_waiting;
mod contention;
mod declining;
mod declining_series;
mod declining_troubles;
mod device_bookings;
mod disconnect;
mod display;
mod ending_input;
mod full_sync;
mod guest_leaves;
mod healing;
mod history;
mod linking;
mod links;
mod live_plan;
mod mail;
mod managed;
mod mirrored_writes;
mod module_off;
mod occupancy;
mod odd_events;
mod one_off;
mod people;
mod private;
mod read_only;
mod refusals;
mod resets;
mod room_answers;
mod room_owners;
mod rooms;
mod scene;
mod series;
mod series_clocks;
mod series_moves;
mod series_parts;
mod status;
mod undecided;
mod unknown_bookers;
mod untouched;
mod watch;
mod webhooks;
mod weekly;
mod withdrawing;
