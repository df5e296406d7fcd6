//! The organisation's resources in the Directory. Only this list says that a resource belongs to the
//! organisation; the domain of its address proves nothing. Being listed gives no access to its
//! calendar either.

use roomsync_domain::ResourceEmail;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Access, Google, GoogleError, OddItem,
    call::Call,
    lenient::{self, filled, null_is_default, whole_number},
};

/// A resource of the organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarResource {
    /// The address of its calendar.
    pub resource_email: String,
    /// Google's id of the resource, which is not the address.
    #[serde(default, deserialize_with = "filled")]
    pub resource_id: Option<String>,
    /// Its name.
    #[serde(default, deserialize_with = "filled")]
    pub resource_name: Option<String>,
    /// Its name with building, floor and capacity.
    #[serde(default, deserialize_with = "filled")]
    pub generated_resource_name: Option<String>,
    /// How many people it holds.
    #[serde(default, deserialize_with = "whole_number")]
    pub capacity: Option<i64>,
    /// Its building.
    #[serde(default, deserialize_with = "filled")]
    pub building_id: Option<String>,
    /// Its floor.
    #[serde(default, deserialize_with = "filled")]
    pub floor_name: Option<String>,
    /// `CONFERENCE_ROOM`, `OTHER`, `CATEGORY_UNKNOWN`.
    #[serde(default, deserialize_with = "filled")]
    pub resource_category: Option<String>,
}

/// One page of resources.
#[derive(Debug, Clone, Default)]
pub struct ResourcesPage {
    /// What could be read.
    pub items: Vec<CalendarResource>,
    /// What could not.
    pub odd: Vec<OddItem>,
    /// There is another page.
    pub next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default, deserialize_with = "null_is_default")]
    items: Vec<Value>,
    #[serde(default, deserialize_with = "filled")]
    next_page_token: Option<String>,
}

impl Google {
    /// The resource with this address, `None` if the organisation has none.
    ///
    /// [`GoogleError::Forbidden`] when the subject is no administrator. `None` is said only when the
    /// whole answer was read: a wrong "not in the organisation" would fail a link for good.
    pub async fn find_resource(
        &self,
        access: &Access,
        mail: &ResourceEmail,
    ) -> Result<Option<CalendarResource>, GoogleError> {
        // Google makes these addresses in lower case; quotes cannot be in one (`ResourceEmail`).
        let query = format!("resourceEmail=\"{}\"", mail.to_lowercase());
        let page = self.list_resources(access, None, Some(&query)).await?;
        let found = page
            .items
            .into_iter()
            .find(|item| mail.matches(&item.resource_email));
        if found.is_none() && (page.next_page_token.is_some() || !page.odd.is_empty()) {
            return Err(GoogleError::Unreadable(
                "the directory's answer is not complete",
            ));
        }
        Ok(found)
    }

    /// One page of the organisation's resources, at most 500, with the Directory's query language.
    pub async fn list_resources(
        &self,
        access: &Access,
        page_token: Option<&str>,
        query: Option<&str>,
    ) -> Result<ResourcesPage, GoogleError> {
        let url =
            self.directory_url("admin/directory/v1/customer/my_customer/resources/calendars")?;
        let mut request = self.http().get(url).query(&[("maxResults", "500")]);
        if let Some(query) = query {
            request = request.query(&[("query", query)]);
        }
        if let Some(page_token) = page_token {
            request = request.query(&[("pageToken", page_token)]);
        }
        let answer: Answer = self.call_json(Call::ResourcesList, access, request).await?;
        let (items, odd) = lenient::items(answer.items, "resourceEmail");
        self.count_odd(Call::ResourcesList, &odd);
        Ok(ResourcesPage {
            items,
            odd,
            next_page_token: answer.next_page_token,
        })
    }
}
