//! Changes that no push has told of: when a channel is taken for silent, and when it is replaced.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use roomsync_domain::ChannelId;
use sqlx::PgPool;

use super::fixture::{Fixture, SUBJECT};

const LATER: Duration = Duration::from_hours(1);

/// A calendar whose channel is not due for long.
struct Scene {
    fixture: Fixture,
}

impl Scene {
    async fn given(pool: PgPool) -> Self {
        let fixture = Fixture::new(pool).await.imported("c1").await;
        let scene = Self { fixture };
        scene.given_channel().await;
        scene
    }

    async fn given_channel(&self) {
        let (channels, channel) = (&self.fixture.worker.channels, ChannelId::new());
        let calendar = self.fixture.calendar.id;
        channels.opening(channel, calendar, SUBJECT).await.unwrap();
        channels.opened(channel, "res", None).await.unwrap();
        channels.due_in(calendar, LATER).await.unwrap();
    }

    /// A change of that time was found; whether its channel counts as silent.
    async fn found(&self, changed_at: DateTime<Utc>) -> bool {
        let channels = &self.fixture.worker.channels;
        let found = channels.silent(self.fixture.calendar.id, changed_at);
        found.await.unwrap()
    }

    async fn silent_since(&self) -> DateTime<Utc> {
        sqlx::query_scalar("SELECT push_silent_since FROM sync.calendars")
            .fetch_one(&self.fixture.pool)
            .await
            .unwrap()
    }

    async fn channel_is_due(&self) -> bool {
        sqlx::query_scalar("SELECT channel_due_at <= now() FROM sync.calendars")
            .fetch_one(&self.fixture.pool)
            .await
            .unwrap()
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_backlog_of_an_outage_replaces_no_channel_and_a_silence_replaces_it_once(pool: PgPool) {
    let scene = Scene::given(pool).await;
    assert!(scene.found(Utc::now() + TimeDelta::seconds(1)).await);
    let since = scene.silent_since().await;
    assert!(!scene.channel_is_due().await, "it may have been our outage");

    assert!(scene.found(since - TimeDelta::microseconds(1)).await);
    assert!(!scene.channel_is_due().await, "the same backlog");

    assert!(scene.found(since + TimeDelta::microseconds(1)).await);
    assert!(scene.channel_is_due().await);
    assert_eq!(scene.silent_since().await, since);

    scene.given_channel().await;
    assert!(scene.found(since + TimeDelta::minutes(1)).await);
    assert!(
        !scene.channel_is_due().await,
        "the new one is as good as any"
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_change_from_before_the_channel_says_nothing_of_it(pool: PgPool) {
    let before = Utc::now() - TimeDelta::minutes(1);
    let scene = Scene::given(pool).await;
    assert!(!scene.found(before).await);
}
