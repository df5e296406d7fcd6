//! What counts, by a table of cases and by a property; and what the database holds of it.

mod counting;
mod stored;
