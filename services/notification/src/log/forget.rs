//! Persons leave the log (B13): when booking-command says that they have left bookings, the entries that tell
//! whose these were are rewritten. Replaying the stream or a webhook that was down brings nobody back.

use roomsync_messages::ObjectChanged;
use sqlx::PgConnection;

/// Rewrites the earlier entries of the object of a change. Its row is locked, so none comes in between.
pub(super) async fn persons(
    tx: &mut PgConnection,
    change: &ObjectChanged,
) -> Result<(), sqlx::Error> {
    if change.forgotten.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = change.forgotten.iter().map(ToString::to_string).collect();
    sqlx::query!(
        r#"-- notification.log.forget
        UPDATE notification.log
        SET body = jsonb_set(body, '{items}', (
            SELECT jsonb_agg(
                CASE
                    WHEN item->'booking'->>'id' = ANY($4)
                        AND item->'booking'->'booker'->>'kind' = 'user'
                    THEN jsonb_set(item, '{booking,booker}', '{"kind": "anonymous"}')
                    ELSE item
                END
                ORDER BY place
            )
            FROM jsonb_array_elements(body->'items') WITH ORDINALITY AS items (item, place)
        ))
        WHERE tenant_id = $1
            AND object_id = $2
            AND version < $3
            AND EXISTS (
                SELECT
                FROM jsonb_array_elements(body->'items') AS item
                WHERE item->'booking'->>'id' = ANY($4)
                    AND item->'booking'->'booker'->>'kind' = 'user'
            )"#,
        change.tenant.as_str(),
        change.object.as_str(),
        change.version,
        &ids,
    )
    .execute(tx)
    .await?;
    Ok(())
}
