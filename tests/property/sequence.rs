//! What a sequence consists of: everything people can do in Google to linked rooms, what goes wrong
//! meanwhile, and how Google behaves where it has a choice. Plain data, so that a failing sequence
//! can be shortened and kept.
//!
//! Numbers name things by their place among what exists when it comes to it, so that every sequence
//! can be played, whatever was cut out of it. To add something that people do: a variant here, a
//! line in the strategy below, an arm in `play.rs`.

use proptest::prelude::*;

/// How many rooms a sequence has.
pub(crate) const ROOMS: usize = 3;
/// How many users.
pub(crate) const USERS: usize = 3;

/// A whole case.
#[derive(Debug, Clone)]
pub(crate) struct Sequence {
    pub(crate) weather: Weather,
    pub(crate) acts: Vec<Act>,
}

/// How Google behaves while the sequence is played.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Weather {
    /// Items on a page at most.
    pub(crate) page_size: Option<usize>,
    pub(crate) empty_pages: bool,
    pub(crate) sparse_tombstones: bool,
    pub(crate) exceptions_first: bool,
    pub(crate) moved_series_reset_exceptions: bool,
    pub(crate) stale_exceptions_survive: bool,
    pub(crate) time_min_hides_running_series: bool,
    /// How long rooms take to answer, in milliseconds.
    pub(crate) answer_delay: u64,
}

/// When something takes place: so many days from today, quarters of an hour after midnight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) day: i64,
    pub(crate) quarter: i64,
}

/// What is made.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// So many quarters of an hour; none is an event without length.
    Timed { quarters: i64 },
    /// So many whole days.
    Days { days: i64 },
    /// A rule and perhaps another, see [`RULES`]; by Berlin's clock or UTC.
    Series {
        quarters: i64,
        rules: Vec<usize>,
        berlin: bool,
    },
    /// A series of whole days.
    DaysSeries { rule: usize },
}

/// Rules of series, endless ones among them.
pub(crate) const RULES: [&str; 8] = [
    "FREQ=DAILY;COUNT=4",
    "FREQ=WEEKLY;COUNT=3",
    "FREQ=WEEKLY",
    "FREQ=DAILY;INTERVAL=5",
    "FREQ=WEEKLY;BYDAY=MO,WE;COUNT=5",
    "FREQ=DAILY;INTERVAL=2;COUNT=3",
    "FREQ=MONTHLY;COUNT=3",
    "FREQ=DAILY",
];

/// A change of an event, of a whole series, or of one date of it.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Shift { hours: i64 },
    MoveTo(Slot),
    Resize { quarters: i64 },
    Retitle,
    Cancel,
    Invite { room: usize },
    Uninvite { room: usize },
    Swap { from: usize, to: usize },
    Answer { room: usize, answer: usize },
    DeleteByRoom { room: usize },
    Transparent(bool),
    Private(bool),
    Tentative(bool),
}

/// A change of a series as such, or one that makes or unmakes it.
#[derive(Debug, Clone)]
pub(crate) enum Reshape {
    /// This and following, so many hours later.
    Split {
        date: usize,
        hours: i64,
    },
    Rule {
        rule: usize,
    },
    Single,
    HandOver {
        to: usize,
    },
}

/// What goes wrong with the next calls for a room.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    FullSyncRequired,
    FullSyncRequiredMidPaging,
    UpdatedMinTooLongAgo,
    TokensExpire,
    RightsChange,
    Unavailable,
    Html,
    Garbage,
    ConnectionClosed,
    WithoutSyncToken,
    NotFoundOnce,
    ThrottledOnce,
    InstancesUnavailable,
    PushesDropped(u32),
    PushesDoubled(u32),
    PushesLate(u64),
    PushesReordered,
}

/// One step.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Insert {
        who: usize,
        slot: Slot,
        kind: Kind,
        /// One bit for each room.
        rooms: u8,
    },
    /// Straight on a room's calendar, which makes the room the organizer.
    InsertOnRoom {
        who: usize,
        room: usize,
        slot: Slot,
        kind: Kind,
    },
    Edit {
        event: usize,
        /// One date of a series; the whole where there is none.
        date: Option<usize>,
        edit: Edit,
        /// Waits before and after, and compares the bookings' ids.
        watched: bool,
    },
    Reshape {
        event: usize,
        reshape: Reshape,
    },
    Trouble {
        room: usize,
        trouble: Trouble,
    },
    SyncNow {
        room: Option<usize>,
    },
    /// Waits until both sides agree.
    Settle,
}

