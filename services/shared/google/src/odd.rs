//! Items of an answer that cannot be used. They are counted and named by id, never printed.

use std::fmt;

/// Why an item cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OddWhy {
    /// It does not have the shape of its kind.
    Shape,
    /// It has no id.
    NoId,
    /// It is not cancelled and its times are missing or cannot be read.
    NoTimes,
    /// It says that it belongs to a series, and not to which slot of it.
    NoSlot,
    /// It is a whole series, where one occurrence was expected.
    WholeSeries,
}

impl OddWhy {
    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::NoId => "no_id",
            Self::NoTimes => "no_times",
            Self::NoSlot => "no_slot",
            Self::WholeSeries => "whole_series",
        }
    }
}

impl fmt::Display for OddWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape => "it does not have the expected shape",
            Self::NoId => "it has no id",
            Self::NoTimes => "its times are missing or cannot be read",
            Self::NoSlot => "it does not say which date of its series it is",
            Self::WholeSeries => "it is a whole series",
        })
    }
}

/// An item of a list that could not be read. The rest of its page was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddItem {
    /// Its id, if at least that could be read: what is known under it must not count as absent.
    pub id: Option<String>,
    /// What is wrong.
    pub why: OddWhy,
}

/// An event that makes no occurrence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event makes no occurrence: {why}")]
pub struct OddEvent {
    /// The event's id: what is known under it must not count as absent.
    pub event_id: String,
    /// What is wrong.
    pub why: OddWhy,
}
