//! Sync tokens.

use google_sim::{Fault, Operation, Role};

use crate::support::{Acme, between, hour};

async fn token(acme: &Acme, query: &str) -> String {
    let token = acme.list(query).await.text("nextSyncToken");
    assert!(!token.is_empty());
    token
}

#[tokio::test]
async fn a_delta_holds_what_changed_and_nothing_else() {
    let acme = Acme::start().await;
    acme.meeting(between(8, 9)).await;
    let (moved, _) = acme.meeting(between(9, 10)).await;
    let (gone, _) = acme.meeting(between(10, 11)).await;
    let first = token(&acme, "").await;
    assert!(
        acme.list(&format!("?syncToken={first}"))
            .await
            .ids()
            .is_empty()
    );
    acme.alice.move_event(&moved, hour(14), hour(15)).unwrap();
    acme.room
        .wait_answered(&moved, crate::support::PATIENCE)
        .await
        .unwrap();
    acme.alice.cancel_event(&gone).unwrap();
    let delta = acme.list(&format!("?syncToken={first}")).await;
    assert_eq!(delta.ids(), [moved.as_str(), gone.as_str()]);
    assert_eq!(delta.items()[1]["status"], "cancelled");
    assert!(delta.items()[1].get("start").is_none());
    let second = delta.text("nextSyncToken");
    assert!(
        acme.list(&format!("?syncToken={second}"))
            .await
            .ids()
            .is_empty()
    );
    let replay = acme.list(&format!("?syncToken={first}")).await;
    assert_eq!(replay.ids().len(), 2, "a token can be used again");
}

#[tokio::test]
async fn a_change_made_while_paging_is_in_the_next_delta() {
    let acme = Acme::start().await;
    let (one, _) = acme.meeting(between(8, 9)).await;
    acme.meeting(between(9, 10)).await;
    let page = acme.list("?maxResults=1").await;
    acme.alice.retitle_event(&one, "Changed").unwrap();
    let last = acme
        .list(&format!(
            "?maxResults=1&pageToken={}",
            page.text("nextPageToken")
        ))
        .await;
    let delta = acme
        .list(&format!("?syncToken={}", last.text("nextSyncToken")))
        .await;
    assert_eq!(delta.ids(), [one.as_str()]);
}

#[tokio::test]
async fn a_delta_is_not_bounded_by_the_window_of_the_first_listing() {
    let acme = Acme::start().await;
    let token = token(&acme, "?timeMin=2028-01-01T00:00:00Z").await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    assert_eq!(
        acme.list(&format!("?syncToken={token}")).await.ids(),
        [id.as_str()]
    );
}

#[tokio::test]
async fn a_delta_is_paged_with_the_same_sync_token() {
    let acme = Acme::start().await;
    let token = token(&acme, "").await;
    for start in 8..11 {
        acme.meeting(between(start, start + 1)).await;
    }
    let base = format!("?syncToken={token}&maxResults=2");
    let page = acme.list(&base).await;
    assert_eq!(page.ids().len(), 2);
    let last = acme
        .list(&format!("{base}&pageToken={}", page.text("nextPageToken")))
        .await;
    assert_eq!(last.ids().len(), 1);
    assert!(!last.text("nextSyncToken").is_empty());
}

#[tokio::test]
async fn a_sync_token_does_not_go_with_restrictions() {
    let acme = Acme::start().await;
    let token = token(&acme, "").await;
    for wrong in [
        "iCalUID=x",
        "orderBy=updated",
        "privateExtendedProperty=a%3Db",
        "q=x",
        "sharedExtendedProperty=a%3Db",
        "timeMin=2027-03-01T00:00:00Z",
        "timeMax=2027-03-01T00:00:00Z",
        "updatedMin=2027-03-01T00:00:00Z",
        "showDeleted=false",
    ] {
        let reply = acme.list(&format!("?syncToken={token}&{wrong}")).await;
        assert_eq!(
            (reply.status.as_u16(), reply.reason()),
            (400, "invalid"),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_sync_token_is_bound_to_its_calendar_and_parameters() {
    let acme = Acme::start().await;
    let other = acme.another_room("Birdcage");
    let token = token(&acme, "?singleEvents=false").await;
    assert_eq!(
        acme.list(&format!("?singleEvents=true&syncToken={token}"))
            .await
            .status,
        400
    );
    let good = acme
        .list(&format!(
            "?singleEvents=false&maxResults=9&syncToken={token}"
        ))
        .await;
    assert_eq!(good.status, 200);
    let path = format!(
        "calendars/{}/events?singleEvents=false&syncToken={token}",
        other.mail()
    );
    let reply = acme
        .call("rooms@acme.test", reqwest::Method::GET, &path, None)
        .await;
    assert_eq!(reply.status, 400);
    assert_eq!(acme.list("?syncToken=nonsense").await.status, 400);
}

#[tokio::test]
async fn an_acl_change_kills_the_sync_tokens() {
    let acme = Acme::start().await;
    let token = token(&acme, "").await;
    acme.room.share("bob@acme.test", Role::Reader).unwrap();
    let reply = acme.list(&format!("?syncToken={token}")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (410, "fullSyncRequired")
    );
}

#[tokio::test]
async fn sync_tokens_can_be_expired_even_between_two_pages() {
    let acme = Acme::start().await;
    acme.meeting(between(8, 9)).await;
    acme.meeting(between(9, 10)).await;
    let page = acme.list("?maxResults=1").await;
    acme.room.expire_sync_tokens().unwrap();
    let reply = acme
        .list(&format!(
            "?maxResults=1&pageToken={}",
            page.text("nextPageToken")
        ))
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (410, "fullSyncRequired")
    );
}

#[tokio::test]
async fn the_second_page_of_a_delta_can_fail() {
    let acme = Acme::start().await;
    let token = token(&acme, "").await;
    acme.meeting(between(8, 9)).await;
    acme.meeting(between(9, 10)).await;
    acme.control.add_fault(
        Fault::answer(500, "backendError")
            .on(Operation::List)
            .after(1),
    );
    let base = format!("?syncToken={token}&maxResults=1");
    let page = acme.list(&base).await;
    let next = format!("{base}&pageToken={}", page.text("nextPageToken"));
    assert_eq!(acme.list(&next).await.status, 500);
    assert_eq!(acme.list(&next).await.ids().len(), 1);
}
