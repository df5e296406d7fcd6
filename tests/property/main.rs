//! Suite: property. Random sequences of everything people do to linked rooms, with random troubles
//! between; in the end `ListBookings`, the stream and Google's rooms say the same.
//!
//! A failing sequence is shortened and its seed kept in `regressions.txt` (`regressions_both.txt`), which
//! every run plays first: commit it with the fix. `ROOMSYNC_PROPERTY_CASES` says how many sequences are
//! played, `ROOMSYNC_PROPERTY_WORKERS` how many at once, `ROOMSYNC_PROPERTY_SEED` which ones (every run
//! prints its seed; which worker gets which depends on their number).
//!
//! What people do in Google: `sequence.rs` says what, `google.rs` does it, `play.rs` compares. What
//! Flexopus does beside it: `deeds.rs` says what, `desk.rs` does it, `ours.rs` says what must hold of
//! bookings made there. `run.rs` runs both.

mod deeds;
mod desk;
mod google;
mod house;
mod ours;
mod play;
mod run;
mod sequence;

use crate::{deeds::Interplay, sequence::Sequence};

/// Covers R11, R15, R16, R17, R18, R19, R20, R21, R22, R24, R53, D9, D10, D13, D18, D26, B10, B17.
#[test]
fn whatever_people_do_in_google_both_sides_say_the_same_in_the_end() {
    run::run::<Sequence>();
}

/// Covers R26, R27, R28, R53, R61, R62, R63, R64, R67, D1, D8, D24, D25, B6, B7.
#[test]
fn whatever_both_sides_do_they_agree_in_the_end() {
    run::run::<Interplay>();
}
