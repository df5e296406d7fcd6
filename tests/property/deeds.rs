//! What Flexopus does to linked rooms beside everything that people do in Google meanwhile, and what goes
//! wrong when it writes. Plain data, like `sequence.rs`.
//!
//! To add something that Flexopus does: a variant here, a line in the strategy below, an arm in
//! `desk.rs`.

use proptest::prelude::*;

use crate::sequence::{Act, ROOMS, Slot, Weather, act, slot, weather};

/// How many users of the main app book: two whom Google knows, one whom it does not.
pub(crate) const BOOKERS: usize = 3;
/// How many devices.
pub(crate) const DEVICES: usize = 2;

/// A whole case of the second test.
#[derive(Debug, Clone)]
pub(crate) struct Interplay {
    pub(crate) weather: Weather,
    pub(crate) steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Google(Act),
    Flexopus(Deed),
    Writing(WriteTrouble),
}

/// Who books.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    User(usize),
    Device(usize),
}

/// Who wants a booking to end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asker {
    /// Whose booking it is.
    Owner,
    User(usize),
    Administrator,
    Device(usize),
}

/// What Flexopus does.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Book {
        by: By,
        room: usize,
        slot: Slot,
        quarters: i64,
        /// How long the call waits for Google, in milliseconds.
        patience: u64,
        /// Goes on before it is answered.
        meanwhile: bool,
    },
    /// The same call as an earlier one.
    Again { wish: usize, meanwhile: bool },
    Delete {
        room: usize,
        booking: usize,
        asker: Asker,
        series: bool,
        meanwhile: bool,
    },
    /// The tenant's option to decline from Flexopus.
    AllowDeclining(bool),
}

/// Which of our writes meets a trouble.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Write {
    Insert,
    Patch,
    Delete,
    /// Reading an event before it is changed.
    Get,
}

/// What goes wrong with the next write.
#[derive(Debug, Clone)]
pub(crate) enum WriteTrouble {
    Unavailable(Write, u32),
    Throttled(Write),
    /// Written, and the answer is lost: the next try meets a conflict.
    AnswerLost(Write),
    ConnectionClosed(Write),
    Html(Write),
    Late(Write, u64),
}

impl Step {
    /// In one word, for the count of what was done.
    pub(crate) fn word(&self) -> String {
        let debug = match self {
            Self::Google(act) => return act.word(),
            Self::Flexopus(deed) => format!("{deed:?}"),
            Self::Writing(trouble) => format!("{trouble:?}"),
        };
        let word = debug.split(|c: char| !c.is_alphanumeric()).next();
        word.unwrap_or_default().to_owned()
    }
}

/// Sequences of so many steps.
pub(crate) fn interplays(steps: std::ops::Range<usize>) -> impl Strategy<Value = Interplay> {
    (weather(), prop::collection::vec(step(), steps))
        .prop_map(|(weather, steps)| Interplay { weather, steps })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => act().prop_map(|act| Step::Google(unwatched(act))),
        9 => deed().prop_map(Step::Flexopus),
        2 => trouble().prop_map(Step::Writing),
    ]
}

/// That moved bookings keep their ids is the first test's: here others come and go meanwhile.
fn unwatched(act: Act) -> Act {
    match act {
        Act::Edit {
            event, date, edit, ..
        } => Act::Edit {
            event,
            date,
            edit,
            watched: false,
        },
        other => other,
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    let by = prop_oneof![
        3 => (0..BOOKERS).prop_map(By::User),
        2 => (0..DEVICES).prop_map(By::Device),
    ];
    let asker = prop_oneof![
        4 => Just(Asker::Owner),
        1 => (0..BOOKERS).prop_map(Asker::User),
        2 => Just(Asker::Administrator),
        2 => (0..DEVICES).prop_map(Asker::Device),
    ];
    let patience = prop_oneof![3 => Just(4000_u64), 1 => Just(300_u64)];
    let meanwhile = || prop::bool::weighted(0.6);
    let quarters = prop_oneof![10 => 1..9_i64, 1 => 97..250_i64];
    prop_oneof![
        8 => (by, 0..ROOMS, slot(), quarters, patience, meanwhile()).prop_map(
            |(by, room, slot, quarters, patience, meanwhile)| Deed::Book {
                by, room, slot, quarters, patience, meanwhile,
            }
        ),
        2 => (0..8_usize, meanwhile())
            .prop_map(|(wish, meanwhile)| Deed::Again { wish, meanwhile }),
        6 => (0..ROOMS, 0..8_usize, asker, prop::bool::weighted(0.2), meanwhile()).prop_map(
            |(room, booking, asker, series, meanwhile)| Deed::Delete {
                room, booking, asker, series, meanwhile,
            }
        ),
        2 => prop::bool::weighted(0.7).prop_map(Deed::AllowDeclining),
    ]
}

fn trouble() -> impl Strategy<Value = WriteTrouble> {
    let write = || {
        prop_oneof![
            4 => Just(Write::Insert),
            2 => Just(Write::Patch),
            2 => Just(Write::Delete),
            1 => Just(Write::Get),
        ]
    };
    prop_oneof![
        2 => (write(), 1..4_u32).prop_map(|(write, times)| WriteTrouble::Unavailable(write, times)),
        1 => write().prop_map(WriteTrouble::Throttled),
        4 => write().prop_map(WriteTrouble::AnswerLost),
        1 => write().prop_map(WriteTrouble::ConnectionClosed),
        1 => write().prop_map(WriteTrouble::Html),
        2 => (write(), 20..400_u64).prop_map(|(write, late)| WriteTrouble::Late(write, late)),
    ]
}
