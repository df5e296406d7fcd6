//! What a listing contains and how it is paged.

use chrono::NaiveDate;
use google_sim::NewEvent;
use reqwest::Method;
use serde_json::json;

use crate::support::{Acme, Reply, between};

async fn walk(acme: &Acme, query: &str) -> (Vec<String>, usize, Reply) {
    let (mut ids, mut pages, mut token) = (Vec::new(), 0, String::new());
    loop {
        let more = if token.is_empty() {
            String::new()
        } else {
            format!("&pageToken={token}")
        };
        let page = acme.list(&format!("?{query}{more}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        pages += 1;
        ids.extend(page.ids().into_iter().map(str::to_owned));
        token = page.text("nextPageToken");
        if token.is_empty() {
            return (ids, pages, page);
        }
        assert!(
            page.body.get("nextSyncToken").is_none(),
            "a sync token only on the last page"
        );
    }
}

#[tokio::test]
async fn a_listing_is_paged_and_the_last_page_carries_the_sync_token() {
    let acme = Acme::start().await;
    for start in 8..13 {
        acme.meeting(between(start, start + 1)).await;
    }
    let (ids, pages, last) = walk(&acme, "maxResults=2").await;
    assert_eq!((ids.len(), pages), (5, 3));
    assert!(!last.text("nextSyncToken").is_empty());
    assert_eq!(last.body["accessRole"], "writer");
    assert_eq!(last.body["timeZone"], "Europe/Berlin");
}

#[tokio::test]
async fn pages_can_be_forced_small_and_empty() {
    let acme = Acme::with(|settings| {
        settings.forced_page_size = Some(1);
        settings.empty_pages = true;
    })
    .await;
    acme.meeting(between(9, 10)).await;
    acme.meeting(between(10, 11)).await;
    let (ids, pages, _) = walk(&acme, "maxResults=2500").await;
    assert_eq!((ids.len(), pages), (2, 4));
}

#[tokio::test]
async fn a_page_token_wants_the_same_parameters_again() {
    let acme = Acme::start().await;
    acme.meeting(between(9, 10)).await;
    acme.meeting(between(10, 11)).await;
    let page = acme.list("?maxResults=1").await;
    let token = page.text("nextPageToken");
    let reply = acme
        .list(&format!(
            "?maxResults=1&singleEvents=true&pageToken={token}"
        ))
        .await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn single_events_make_no_difference_to_one_off_events() {
    let acme = Acme::start().await;
    acme.meeting(between(9, 10)).await;
    let both = acme.list("?singleEvents=true").await;
    assert_eq!(both.ids(), acme.list("?singleEvents=false").await.ids());
    assert_eq!(both.ids().len(), 1);
}

#[tokio::test]
async fn time_min_bounds_the_end_and_time_max_the_start_both_exclusive() {
    let acme = Acme::start().await;
    acme.meeting(between(9, 10)).await;
    let found = async |min: &str, max: &str| {
        let query = format!("?timeMin=2027-03-01T{min}:00Z&timeMax=2027-03-01T{max}:00Z");
        acme.list(&query).await.ids().len()
    };
    assert_eq!(found("09:59", "12:00").await, 1);
    assert_eq!(found("10:00", "12:00").await, 0);
    assert_eq!(found("08:00", "09:01").await, 1);
    assert_eq!(found("08:00", "09:00").await, 0);
    let reply = acme
        .list("?timeMin=2027-03-01T10:00:00Z&timeMax=2027-03-01T10:00:00Z")
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (400, "timeRangeEmpty")
    );
    let reply = acme.list("?timeMin=2027-03-01T10:00:00").await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (400, "badRequest"));
}

#[tokio::test]
async fn deleted_events_are_listed_only_when_asked_for() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    acme.alice.cancel_event(&id).unwrap();
    assert!(acme.list("").await.ids().is_empty());
    let reply = acme.list("?showDeleted=true").await;
    assert_eq!(reply.items()[0]["status"], "cancelled");
}

