use roomsync_broker::{Failure, Handler as _};
use roomsync_domain::{ChannelId, Clock as _, LinkId, SystemClock, channel_token::ChannelTokens};
use roomsync_messages::{CalendarChanged, LinkDue};
use roomsync_proto::internal::v1 as proto;
use serde_json::{Value, json};
use sqlx::PgPool;
use wiremock::{
    Mock, ResponseTemplate,
    matchers::{method, path_regex, query_param},
};

use super::fixture::{Fixture, ROOM, SUBJECT, consumer, delivery, page, refusal};
use crate::steps::{close_calendar, compare_links, open_channel};

fn link(fixture: &Fixture) -> proto::WantedLink {
    proto::WantedLink {
        link_id: fixture.calendar.id.to_string(),
        tenant_id: fixture.calendar.tenant.to_string(),
        object_id: "desk-1".to_owned(),
        resource_email: ROOM.to_owned(),
        open: true,
        verified: false,
        imported: false,
        horizon_days: 400,
        connected: true,
        requested_at: None,
        ..Default::default()
    }
}

async fn link_due(fixture: &Fixture) -> Result<(), Failure> {
    let consumer = consumer(&fixture.worker);
    let link = LinkId::from(fixture.calendar.id);
    consumer.handle(LinkDue { link }, &delivery()).await
}

async fn directory(fixture: &Fixture, items: Value) {
    Mock::given(method("GET"))
        .and(path_regex("/resources/calendars$"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "items": items })))
        .mount(&fixture.google)
        .await;
}

async fn knows_the_room(fixture: &Fixture) {
    directory(
        fixture,
        json!([{ "resourceEmail": ROOM, "resourceId": "r1" }]),
    )
    .await;
}

/// What Google answers when the role on the calendar is asked for.
async fn calendar(fixture: &Fixture, answer: ResponseTemplate) {
    Mock::given(method("GET"))
        .and(path_regex("/events$"))
        .and(query_param("maxResults", "1"))
        .respond_with(answer)
        .mount(&fixture.google)
        .await;
}

async fn watch(fixture: &Fixture, answer: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(path_regex("/events/watch$"))
        .respond_with(answer)
        .mount(&fixture.google)
        .await;
}

fn watched() -> ResponseTemplate {
    let expiration = (SystemClock.now() + chrono::TimeDelta::days(7)).timestamp_millis();
    ResponseTemplate::new(200)
        .set_body_json(json!({ "resourceId": "res", "expiration": expiration.to_string() }))
}

