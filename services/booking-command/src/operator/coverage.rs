//! `GetCoverage`: counted in one query over the links of all tenants, some thousand rows.

use std::collections::HashMap;

use roomsync_postgres::Database;
use roomsync_proto::operator::v1 as proto;
use serde_json::Value;

use crate::{status::CommandError, validate::stamp};

pub(super) async fn get(database: &Database) -> Result<proto::GetCoverageResponse, CommandError> {
    let query = sqlx::query!(
        r#"
        -- booking.operator.coverage
        SELECT
            (SELECT jsonb_object_agg(state, links)
             FROM (SELECT state, count(*) AS links
                   FROM booking.links
                   WHERE state <> 'removed'
                   GROUP BY state) AS by_state) AS links,
            (SELECT jsonb_object_agg(channel_state, links)
             FROM (SELECT channel_state, count(*) AS links
                   FROM booking.links
                   WHERE state = 'verified'
                   GROUP BY channel_state) AS by_channel) AS channels,
            (SELECT min(last_check_at)
             FROM booking.links
             WHERE state = 'verified'
               AND imported_at IS NOT NULL) AS oldest_check_at,
            (SELECT min(greatest(publish_after, created_at))
             FROM booking.outbox
             WHERE publish_after <= clock_timestamp()) AS oldest_unpublished_at,
            (SELECT count(*)
             FROM booking.bookings
             WHERE google_write IS NOT NULL) AS "writes_waiting!"
        "#,
    )
    .fetch_one(database.pool());
    let counted = database.answer(query).await?;
    Ok(proto::GetCoverageResponse {
        links: by_word(counted.links),
        channels: by_word(counted.channels),
        oldest_check_at: counted.oldest_check_at.map(stamp),
        oldest_unpublished_at: counted.oldest_unpublished_at.map(stamp),
        writes_waiting: counted.writes_waiting,
    })
}

fn by_word(counted: Option<Value>) -> HashMap<String, i64> {
    let Some(Value::Object(counted)) = counted else {
        return HashMap::new();
    };
    let count = |(word, count): (String, Value)| (word, count.as_i64().unwrap_or_default());
    counted.into_iter().map(count).collect()
}
