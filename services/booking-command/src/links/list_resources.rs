//! The room picker (B3): the organisation's resources, searched and in pages, linked ones marked.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use roomsync_domain::TenantId;
use roomsync_google::CalendarResource;
use roomsync_postgres::Database;
use roomsync_proto::integration::v1 as proto;
use uuid::Uuid;

use super::obstacles;
use crate::{access::Lender, status::CommandError, validate};

/// A place in the list: name without case, then address.
type Place = (String, String);

/// A request that was checked.
#[derive(Debug)]
pub(super) struct Query {
    /// Lower case.
    words: Vec<String>,
    size: usize,
    after: Option<Place>,
}

impl Query {
    /// Reads a request.
    pub(super) fn read(sent: &proto::ListResourcesRequest) -> Result<Self, CommandError> {
        let query = validate::text(
            "query",
            &sent.query,
            0..=100,
            "at most 100 characters without control characters",
        )?;
        let size = validate::page_size(sent.page_size, 100, 500)?;
        Ok(Self {
            words: query.split_whitespace().map(str::to_lowercase).collect(),
            size: usize::try_from(size).unwrap_or(usize::MAX),
            after: from_token(&sent.page_token)?,
        })
    }

    /// The page of a list, and whether another one follows.
    fn page(&self, resources: &[CalendarResource]) -> (Vec<CalendarResource>, bool) {
        let mut found: Vec<(Place, &CalendarResource)> = resources
            .iter()
            .filter(|resource| self.matches(resource))
            .map(|resource| (place(resource), resource))
            .filter(|(place, _)| self.after.as_ref().is_none_or(|after| place > after))
            .collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let more = found.len() > self.size;
        let page = found.into_iter().take(self.size);
        (page.map(|(_, resource)| resource.clone()).collect(), more)
    }

    /// Whether every word occurs.
    fn matches(&self, resource: &CalendarResource) -> bool {
        let texts = [
            Some(&resource.resource_email),
            resource.resource_name.as_ref(),
            resource.generated_resource_name.as_ref(),
            resource.building_id.as_ref(),
            resource.floor_name.as_ref(),
        ];
        let texts: Vec<String> = texts
            .into_iter()
            .flatten()
            .map(|text| text.to_lowercase())
            .collect();
        self.words
            .iter()
            .all(|word| texts.iter().any(|text| text.contains(word.as_str())))
    }
}

/// Answers a page.
pub(super) async fn list_resources(
    database: &Database,
    lender: &Lender,
    tenant: &TenantId,
    query: &Query,
) -> Result<proto::ListResourcesResponse, CommandError> {
    let connection = lender.active(tenant).await?;
    let resources = lender.resources(&connection).await?;
    let resources = resources.map_err(|error| obstacles::unexpected(&error))?;
    let (page, more) = query.page(&resources);
    let linked = linked(database, tenant, &page).await?;
    let next = page
        .last()
        .filter(|_| more)
        .map(|last| to_token(&place(last)));
    let marked = page.into_iter().map(|resource| {
        let link = linked.get(&resource.resource_email.to_lowercase());
        to_proto(resource, link)
    });
    Ok(proto::ListResourcesResponse {
        resources: marked.collect(),
        next_page_token: next.unwrap_or_default(),
    })
}

/// Link and object of the addresses that are linked, by address in lower case.
async fn linked(
    database: &Database,
    tenant: &TenantId,
    page: &[CalendarResource],
) -> Result<HashMap<String, (Uuid, String)>, CommandError> {
    let mails: Vec<String> = page
        .iter()
        .map(|resource| resource.resource_email.to_lowercase())
        .collect();
    let query = sqlx::query!(
        r#"
        -- booking.links.of_resources
        SELECT link_id, object_id, lower(resource_email) AS "mail!"
        FROM booking.links
        WHERE tenant_id = $1
          AND lower(resource_email) = ANY($2)
          AND state <> 'removed'
        "#,
        tenant.as_str(),
        &mails,
    )
    .fetch_all(database.pool());
    let rows = database.answer(query).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.mail, (row.link_id, row.object_id)))
        .collect())
}

