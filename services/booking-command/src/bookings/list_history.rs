//! `BookingService.ListHistory`: what [`super::history`] recorded of one booking, page by page.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use roomsync_domain::{BookingId, BookingState, TenantId};
use roomsync_postgres::Database;
use roomsync_proto::booking::v1::{self as pb, history_actor::Actor};

use super::get;
use crate::{
    convert,
    status::CommandError,
    validate::{self, stamp},
};

const DEFAULT_SIZE: i64 = 100;
const LARGEST_SIZE: i64 = 500;

/// A row of `booking.history`.
struct Row {
    object_version: i64,
    changed_at: DateTime<Utc>,
    actor_kind: String,
    actor_id: Option<String>,
    state: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    cause: Option<String>,
}

/// Answers the request for a tenant the caller may see. Says who changed the booking, not whose it is, so
/// that the history of a private one tells times and causes only.
pub async fn list_history(
    database: &Database,
    tenant: &TenantId,
    request: &pb::ListHistoryRequest,
) -> Result<pb::ListHistoryResponse, CommandError> {
    let size = validate::page_size(request.page_size, DEFAULT_SIZE, LARGEST_SIZE)?;
    let after = from_token(&request.page_token)?;
    let booking = get::named(database, tenant, &request.booking_id).await?;
    // One more than the page holds says whether another one follows.
    let mut rows = rows(database, tenant, booking.id, after, size + 1).await?;
    let mut next_page_token = String::new();
    let held = usize::try_from(size).unwrap_or(usize::MAX);
    if rows.len() > held {
        rows.truncate(held);
        next_page_token = rows
            .last()
            .map(|row| to_token(row.object_version))
            .unwrap_or_default();
    }
    let entries: Result<Vec<_>, CommandError> = rows.into_iter().map(Row::into_proto).collect();
    Ok(pb::ListHistoryResponse {
        entries: entries?,
        next_page_token,
    })
}

/// An object's versions only rise, so they are the order of what happened to its bookings.
async fn rows(
    database: &Database,
    tenant: &TenantId,
    booking: BookingId,
    after: i64,
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    let query = sqlx::query_as!(
        Row,
        "
        -- booking.history.list
        SELECT object_version, changed_at, actor_kind, actor_id, state, starts_at, ends_at, cause
        FROM booking.history
        WHERE tenant_id = $1
          AND booking_id = $2
          AND object_version > $3
        ORDER BY object_version
        LIMIT $4
        ",
        tenant.as_str(),
        booking.0,
        after,
        limit,
    )
    .fetch_all(database.pool());
    database.answer(query).await
}

impl Row {
    fn into_proto(self) -> Result<pb::HistoryEntry, CommandError> {
        let state: BookingState = self.state.parse().map_err(anyhow::Error::from)?;
        Ok(pb::HistoryEntry {
            changed_at: Some(stamp(self.changed_at)),
            actor: Some(pb::HistoryActor {
                actor: Some(actor(&self.actor_kind, self.actor_id)),
            }),
            state: convert::booking_state(state).into(),
            window: Some(pb::TimeWindow {
                starts_at: Some(stamp(self.starts_at)),
                ends_at: Some(stamp(self.ends_at)),
            }),
            cause: self
                .cause
                .as_deref()
                .map(convert::api_word)
                .unwrap_or_default(),
            object_version: self.object_version,
        })
    }
}

/// A kind that this version does not know was a person once, for all we know.
fn actor(kind: &str, id: Option<String>) -> Actor {
    match (kind, id) {
        ("google", _) => Actor::Google(pb::GoogleActor {}),
        ("user", Some(id)) => Actor::UserId(id),
        ("device", Some(id)) => Actor::DeviceId(id),
        ("administrator", id) => Actor::Administrator(pb::AdministratorActor {
            user_id: id.unwrap_or_default(),
        }),
        ("system", _) => Actor::System(pb::SystemActor {}),
        _ => Actor::Anonymous(pb::AnonymousBooker {}),
    }
}

fn to_token(version: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("1.{version}"))
}

/// The version after which the page begins; the first page begins after none.
fn from_token(token: &str) -> Result<i64, CommandError> {
    if token.is_empty() {
        return Ok(0);
    }
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        text.strip_prefix("1.")?.parse().ok()
    };
    read().ok_or_else(|| {
        CommandError::invalid("page_token", "the next_page_token of the page before")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("google", None, Actor::Google(pb::GoogleActor {}))]
    #[case("user", Some("u-1"), Actor::UserId("u-1".to_owned()))]
    #[case("device", Some("d-1"), Actor::DeviceId("d-1".to_owned()))]
    #[case("administrator", Some("u-1"), Actor::Administrator(pb::AdministratorActor { user_id: "u-1".to_owned() }))]
    #[case(
        "administrator",
        None,
        Actor::Administrator(pb::AdministratorActor::default())
    )]
    #[case("system", None, Actor::System(pb::SystemActor {}))]
    #[case("anonymous", None, Actor::Anonymous(pb::AnonymousBooker {}))]
    #[case("user", None, Actor::Anonymous(pb::AnonymousBooker {}))]
    #[case("robot", Some("r-1"), Actor::Anonymous(pb::AnonymousBooker {}))]
    fn who_changed_it_is_said(
        #[case] kind: &str,
        #[case] id: Option<&str>,
        #[case] expected: Actor,
    ) {
        assert_eq!(actor(kind, id.map(ToOwned::to_owned)), expected);
    }

    #[test]
    fn a_token_names_its_version_and_others_are_refused() {
        assert_eq!(from_token(&to_token(7)).unwrap(), 7);
        assert_eq!(from_token("").unwrap(), 0);
        for token in ["x", "ä", "MS5h"] {
            assert!(from_token(token).is_err(), "{token}");
        }
    }
}