async fn channel_state(fixture: &Fixture) -> String {
    let standing = fixture
        .worker
        .calendars
        .standing(fixture.calendar.id)
        .await
        .unwrap();
    standing.unwrap().channel_state
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_new_link_is_verified_watched_and_made_due_for_import(pool: PgPool) {
    let fixture = Fixture::new(pool).await;
    let wanted = link(&fixture);
    fixture.told().links.push(wanted);
    knows_the_room(&fixture).await;
    calendar(&fixture, page(&[], None)).await;
    watch(&fixture, watched()).await;
    link_due(&fixture).await.unwrap();

    assert_eq!(fixture.row().await, (None, true));
    assert_eq!(channel_state(&fixture).await, "open");
    let requests = fixture.google.received_requests().await.unwrap();
    let watch = requests
        .iter()
        .find(|it| it.url.path().ends_with("/watch"))
        .unwrap();
    let body: Value = serde_json::from_slice(&watch.body).unwrap();
    let channel: ChannelId = body["id"].as_str().unwrap().parse().unwrap();
    let keys = ChannelTokens::new([("k1", &[7; 32][..])]).unwrap();
    let named = keys
        .verify(body["token"].as_str().unwrap(), channel)
        .unwrap();
    assert_eq!(named, fixture.calendar.id);
    let told = fixture.told();
    assert_eq!(told.verdicts[0].verdict(), proto::LinkVerdict::Verified);
    assert_eq!(told.verdicts[0].access_role, "writer");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_resource_of_another_organisation_is_not_mirrored(pool: PgPool) {
    let fixture = Fixture::new(pool).await;
    let wanted = link(&fixture);
    fixture.told().links.push(wanted);
    directory(&fixture, json!([])).await;
    link_due(&fixture).await.unwrap();
    assert_eq!(fixture.told().verdicts[0].reason, "NOT_IN_ORGANISATION");
    assert!(
        fixture
            .worker
            .calendars
            .find(fixture.calendar.id)
            .await
            .unwrap()
            .is_none()
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_verification_that_has_to_wait_has_asked_google_nothing(pool: PgPool) {
    let fixture = Fixture::new(pool).await;
    let wanted = link(&fixture);
    fixture.told().links.push(wanted);
    fixture.told().no_budget_at = Some(1);
    knows_the_room(&fixture).await;
    assert!(matches!(
        link_due(&fixture).await,
        Err(Failure::Retry { .. })
    ));
    let asked = fixture.google.received_requests().await.unwrap();
    assert!(asked.is_empty(), "{asked:?}");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_calendar_without_access_fails_its_link(pool: PgPool) {
    let fixture = Fixture::new(pool).await;
    let wanted = link(&fixture);
    fixture.told().links.push(wanted);
    knows_the_room(&fixture).await;
    calendar(&fixture, refusal(404, "notFound")).await;
    link_due(&fixture).await.unwrap();
    assert_eq!(fixture.told().verdicts[0].reason, "NO_CALENDAR_ACCESS");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn while_google_is_away_a_link_stays_pending_and_is_tried_again(pool: PgPool) {
    let fixture = Fixture::new(pool).await;
    let wanted = link(&fixture);
    fixture.told().links.push(wanted);
    knows_the_room(&fixture).await;
    calendar(
        &fixture,
        ResponseTemplate::new(503).set_body_string("<html>"),
    )
    .await;
    assert!(matches!(
        link_due(&fixture).await,
        Err(Failure::Retry { .. })
    ));
    let told = fixture.told();
    assert_eq!(told.verdicts[0].verdict(), proto::LinkVerdict::Pending);
    assert_eq!(told.verdicts[0].reason, "GOOGLE_UNAVAILABLE");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_calendar_that_google_does_not_push_for_is_polled(pool: PgPool) {
    let fixture = Fixture::new(pool).await;
    let wanted = link(&fixture);
    fixture.told().links.push(wanted);
    knows_the_room(&fixture).await;
    calendar(&fixture, page(&[], None)).await;
    watch(
        &fixture,
        refusal(400, "pushNotSupportedForRequestedResource"),
    )
    .await;
    link_due(&fixture).await.unwrap();
    assert_eq!(channel_state(&fixture).await, "refused");
    assert_eq!(fixture.row().await, (None, true), "the import goes on");
    let told = fixture.told();
    assert_eq!(told.coverage[0].channel_state, "refused");
    assert_eq!(told.coverage[0].poll_interval_seconds, 120);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_closing_link_stops_its_channels_and_is_reported_closed(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let (channels, channel) = (&fixture.worker.channels, ChannelId::new());
    channels
        .opening(channel, fixture.calendar.id, SUBJECT)
        .await
        .unwrap();
    channels.opened(channel, "res", None).await.unwrap();
    let wanted = proto::WantedLink {
        open: false,
        ..link(&fixture)
    };
    fixture.told().links.push(wanted);
    Mock::given(method("POST"))
        .and(path_regex("/channels/stop$"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&fixture.google)
        .await;
    link_due(&fixture).await.unwrap();
    assert_eq!(fixture.told().closed.len(), 1);
    assert!(
        fixture
            .worker
            .calendars
            .find(fixture.calendar.id)
            .await
            .unwrap()
            .unwrap()
            .closed
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_channel_of_an_earlier_subject_is_left_to_end_by_itself(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let (channels, channel) = (&fixture.worker.channels, ChannelId::new());
    channels
        .opening(channel, fixture.calendar.id, "former@example.com")
        .await
        .unwrap();
    channels.opened(channel, "res", None).await.unwrap();
    let wanted = proto::WantedLink {
        open: false,
        ..link(&fixture)
    };
    fixture.told().links.push(wanted);
    link_due(&fixture).await.unwrap();
    assert_eq!(fixture.told().closed.len(), 1);
    assert!(fixture.google.received_requests().await.unwrap().is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn without_a_connection_a_link_waits(pool: PgPool) {
    let fixture = Fixture::new(pool).await;
    let wanted = proto::WantedLink {
        connected: false,
        ..link(&fixture)
    };
    fixture.told().links.push(wanted);
    assert!(matches!(
        link_due(&fixture).await,
        Err(Failure::Retry { .. })
    ));
    assert!(fixture.told().verdicts.is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_sync_push_completes_its_channel_and_lists_nothing(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let channel = ChannelId::new();
    fixture
        .worker
        .channels
        .opening(channel, fixture.calendar.id, SUBJECT)
        .await
        .unwrap();
    let consumer = consumer(&fixture.worker);
    let push = CalendarChanged {
        calendar: fixture.calendar.id,
        channel,
        resource: "res".to_owned(),
        sync: true,
        received_at: SystemClock.now(),
    };
    consumer.handle(push.clone(), &delivery()).await.unwrap();
    assert_eq!(channel_state(&fixture).await, "open");
    let unknown = CalendarChanged {
        channel: ChannelId::new(),
        sync: false,
        ..push
    };
    consumer.handle(unknown, &delivery()).await.unwrap();
    assert_eq!(fixture.row().await, (Some("c1".to_owned()), false));
    assert!(fixture.google.received_requests().await.unwrap().is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_comparison_reads_every_link_and_every_calendar(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let wanted = link(&fixture);
    fixture.told().links.push(wanted);
    // Nothing can be published here: what differs is found again by the next comparison.
    compare_links::compare(&fixture.worker).await.unwrap();
}

async fn stop(fixture: &Fixture, answer: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(path_regex("/channels/stop$"))
        .respond_with(answer)
        .mount(&fixture.google)
        .await;
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_calendar_whose_channels_cannot_be_stopped_is_closed_after_a_while(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let (channels, channel) = (&fixture.worker.channels, ChannelId::new());
    let begun = channels
        .opening(channel, fixture.calendar.id, SUBJECT)
        .await;
    assert!(begun.unwrap());
    channels.opened(channel, "res", None).await.unwrap();
    let wanted = proto::WantedLink {
        open: false,
        ..link(&fixture)
    };
    fixture.told().links.push(wanted);
    stop(&fixture, ResponseTemplate::new(503)).await;
    assert!(link_due(&fixture).await.is_err());
    assert!(fixture.told().closed.is_empty());

    sqlx::query("UPDATE sync.calendars SET closing_since = now() - interval '1 hour'")
        .execute(&fixture.pool)
        .await
        .unwrap();
    // A new message: how old it is does not matter.
    link_due(&fixture).await.unwrap();
    assert_eq!(fixture.told().closed.len(), 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_channel_that_opens_while_its_calendar_closes_is_stopped(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let slow = watched().set_delay(std::time::Duration::from_millis(500));
    watch(&fixture, slow).await;
    stop(&fixture, ResponseTemplate::new(204)).await;
    let asked = async |path: &str| {
        let requests = fixture.google.received_requests().await.unwrap();
        requests.iter().any(|it| it.url.path().ends_with(path))
    };
    let closing = async {
        while !asked("/events/watch").await {
            tokio::task::yield_now().await;
        }
        close_calendar::close(&fixture.worker, &fixture.calendar, false).await
    };
    let both = async {
        tokio::join!(
            open_channel::open_now(&fixture.worker, &fixture.calendar),
            closing
        )
    };
    let (opened, closed) = tokio::time::timeout(std::time::Duration::from_secs(30), both)
        .await
        .unwrap();
    opened.unwrap();
    closed.unwrap();
    assert!(asked("/channels/stop").await, "else google would push on");
    assert_eq!(channel_state(&fixture).await, "none");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn of_two_channels_opened_at_once_one_stays_open(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let slow = watched().set_delay(std::time::Duration::from_millis(300));
    watch(&fixture, slow).await;
    stop(&fixture, ResponseTemplate::new(204)).await;
    let (first, second) = tokio::join!(
        open_channel::open(&fixture.worker, &fixture.calendar),
        open_channel::open(&fixture.worker, &fixture.calendar),
    );
    first.unwrap();
    second.unwrap();
    let requests = fixture.google.received_requests().await.unwrap();
    let stopped = requests
        .iter()
        .filter(|it| it.url.path().ends_with("/channels/stop"));
    assert_eq!(stopped.count(), 1);
    assert_eq!(channel_state(&fixture).await, "open");
}

/// What Google answers when the calendar's own settings are asked for.
async fn settings(fixture: &Fixture, answer: ResponseTemplate) {
    Mock::given(method("GET"))
        .and(path_regex("/calendars/[^/]+$"))
        .respond_with(answer)
        .mount(&fixture.google)
        .await;
}

async fn verified(fixture: &Fixture) -> proto::ReportLinkRequest {
    let wanted = link(fixture);
    fixture.told().links.push(wanted);
    knows_the_room(fixture).await;
    calendar(fixture, page(&[], None)).await;
    watch(fixture, watched()).await;
    link_due(fixture).await.unwrap();
    let verdict = fixture.told().verdicts[0].clone();
    assert_eq!(verdict.verdict(), proto::LinkVerdict::Verified);
    verdict
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn whether_the_room_answers_by_itself_is_reported(pool: PgPool) {
    let fixture = Fixture::new(pool).await;
    fixture.told().settings_granted = true;
    let answer = json!({ "autoAcceptInvitations": false });
    settings(&fixture, ResponseTemplate::new(200).set_body_json(answer)).await;
    assert_eq!(verified(&fixture).await.answers_by_itself, Some(false));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn without_the_right_to_read_settings_a_link_is_verified_all_the_same(pool: PgPool) {
    let fixture = Fixture::new(pool).await;
    assert_eq!(verified(&fixture).await.answers_by_itself, None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_refusal_of_settings_does_the_connection_no_harm(pool: PgPool) {
    let fixture = Fixture::new(pool).await;
    fixture.told().settings_granted = true;
    settings(&fixture, refusal(401, "authError")).await;
    assert_eq!(verified(&fixture).await.answers_by_itself, None);
    assert!(fixture.told().troubles.is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_link_is_verified_again_when_that_is_asked_for_although_it_is_open(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    assert_eq!(verified(&fixture).await.access_role, "writer");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_doubled_message_neither_watches_nor_imports_twice(pool: PgPool) {
    let fixture = Fixture::new(pool).await;
    verified(&fixture).await;
    fixture.told().links[0].verified = true;
    link_due(&fixture).await.unwrap();
    let requests = fixture.google.received_requests().await.unwrap();
    let watches = requests
        .iter()
        .filter(|it| it.url.path().ends_with("/watch"));
    assert_eq!(watches.count(), 1);
    let full: i64 = sqlx::query_scalar("SELECT full_wanted - full_done FROM sync.calendars")
        .fetch_one(&fixture.pool)
        .await
        .unwrap();
    assert_eq!(full, 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn pushes_through_a_channel_out_of_use_are_dropped(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let (channels, channel) = (&fixture.worker.channels, ChannelId::new());
    channels
        .opening(channel, fixture.calendar.id, SUBJECT)
        .await
        .unwrap();
    channels.opened(channel, "res", None).await.unwrap();
    stop(&fixture, ResponseTemplate::new(204)).await;
    close_calendar::stop_channels(&fixture.worker, &fixture.calendar, None, false)
        .await
        .unwrap();
    let consumer = consumer(&fixture.worker);
    let late = CalendarChanged {
        calendar: fixture.calendar.id,
        channel,
        resource: "res".to_owned(),
        sync: false,
        received_at: SystemClock.now(),
    };
    consumer.handle(late, &delivery()).await.unwrap();
    assert_eq!(fixture.row().await, (Some("c1".to_owned()), false));
    assert_eq!(fixture.asked("syncToken").await, 0);
}
