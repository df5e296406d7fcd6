//! What is known of the watch channels, and whose work they are.

use roomsync_domain::{CalendarId, ChannelId, Clock as _, SystemClock};
use sqlx::PgPool;

use super::{MINUTE, NO_TIME, opened};
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
    assert!(!channels.opened(channel, "r", None).await.unwrap());
    let live = channels.retire(id, None).await.unwrap();
    assert_eq!(live[0].resource_id.as_deref(), Some("r"));
}
