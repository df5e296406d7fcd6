//! Suite: journeys. What people do in Google and what the main booking app then sees, through all
//! four services, real RabbitMQ and PostgreSQL, and the Google simulator.
//!
//! A journey reads as the product's promise reads: its name is a sentence, its doc says which
//! numbers it covers (`Covers R12.`), and it looks at roomsync only from outside: the gRPC API, the
//! subscriber's stream, Google's calendars. It ends with `cluster.finish()`, which asserts that
//! both sides agree and nothing is left in a queue.

mod alternatives;
mod anonymise;
mod another_account;
mod bad_input;
mod before_google;
mod booking_device;
mod booking_google;
mod booking_input;
mod booking_refused;
mod booking_rights;
mod booking_shared;
mod booking_trouble;
mod booking_user;
mod busy_object;
mod channels;
mod channels_lost;
mod coalescing;
mod connect;
mod connect_again;
mod connect_gate;
mod connect_once;
mod connect_refused;
mod connect_scopes;
mod connect_takeover;
mod connect_waiting;
mod connection_lost;
mod contention;
mod declining;
mod declining_refused;
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
mod latency;
mod left_behind;
mod linking;
mod links;
mod listed_before;
mod live_plan;
mod mail;
mod managed;
mod meanwhile;
mod mirrored_writes;
mod module_off;
mod not_granted;
mod occupancy;
mod odd_events;
mod one_grant;
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
mod slow_streams;
mod status;
mod undecided;
mod unknown_bookers;
mod untouched;
mod watch;
mod webhooks;
mod webhooks_again;
mod weekly;
mod withdrawing;
