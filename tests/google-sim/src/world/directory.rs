//! The Directory's calendar resources.

use serde_json::{Value, json};

use super::{error::ApiError, grants::Caller, ids, people::Org, state::World};
use crate::control::NewRoom;

#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) mail: String,
    pub(crate) name: String,
    pub(crate) generated_name: String,
    capacity: u32,
    building: String,
    floor: String,
    count: u64,
    /// Off: deleted from the Directory while the calendar still exists.
    pub(crate) listed: bool,
}

const KIND: &str = "admin#directory#resources#calendars#CalendarResource";

impl Resource {
    pub(crate) fn new(mail: &str, room: &NewRoom, count: u64) -> Self {
        Self {
            id: ids::random(20),
            mail: mail.to_owned(),
            generated_name: format!(
                "{}-{}-{} ({})",
                room.building, room.floor, room.name, room.capacity
            ),
            name: room.name.clone(),
            capacity: room.capacity,
            building: room.building.clone(),
            floor: room.floor.clone(),
            count,
            listed: true,
        }
    }

    /// A similar room: in the same building, with as many seats.
    pub(crate) fn can_stand_in_for(&self, other: &Self) -> bool {
        self.mail != other.mail
            && self.building == other.building
            && self.capacity >= other.capacity
    }

    fn show(&self) -> Value {
        json!({
            "kind": KIND,
            "etags": format!("\"r{}\"", self.count),
            "resourceId": self.id,
            "resourceName": self.name,
            "generatedResourceName": self.generated_name,
            "resourceEmail": self.mail,
            "capacity": self.capacity,
            "buildingId": self.building,
            "floorName": self.floor,
            "floorSection": "",
            "resourceCategory": "CONFERENCE_ROOM",
            "userVisibleDescription": "",
        })
    }

    fn field(&self, name: &str) -> Option<String> {
        Some(match name {
            "resourceEmail" => self.mail.clone(),
            "name" => self.name.clone(),
            "generatedResourceName" => self.generated_name.clone(),
            "buildingId" => self.building.clone(),
            "floor_name" => self.floor.clone(),
            "capacity" => self.capacity.to_string(),
            "resourceCategory" => "CONFERENCE_ROOM".to_owned(),
            _ => return None,
        })
    }
}

impl World {
    /// `resources.calendars.list`: a page of the rooms that match a query.
    pub(crate) fn resources(
        &self,
        caller: &Caller,
        customer: &str,
        query: Option<&str>,
        page_token: Option<&str>,
        max_results: Option<usize>,
    ) -> Result<Value, ApiError> {
        let org = self.administered(caller, customer)?;
        let terms = query.map(parse).transpose()?.unwrap_or_default();
        let from: usize = page_token
            .map(|token| {
                token
                    .strip_prefix("resources-")
                    .and_then(|from| from.parse().ok())
            })
            .map_or(Some(0), |from| from)
            .ok_or_else(|| ApiError::invalid_parameter("pageToken", "Invalid page token."))?;
        let size = max_results
            .unwrap_or(100)
            .clamp(1, 500)
            .min(self.settings.forced_page_size.unwrap_or(500));
        let found: Vec<&Resource> = org
            .resources
            .iter()
            .filter(|resource| resource.listed && terms.iter().all(|term| term.matches(resource)))
            .collect();
        let items: Vec<Value> = found
            .iter()
            .skip(from)
            .take(size)
            .map(|r| r.show())
            .collect();
        let mut page = json!({
            "kind": "admin#directory#resources#calendars#calendarResourcesList",
            "etag": format!("\"l{}\"", self.last_count),
        });
        if !items.is_empty() {
            page["items"] = Value::Array(items);
        }
        if from + size < found.len() {
            page["nextPageToken"] = json!(format!("resources-{}", from + size));
        }
        Ok(page)
    }

    /// `resources.calendars.get`: by the resource's id; its address will not do.
    pub(crate) fn resource(
        &self,
        caller: &Caller,
        customer: &str,
        id: &str,
    ) -> Result<Value, ApiError> {
        let org = self.administered(caller, customer)?;
        org.resources
            .iter()
            .find(|resource| resource.listed && resource.id == id)
            .map(Resource::show)
            .ok_or_else(|| ApiError::new(404, "notFound", "Resource Not Found: resourceId"))
    }

    /// The organisation whose administrator the caller is.
    fn administered(&self, caller: &Caller, customer: &str) -> Result<&Org, ApiError> {
        let user = self
            .user(&caller.subject)
            .filter(|user| user.is_any_admin())
            .ok_or_else(ApiError::not_an_admin)?;
        let org = self
            .orgs
            .get(&user.org)
            .ok_or_else(ApiError::not_an_admin)?;
        if customer == "my_customer" || customer == org.customer_id {
            Ok(org)
        } else {
            Err(ApiError::not_an_admin())
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    /// `:`; a `*` at the end makes it a prefix.
    Has,
}

#[derive(Debug)]
struct Term {
    negated: bool,
    field: String,
    operator: Operator,
    value: String,
}

impl Term {
    fn matches(&self, resource: &Resource) -> bool {
        let actual = resource
            .field(&self.field)
            .unwrap_or_default()
            .to_lowercase();
        let value = self.value.to_lowercase();
        let hit = match (self.operator, value.strip_suffix('*')) {
            (Operator::Equal, _) => actual == value,
            (Operator::Unequal, _) => actual != value,
            (Operator::Has, Some(prefix)) => actual.starts_with(prefix),
            (Operator::Has, None) => actual.contains(&value),
        };
        hit != self.negated
    }
}

/// Reads `field=value`, `!=` and `:` terms joined by `AND`, each perhaps after `NOT`; values may
/// be quoted.
fn parse(query: &str) -> Result<Vec<Term>, ApiError> {
    query
        .split(" AND ")
        .map(|term| parse_term(term.trim()))
        .collect()
}

fn parse_term(text: &str) -> Result<Term, ApiError> {
    let bad = || ApiError::new(400, "invalid", "Invalid Input: query");
    let (negated, text) = match text.strip_prefix("NOT ") {
        Some(rest) => (true, rest.trim()),
        None => (false, text),
    };
    let place = text.find(['=', '!', ':']).ok_or_else(bad)?;
    let (field, rest) = text.split_at(place);
    let (operator, value) = if let Some(value) = rest.strip_prefix("!=") {
        (Operator::Unequal, value)
    } else if let Some(value) = rest.strip_prefix('=') {
        (Operator::Equal, value)
    } else {
        (Operator::Has, rest.strip_prefix(':').ok_or_else(bad)?)
    };
    let value = value.trim();
    let value = value
        .strip_prefix('"')
        .and_then(|v| v.strip_suffix('"'))
        .unwrap_or(value);
    let field = field.trim().to_owned();
    let known = Resource::new("", &NewRoom::default(), 0)
        .field(&field)
        .is_some();
    if !known || value.contains('"') {
        return Err(bad());
    }
    Ok(Term {
        negated,
        field,
        operator,
        value: value.to_owned(),
    })
}