/// A resource as the API says it.
pub(super) fn to_proto(
    resource: CalendarResource,
    link: Option<&(Uuid, String)>,
) -> proto::Resource {
    proto::Resource {
        resource_email: resource.resource_email,
        name: resource.resource_name.unwrap_or_default(),
        generated_name: resource.generated_resource_name.unwrap_or_default(),
        building_id: resource.building_id.unwrap_or_default(),
        floor_name: resource.floor_name.unwrap_or_default(),
        capacity: resource
            .capacity
            .and_then(|capacity| i32::try_from(capacity).ok())
            .unwrap_or_default(),
        category: resource.resource_category.unwrap_or_default(),
        object_id: link.map(|(_, object)| object.clone()).unwrap_or_default(),
        link_id: link.map(|(link, _)| link.to_string()).unwrap_or_default(),
    }
}

fn place(resource: &CalendarResource) -> Place {
    let name = resource.resource_name.as_deref().unwrap_or_default();
    (name.to_lowercase(), resource.resource_email.to_lowercase())
}

fn to_token((name, mail): &Place) -> String {
    // An address holds no line break, a name might.
    URL_SAFE_NO_PAD.encode(format!("1\n{mail}\n{name}"))
}

fn from_token(token: &str) -> Result<Option<Place>, CommandError> {
    if token.is_empty() {
        return Ok(None);
    }
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (mail, name) = text.strip_prefix("1\n")?.split_once('\n')?;
        Some((name.to_owned(), mail.to_owned()))
    };
    let expected = "the next_page_token of the page before";
    read()
        .map(Some)
        .ok_or_else(|| CommandError::invalid("page_token", expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(name: &str, mail: &str) -> CalendarResource {
        CalendarResource {
            resource_email: mail.to_owned(),
            resource_name: Some(name.to_owned()),
            generated_resource_name: Some(format!("HQ-2-{name} (8)")),
            building_id: Some("HQ".to_owned()),
            ..CalendarResource::default()
        }
    }

    fn names(query: &str, resources: &[CalendarResource]) -> Vec<String> {
        let query = Query::read(&proto::ListResourcesRequest {
            query: query.to_owned(),
            ..Default::default()
        });
        let (page, _) = query.unwrap().page(resources);
        page.into_iter().filter_map(|it| it.resource_name).collect()
    }

    #[rstest::rstest]
    #[case("", &["aquarium", "Aquarium", "Lagoon"])]
    #[case("AQUA", &["aquarium", "Aquarium"])]
    #[case("hq lag", &["Lagoon"])]
    #[case("c_2", &["aquarium"])]
    #[case("hq nowhere", &[])]
    fn every_word_must_occur_somewhere(#[case] query: &str, #[case] expected: &[&str]) {
        let resources = [
            resource("Lagoon", "c_1@x.com"),
            resource("Aquarium", "c_3@x.com"),
            resource("aquarium", "c_2@x.com"),
        ];
        assert_eq!(names(query, &resources), expected);
    }

    #[test]
    fn a_page_begins_after_the_place_that_the_token_names_whatever_came_and_went() {
        let all: Vec<_> = (0..9)
            .map(|n| resource("Room", &format!("c_{n}@x.com")))
            .collect();
        let first = Query::read(&proto::ListResourcesRequest {
            page_size: 4,
            ..Default::default()
        });
        let (page, more) = first.unwrap().page(&all);
        assert!(more && page.len() == 4);
        let second = Query::read(&proto::ListResourcesRequest {
            page_size: 5,
            page_token: to_token(&place(&page[3])),
            ..Default::default()
        });
        let (page, more) = second.unwrap().page(&all[2..]);
        assert!(!more);
        let mails: Vec<_> = page.iter().map(|it| it.resource_email.as_str()).collect();
        assert_eq!(mails[0], "c_4@x.com");
        assert_eq!(mails.len(), 5);
    }
}
