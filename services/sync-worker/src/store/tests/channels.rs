//! What is known of the watch channels, and whose work they are.

use roomsync_domain::{CalendarId, ChannelId, Clock as _, SystemClock};
use sqlx::PgPool;

use super::{MINUTE, NO_TIME, at, opened};
use crate::{store::channels::Channels, tests::database::database};

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_push_completes_the_channel_that_it_came_through(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    let channels = Channels::new(database(&pool));
    let channel = ChannelId::new();
    assert!(!channels.heard(channel, id, "r").await.unwrap(), "unknown");
    channels
        .opening(channel, id, "admin@example.com")
        .await
        .unwrap();
    assert_eq!(
        calendars.standing(id).await.unwrap().unwrap().channel_state,
        "opening"
    );
    assert!(
        !channels
            .heard(channel, CalendarId::new(), "r")
            .await
            .unwrap(),
        "another calendar"
    );
    assert!(channels.heard(channel, id, "r").await.unwrap());
    assert!(
        !channels.heard(channel, id, "x").await.unwrap(),
        "a push that names something else"
    );
    let live = channels.retire(id, None).await.unwrap();
    assert_eq!(live[0].resource_id.as_deref(), Some("r"));
    assert!(!channels.heard(channel, id, "r").await.unwrap(), "stopping");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_new_channel_retires_the_older_ones_only(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    let channels = Channels::new(database(&pool));
    let (old, new) = (ChannelId::new(), ChannelId::new());
    for channel in [old, new] {
        channels
            .opening(channel, id, "admin@example.com")
            .await
            .unwrap();
        let expires_at = SystemClock.now() + chrono::TimeDelta::hours(1);
        channels
            .opened(channel, "r", Some(expires_at))
            .await
            .unwrap();
    }
    let retired = channels.retire(id, Some(new)).await.unwrap();
    assert_eq!(retired.iter().map(|it| it.id).collect::<Vec<_>>(), [old]);
    let standing = calendars.standing(id).await.unwrap().unwrap();
    assert_eq!(standing.channel_state.as_str(), "open");
    let of = |tenant: &str| tenant.parse().unwrap();
    assert_eq!(calendars.rooms(&of("acme")).await.unwrap(), 1);
    assert_eq!(calendars.rooms(&of("globex")).await.unwrap(), 0);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn channel_work_is_taken_by_one(pool: PgPool) {
    let (_, id) = opened(&pool).await;
    let channels = Channels::new(database(&pool));
    assert!(channels.claim(id).await.unwrap());
    assert!(!channels.claim(id).await.unwrap());
    assert!(channels.claim_due(10).await.unwrap().is_empty());
    channels.due_in(id, NO_TIME).await.unwrap();
    assert_eq!(channels.claim_due(10).await.unwrap().len(), 1);
    channels.push_refused(id, MINUTE).await.unwrap();
    assert!(channels.claim_due(10).await.unwrap().is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn no_channel_is_begun_for_a_calendar_that_closes(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    let channels = Channels::new(database(&pool));
    let begin = async || {
        channels
            .opening(ChannelId::new(), id, "admin@example.com")
            .await
    };
    assert!(begin().await.unwrap());
    calendars.closing(id).await.unwrap();
    assert!(!begin().await.unwrap());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_channel_that_was_given_up_before_it_opened_is_still_to_be_stopped(pool: PgPool) {
    let (_, id) = opened(&pool).await;
    let (channels, channel) = (Channels::new(database(&pool)), ChannelId::new());
    channels
        .opening(channel, id, "admin@example.com")
        .await
        .unwrap();
    channels.retire(id, None).await.unwrap();
    channels.stopped(channel).await.unwrap();
    assert!(!channels.opened(channel, "r", None).await.unwrap().in_use);
    let live = channels.retire(id, None).await.unwrap();
    assert_eq!(live[0].resource_id.as_deref(), Some("r"));
}

/// Opens a channel that lives for so many seconds more.
async fn channel_for(channels: &Channels, calendar: CalendarId, seconds: i64) -> ChannelId {
    let channel = ChannelId::new();
    channels
        .opening(channel, calendar, "admin@example.com")
        .await
        .unwrap();
    let expires_at = SystemClock.now() + chrono::TimeDelta::seconds(seconds);
    let opened = channels.opened(channel, "r", Some(expires_at)).await;
    assert!(opened.unwrap().in_use);
    channel
}

/// In how many seconds the channel work of the only calendar is due.
async fn due_in(pool: &PgPool) -> i64 {
    let due = "SELECT EXTRACT(EPOCH FROM channel_due_at - now())::bigint FROM sync.calendars";
    sqlx::query_scalar(due).fetch_one(pool).await.unwrap()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn whoever_takes_channel_work_has_it_for_half_of_what_is_left_at_most(pool: PgPool) {
    let (_, id) = opened(&pool).await;
    let channels = Channels::new(database(&pool));
    assert_eq!(channels.left(id).await.unwrap(), None);
    for (life, expected) in [
        (None, 55..=60),
        (Some(4), 3..=5),
        (Some(40), 15..=20),
        (Some(9000), 55..=60),
    ] {
        if let Some(life) = life {
            channel_for(&channels, id, life).await;
            let left = channels.left(id).await.unwrap().unwrap().as_secs();
            assert!(left <= life.unsigned_abs(), "{left} of {life}");
        }
        channels.due_in(id, NO_TIME).await.unwrap();
        assert_eq!(channels.claim_due(10).await.unwrap().len(), 1);
        let due = due_in(&pool).await;
        assert!(expected.contains(&due), "{due} after {life:?}");
        channels.due_in(id, NO_TIME).await.unwrap();
        assert!(channels.claim(id).await.unwrap());
        let due = due_in(&pool).await;
        assert!(expected.contains(&due), "{due} after {life:?}");
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_life_is_measured_by_postgresqls_clock_and_one_that_is_over_is_none(pool: PgPool) {
    let (_, id) = opened(&pool).await;
    let (channels, channel) = (Channels::new(database(&pool)), ChannelId::new());
    channels
        .opening(channel, id, "admin@example.com")
        .await
        .unwrap();
    let over = SystemClock.now() - chrono::TimeDelta::hours(1);
    let opened = channels.opened(channel, "r", Some(over)).await.unwrap();
    assert!(opened.in_use && opened.life == Some(NO_TIME));
    assert_eq!(channels.left(id).await.unwrap(), None);
    let unknown = channels.opened(channel, "r", None).await.unwrap();
    assert_eq!(unknown.life, None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_channel_is_silent_when_a_change_came_without_its_push_until_one_comes(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    let channels = Channels::new(database(&pool));
    let state = async || calendars.standing(id).await.unwrap().unwrap().channel_state;
    let now = || SystemClock.now();
    let later = now() + chrono::TimeDelta::minutes(5);
    assert!(!channels.silent(id, later).await.unwrap(), "there is none");
    channel_for(&channels, id, 9000).await;
    let before = now() - chrono::TimeDelta::minutes(5);
    assert!(
        !channels.silent(id, before).await.unwrap(),
        "it was not there yet"
    );
    channels.due_in(id, MINUTE).await.unwrap();
    assert_eq!(state().await, "open");

    assert!(channels.silent(id, later).await.unwrap());
    assert_eq!(state().await, "silent");
    let coverage = channels.coverage().await.unwrap();
    assert_eq!((coverage.pushed, coverage.silent), (0, 1));
    assert!(!channels.claim(id).await.unwrap(), "none is due yet");

    calendars.raise(id, None).await.unwrap();
    assert_eq!(state().await, "silent", "nobody pushed");
    calendars.raise(id, at(1)).await.unwrap();
    assert_eq!(state().await, "open");
    assert!(!channels.silent(id, later).await.unwrap(), "a push waits");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_backlog_of_an_outage_replaces_no_channel_and_a_silence_replaces_it_once(pool: PgPool) {
    let (_, id) = opened(&pool).await;
    let channels = Channels::new(database(&pool));
    channel_for(&channels, id, 9000).await;
    channels.due_in(id, MINUTE).await.unwrap();
    let moment = chrono::TimeDelta::microseconds(1);
    let found = async |at| assert!(channels.silent(id, at).await.unwrap());
    let is_due = async || channels.claim(id).await.unwrap();

    found(SystemClock.now() + chrono::TimeDelta::seconds(1)).await;
    assert!(!is_due().await, "it may have been an outage of ours");
    let since: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("SELECT push_silent_since FROM sync.calendars")
            .fetch_one(&pool)
            .await
            .unwrap();
    found(since - moment).await;
    assert!(!is_due().await, "the same outage");

    found(since + moment).await;
    assert!(is_due().await, "this change is of later");
    channel_for(&channels, id, 9000).await;
    channels.due_in(id, MINUTE).await.unwrap();
    found(since + moment).await;
    assert!(!is_due().await, "the new one is as good as any");
}
