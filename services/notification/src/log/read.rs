//! Reading the log in pages.

use chrono::{DateTime, Utc};
use roomsync_messages::ObjectChanged;
use sqlx::{PgExecutor, types::Json};

/// One change as it stands in the log.
#[derive(Debug, Clone)]
pub struct Row {
    /// Where it stands.
    pub position: i64,
    /// Equal for every delivery of the same change.
    pub change_id: String,
    /// What changed.
    pub body: Json<ObjectChanged>,
    /// When it was appended.
    pub appended_at: DateTime<Utc>,
}

/// At most `limit` changes after a position, in order.
pub async fn page(
    db: impl PgExecutor<'_>,
    tenant: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        r#"-- notification.log.page
        SELECT position, change_id, body AS "body: Json<ObjectChanged>", appended_at
        FROM notification.log
        WHERE tenant_id = $1 AND position > $2
        ORDER BY position
        LIMIT $3"#,
        tenant,
        after,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Whether these rows are what follows a position, with nothing cleaned up in between.
pub fn follows(rows: &[Row], after: i64) -> bool {
    let expected = (after + 1)..;
    !rows.is_empty()
        && rows
            .iter()
            .zip(expected)
            .all(|(row, at)| row.position == at)
}
