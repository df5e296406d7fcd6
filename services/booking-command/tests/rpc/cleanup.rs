//! What is old is forgotten, in batches, and nothing else.

use sqlx::PgPool;

use crate::{
    google::Google,
    world::{PATIENCE, World},
};

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn old_rows_are_forgotten_and_young_ones_kept(pool: PgPool) {
    for (days, rows) in [(8, 25), (6, 3)] {
        sqlx::query(
            "INSERT INTO booking.inbox (message_id, consumer, received_at)
            SELECT gen_random_uuid(), 'x', now() - $1 * interval '1 day'
            FROM generate_series(1, $2)",
        )
        .bind(days)
        .bind(rows)
        .execute(&pool)
        .await
        .unwrap();
    }
    sqlx::query(
        "INSERT INTO booking.changes (tenant_id, object_id, version, message_id, body, changed_at)
        SELECT 't1', 'o1', n, gen_random_uuid(), '{}', now() - (62 - n) * interval '1 day'
        FROM generate_series(1, 61) AS n",
    )
    .execute(&pool)
    .await
    .unwrap();
    let more = [("CLEANUP__BATCH", "10")];
    let world = World::replica(pool, Google::start().await, &more).await;
    let all =
        "SELECT (SELECT count(*) FROM booking.inbox) + (SELECT count(*) FROM booking.changes)";
    let forgotten = async {
        // 3 young rows of the inbox; versions 32 to 61 are 1 to 30 days old, and 30 days is old.
        while world.number(all).await != 3 + 29 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.unwrap();
    let oldest = "SELECT min(version) FROM booking.changes";
    assert_eq!(world.number(oldest).await, 33);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn tokens_of_subjects_that_are_not_used_any_more_are_forgotten(pool: PgPool) {
    for statement in [
        "INSERT INTO booking.tenants (tenant_id, module_enabled) VALUES ('t1', true)",
        "INSERT INTO booking.access_tokens (tenant_id, purpose, subject, sealed_token, sealed_with, expires_at)
        VALUES ('t1', 'booker', 'old@x.com', '', 'a', now() - interval '2 hours'),
            ('t1', 'booker', 'young@x.com', '', 'a', now() + interval '2 minutes')",
        "INSERT INTO booking.access_tokens (tenant_id, purpose, subject, refreshing_until)
        VALUES ('t1', 'booker', 'refused@x.com', now() - interval '2 hours'),
            ('t1', 'booker', 'claimed@x.com', now() + interval '10 seconds'),
            ('t1', 'booker', 'dropped@x.com', NULL)",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let world = World::replica(pool, Google::start().await, &[]).await;
    let left =
        "SELECT coalesce(string_agg(subject, ' ' ORDER BY subject), '') FROM booking.access_tokens";
    let forgotten = async {
        while world.text(left).await != "claimed@x.com young@x.com" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.unwrap();
}
