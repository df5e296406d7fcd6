//! Which mail a change of a tenant's connection calls for (D19): one when it is lost, and one when it works
//! again after that. Connecting and disconnecting are what administrators did themselves.

use roomsync_messages::ConnectionChanged;
use sqlx::PgConnection;

use super::notices::{Kind, Notice};

/// Notes the state and answers the mail that it calls for. A change older than the one that is known changes
/// nothing.
pub async fn note(
    tx: &mut PgConnection,
    change: &ConnectionChanged,
) -> Result<Option<Notice>, sqlx::Error> {
    let before = sqlx::query_scalar!(
        "-- notification.connections.lock
        SELECT state
        FROM notification.connections
        WHERE tenant_id = $1
        FOR UPDATE",
        change.tenant.as_str(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    let noted = sqlx::query!(
        "-- notification.connections.note
        INSERT INTO notification.connections AS c (tenant_id, state, changed_at)
        VALUES ($1, $2, $3)
        ON CONFLICT (tenant_id) DO UPDATE
        SET state = excluded.state,
            changed_at = excluded.changed_at
        WHERE c.changed_at < excluded.changed_at",
        change.tenant.as_str(),
        change.state,
        change.changed_at,
    )
    .execute(tx)
    .await?;
    if noted.rows_affected() == 0 {
        return Ok(None);
    }
    Ok(called_for(before.as_deref(), &change.state).map(|kind| {
        let at = change.changed_at.timestamp_micros();
        Notice {
            kind,
            booking: None,
            webhook: None,
            cause: None,
            several: false,
            dedup: format!("{}/{at}", kind.as_str()),
        }
    }))
}

fn called_for(before: Option<&str>, after: &str) -> Option<Kind> {
    match (before, after) {
        (Some("lost"), "lost") => None,
        (_, "lost") => Some(Kind::ConnectionLost),
        (Some("lost"), "active") => Some(Kind::ConnectionActive),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(None, "active", None)]
    #[case(None, "lost", Some(Kind::ConnectionLost))]
    #[case(Some("active"), "lost", Some(Kind::ConnectionLost))]
    // Lost for another reason is still lost.
    #[case(Some("lost"), "lost", None)]
    #[case(Some("lost"), "active", Some(Kind::ConnectionActive))]
    #[case(Some("active"), "active", None)]
    #[case(Some("lost"), "disconnecting", None)]
    #[case(Some("disconnecting"), "disconnected", None)]
    // Connected anew by an administrator, who knows.
    #[case(Some("disconnected"), "active", None)]
    #[case(Some("active"), "of_a_later_version", None)]
    fn only_losing_it_and_having_it_back_is_told(
        #[case] before: Option<&str>,
        #[case] after: &str,
        #[case] expected: Option<Kind>,
    ) {
        assert_eq!(called_for(before, after), expected);
    }
}
