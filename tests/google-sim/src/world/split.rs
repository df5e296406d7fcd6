//! "This and following" as Google's web page does it: the old series ends before a date, a new one
//! begins there with an id of its own. Dates of RDATE lines are not divided; they stay with the old
//! series.

use serde_json::{Map, Value};

use super::{
    error::ApiError,
    event::Content,
    series::{Part, Slot, split_id},
    state::World,
    when::When,
};

impl World {
    /// Splits a series of a calendar's owner at the occurrence with this id and applies changes to
    /// what follows; returns the id of the new series.
    pub(crate) fn split(
        &mut self,
        calendar: &str,
        occurrence: &str,
        changes: Map<String, Value>,
    ) -> Result<String, ApiError> {
        let calendar = calendar.to_lowercase();
        let (master, suffix) = split_id(occurrence).ok_or_else(ApiError::not_found)?;
        let before = self.live_copy(&calendar, master)?.clone();
        let zone = self.calendar(&calendar)?.zone;
        let id = format!("{master}_R{}", suffix.trim_end_matches('Z'));
        if before.organizer != calendar {
            return Err(ApiError::non_organizer());
        }
        if self.copy(&calendar, &id).is_ok() {
            return Err(ApiError::duplicate());
        }
        let slot = before
            .content
            .slot(zone, suffix)
            .ok_or_else(ApiError::not_found)?;
        let mut later = before.content.clone();
        later.recurrence = later_lines(&before.content, &slot, zone);
        later.start = Some(slot.start.clone());
        later.end = Some(slot.end.clone());
        for entry in &mut later.attendees {
            if !entry.email.eq_ignore_ascii_case(&calendar) {
                entry.response_status = None;
            }
        }
        let later = later.patched(changes)?;
        let earlier = earlier_lines(&before.content, &slot);
        let mut ending = Map::new();
        ending.insert("recurrence".to_owned(), earlier.into());
        self.patch(&calendar, master, ending)?;
        self.insert_content(&calendar, &before.creator, &id, None, later)?;
        Ok(id)
    }
}

/// The lines with an end just before the slot.
fn earlier_lines(content: &Content, slot: &Slot) -> Vec<String> {
    let until = match slot.start.date.and_then(|date| date.pred_opt()) {
        Some(date) => date.format("%Y%m%d").to_string(),
        None => (slot.start.instant(chrono_tz::UTC) - chrono::Duration::seconds(1))
            .format("%Y%m%dT%H%M%SZ")
            .to_string(),
    };
    let end = |line: &String| {
        if !line.starts_with("RRULE:") {
            return line.clone();
        }
        let rest = without(line, &["COUNT=", "UNTIL="]);
        format!("{rest};UNTIL={until}")
    };
    content.recurrence.iter().map(end).collect()
}

/// The lines as they go on from the slot: a count is what is left of it.
fn later_lines(content: &Content, slot: &Slot, zone: chrono_tz::Tz) -> Vec<String> {
    let go_on = |line: &String| {
        let Some(count) = count_of(line) else {
            return line.clone();
        };
        let alone = Content {
            recurrence: vec![line.clone()],
            ..content.clone()
        };
        let begins = |when: &When| when.instant(zone);
        let gone = alone
            .slots(zone, Part::first(usize::MAX))
            .into_iter()
            .filter(|other| begins(&other.start) < begins(&slot.start))
            .count();
        let left = count.saturating_sub(gone).max(1);
        format!("{};COUNT={left}", without(line, &["COUNT="]))
    };
    let lines = content.recurrence.iter();
    lines
        .filter(|line| !line.starts_with("RDATE"))
        .map(go_on)
        .collect()
}

fn count_of(line: &str) -> Option<usize> {
    line.strip_prefix("RRULE:")?
        .split(';')
        .find_map(|part| part.strip_prefix("COUNT=")?.parse().ok())
}

fn without(line: &str, names: &[&str]) -> String {
    let parts: Vec<&str> = line
        .trim_start_matches("RRULE:")
        .split(';')
        .filter(|part| !names.iter().any(|name| part.starts_with(name)))
        .collect();
    format!("RRULE:{}", parts.join(";"))
}