#[tokio::test]
async fn a_whole_day_on_a_rooms_calendar_is_a_time_from_midnight_to_midnight() {
    let acme = Acme::start().await;
    let day = |day| NaiveDate::from_ymd_opt(2027, 3, day).unwrap();
    let (id, _) = acme.meeting(NewEvent::all_day(day(1), day(2))).await;
    let reply = acme.list("").await;
    assert_eq!(
        reply.items()[0]["start"],
        json!({"dateTime": "2027-03-01T00:00:00+01:00", "timeZone": "Europe/Berlin"})
    );
    assert_eq!(
        reply.items()[0]["end"]["dateTime"],
        "2027-03-02T00:00:00+01:00"
    );
    assert_eq!(
        acme.alice.event(&id).unwrap()["start"],
        json!({"date": "2027-03-01"})
    );
}

#[tokio::test]
async fn times_are_written_in_the_zone_of_the_answer() {
    let acme = Acme::start().await;
    acme.meeting(between(9, 10)).await;
    let start = |reply: &Reply| reply.items()[0]["start"]["dateTime"].clone();
    assert_eq!(start(&acme.list("").await), "2027-03-01T10:00:00+01:00");
    assert_eq!(
        start(&acme.list("?timeZone=Asia%2FTokyo").await),
        "2027-03-01T18:00:00+09:00"
    );
}

#[tokio::test]
async fn too_many_attendees_leave_only_the_calendars_own() {
    let acme = Acme::start().await;
    acme.meeting(between(9, 10).with_guest(acme.bob.mail()))
        .await;
    let reply = acme.list("?maxAttendees=1").await;
    let event = &reply.items()[0];
    assert_eq!(event["attendeesOmitted"], true);
    assert_eq!(event["attendees"].as_array().unwrap().len(), 1);
    assert_eq!(event["attendees"][0]["self"], true);
}

#[tokio::test]
async fn shared_properties_can_be_searched_for() {
    let acme = Acme::start().await;
    let properties = json!({"shared": {"flexopus": "7"}});
    let (id, _) = acme
        .meeting(between(9, 10).with("extendedProperties", properties))
        .await;
    acme.meeting(between(10, 11)).await;
    let reply = acme.list("?sharedExtendedProperty=flexopus%3D7").await;
    assert_eq!(reply.ids(), [id.as_str()]);
    assert!(reply.body.get("nextSyncToken").is_none());
}

#[tokio::test]
async fn updated_min_includes_deletions_and_must_not_lie_too_far_back() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    acme.alice.cancel_event(&id).unwrap();
    let updated = acme.alice.event(&id).unwrap()["updated"].as_str().unwrap()[..19].to_owned();
    let reply = acme.list(&format!("?updatedMin={updated}Z")).await;
    assert_eq!(reply.items()[0]["status"], "cancelled");
    let reply = acme.list("?updatedMin=2020-01-01T00:00:00Z").await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (410, "updatedMinTooLongAgo")
    );
}

#[tokio::test]
async fn order_by_start_time_goes_only_with_single_events() {
    let acme = Acme::start().await;
    let (later, _) = acme.meeting(between(12, 13)).await;
    let (earlier, _) = acme.meeting(between(9, 10)).await;
    assert_eq!(acme.list("?orderBy=startTime").await.status, 400);
    let reply = acme.list("?orderBy=startTime&singleEvents=true").await;
    assert_eq!(reply.ids(), [earlier.as_str(), later.as_str()]);
}

#[tokio::test]
async fn a_calendar_is_named_raw_or_percent_encoded() {
    let acme = Acme::start().await;
    let encoded = acme.room.mail().replace('@', "%40");
    let path = format!("calendars/{encoded}/events");
    assert_eq!(
        acme.call("rooms@acme.test", Method::GET, &path, None)
            .await
            .status,
        200
    );
    assert_eq!(acme.list("").await.status, 200);
}