impl Act {
    /// In one word, for the count of what was done.
    pub(crate) fn word(&self) -> String {
        let variant = |debug: String| {
            debug
                .split(|c: char| !c.is_alphanumeric())
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        match self {
            Self::Insert { kind, .. } => format!("insert {}", variant(format!("{kind:?}"))),
            Self::Edit { edit, date, .. } => {
                let of = if date.is_some() { "date" } else { "event" };
                format!("{} of {of}", variant(format!("{edit:?}")))
            }
            Self::Reshape { reshape, .. } => variant(format!("{reshape:?}")),
            Self::Trouble { trouble, .. } => variant(format!("{trouble:?}")),
            other => variant(format!("{other:?}")),
        }
    }
}

/// Sequences of so many steps.
pub(crate) fn sequences(steps: std::ops::Range<usize>) -> impl Strategy<Value = Sequence> {
    (weather(), prop::collection::vec(act(), steps))
        .prop_map(|(weather, acts)| Sequence { weather, acts })
}

pub(crate) fn weather() -> impl Strategy<Value = Weather> {
    let rarely = || prop::bool::weighted(0.2);
    let page = prop_oneof![4 => Just(None), 1 => Just(Some(2)), 1 => Just(Some(7))];
    let delay = prop_oneof![Just(0), Just(20), Just(60)];
    (
        (page, delay),
        rarely(),
        any::<bool>(),
        rarely(),
        any::<bool>(),
        rarely(),
        rarely(),
    )
        .prop_map(
            |((page_size, answer_delay), empty, sparse, first, reset, stale, hides)| Weather {
                page_size,
                empty_pages: empty,
                sparse_tombstones: sparse,
                exceptions_first: first,
                moved_series_reset_exceptions: reset,
                stale_exceptions_survive: stale,
                time_min_hides_running_series: hides,
                answer_delay,
            },
        )
}

/// Few days and few hours, so that events meet; now and then the past, or beyond the horizon.
pub(crate) fn slot() -> impl Strategy<Value = Slot> {
    let day = prop_oneof![12 => 1..6_i64, 2 => 6..40_i64, 1 => Just(-2_i64), 1 => Just(75_i64)];
    let quarter = prop_oneof![6 => 32..48_i64, 1 => 0..96_i64];
    (day, quarter).prop_map(|(day, quarter)| Slot { day, quarter })
}

fn kind() -> impl Strategy<Value = Kind> {
    let quarters = || prop_oneof![10 => 1..9_i64, 1 => Just(0_i64), 1 => 97..250_i64];
    let rules = prop::collection::vec(0..RULES.len(), 1..3);
    prop_oneof![
        5 => quarters().prop_map(|quarters| Kind::Timed { quarters }),
        1 => (1..4_i64).prop_map(|days| Kind::Days { days }),
        5 => (1..9_i64, rules, any::<bool>())
            .prop_map(|(quarters, rules, berlin)| Kind::Series { quarters, rules, berlin }),
        1 => (0..RULES.len()).prop_map(|rule| Kind::DaysSeries { rule }),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let room = || 0..ROOMS;
    prop_oneof![
        4 => prop_oneof![-30..-1_i64, 1..30_i64].prop_map(|hours| Edit::Shift { hours }),
        2 => slot().prop_map(Edit::MoveTo),
        2 => (1..12_i64).prop_map(|quarters| Edit::Resize { quarters }),
        1 => Just(Edit::Retitle),
        3 => Just(Edit::Cancel),
        2 => room().prop_map(|room| Edit::Invite { room }),
        2 => room().prop_map(|room| Edit::Uninvite { room }),
        3 => (room(), room()).prop_map(|(from, to)| Edit::Swap { from, to }),
        3 => (room(), 0..3_usize).prop_map(|(room, answer)| Edit::Answer { room, answer }),
        1 => room().prop_map(|room| Edit::DeleteByRoom { room }),
        1 => any::<bool>().prop_map(Edit::Transparent),
        1 => any::<bool>().prop_map(Edit::Private),
        1 => any::<bool>().prop_map(Edit::Tentative),
    ]
}

fn reshape() -> impl Strategy<Value = Reshape> {
    prop_oneof![
        3 => (0..6_usize, -3..4_i64).prop_map(|(date, hours)| Reshape::Split { date, hours }),
        3 => (0..RULES.len()).prop_map(|rule| Reshape::Rule { rule }),
        1 => Just(Reshape::Single),
        1 => (0..USERS).prop_map(|to| Reshape::HandOver { to }),
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        2 => Just(Trouble::FullSyncRequired),
        2 => Just(Trouble::FullSyncRequiredMidPaging),
        1 => Just(Trouble::UpdatedMinTooLongAgo),
        2 => Just(Trouble::TokensExpire),
        1 => Just(Trouble::RightsChange),
        1 => Just(Trouble::Unavailable),
        1 => Just(Trouble::Html),
        1 => Just(Trouble::Garbage),
        1 => Just(Trouble::ConnectionClosed),
        1 => Just(Trouble::WithoutSyncToken),
        1 => Just(Trouble::NotFoundOnce),
        1 => Just(Trouble::ThrottledOnce),
        1 => Just(Trouble::InstancesUnavailable),
        3 => (1..5_u32).prop_map(Trouble::PushesDropped),
        2 => (1..5_u32).prop_map(Trouble::PushesDoubled),
        2 => (10..200_u64).prop_map(Trouble::PushesLate),
        2 => Just(Trouble::PushesReordered),
    ]
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    // Mostly one room, often two.
    let rooms = prop_oneof![Just(1_u8), Just(2_u8), Just(3_u8), 1..8_u8];
    let date = || prop::option::of(0..6_usize);
    prop_oneof![
        6 => (0..USERS, slot(), kind(), rooms)
            .prop_map(|(who, slot, kind, rooms)| Act::Insert { who, slot, kind, rooms }),
        1 => (0..USERS, 0..ROOMS, slot(), kind())
            .prop_map(|(who, room, slot, kind)| Act::InsertOnRoom { who, room, slot, kind }),
        12 => (0..8_usize, date(), edit(), prop::bool::weighted(0.15))
            .prop_map(|(event, date, edit, watched)| Act::Edit { event, date, edit, watched }),
        3 => (0..8_usize, reshape()).prop_map(|(event, reshape)| Act::Reshape { event, reshape }),
        5 => (0..ROOMS, trouble()).prop_map(|(room, trouble)| Act::Trouble { room, trouble }),
        1 => prop::option::of(0..ROOMS).prop_map(|room| Act::SyncNow { room }),
        1 => Just(Act::Settle),
    ]
}
