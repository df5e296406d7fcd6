//! `BookingService.ListChanges`: an object's changes after a version, for a reader that lost some.

use roomsync_domain::{ObjectId, TenantId};
use roomsync_messages::{ChangedItem, ObjectChanged};
use roomsync_postgres::Database;
use roomsync_proto::booking::v1 as pb;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{record::snapshot_to_api, snapshot};
use crate::{
    convert,
    status::CommandError,
    validate::{self, stamp},
};

/// Answers the request for a tenant the caller may see. A deleted object still answers: the end of
/// its link is among its changes.
pub async fn list_changes(
    database: &Database,
    tenant: &TenantId,
    request: &pb::ListChangesRequest,
) -> Result<pb::ListChangesResponse, CommandError> {
    let object: ObjectId = validate::id("object_id", &request.object_id)?;
    let after = request.after_version;
    if after < 0 {
        return Err(CommandError::invalid(
            "after_version",
            "a version, or 0 for every change",
        ));
    }
    let page_size = validate::page_size(request.page_size, 100, 500)?;
    let mut tx = snapshot::begin(database).await?;
    let object_version = version(&mut tx, tenant, &object).await?;
    let changes = page(&mut tx, tenant, &object, after, page_size).await?;
    tx.commit().await?;
    let next = changes
        .first()
        .map_or(object_version + 1, |(_, change)| change.version);
    if after < object_version && next != after + 1 {
        return Err(CommandError::OutOfRange {
            reason: "VERSION_EXPIRED",
        });
    }
    Ok(pb::ListChangesResponse {
        changes: changes
            .into_iter()
            .map(|(id, change)| to_api(id, change))
            .collect(),
        object_version,
    })
}

async fn version(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<i64, CommandError> {
    let version = sqlx::query_scalar!(
        "
        -- booking.objects.version
        SELECT version
        FROM booking.objects
        WHERE tenant_id = $1
          AND object_id = $2
        ",
        tenant.as_str(),
        object.as_str(),
    )
    .fetch_optional(tx)
    .await?;
    version.ok_or(CommandError::NotFound("OBJECT_NOT_FOUND"))
}

async fn page(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    after: i64,
    page_size: i64,
) -> Result<Vec<(Uuid, ObjectChanged)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        -- booking.changes.page
        SELECT message_id, body AS "body: Json<ObjectChanged>"
        FROM booking.changes
        WHERE tenant_id = $1
          AND object_id = $2
          AND version > $3
        ORDER BY version
        LIMIT $4
        "#,
        tenant.as_str(),
        object.as_str(),
        after,
        page_size,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.message_id, row.body.0))
        .collect())
}

fn to_api(change_id: Uuid, change: ObjectChanged) -> pb::ObjectChange {
    let ObjectChanged {
        tenant,
        object,
        version,
        changed_at,
        items,
        forgotten,
        ..
    } = change;
    let item = |item| pb::ChangeItem {
        item: Some(item_to_api(item, &tenant, &object, version)),
    };
    pb::ObjectChange {
        items: items.into_iter().map(item).collect(),
        forgotten_booking_ids: forgotten.iter().map(ToString::to_string).collect(),
        object_id: object.to_string(),
        version,
        change_id: change_id.to_string(),
        changed_at: Some(stamp(changed_at)),
    }
}

fn item_to_api(
    item: ChangedItem,
    tenant: &TenantId,
    object: &ObjectId,
    version: i64,
) -> pb::change_item::Item {
    use pb::change_item::Item;
    match item {
        ChangedItem::Booking { booking } => {
            Item::Booking(snapshot_to_api(&booking, tenant, object, version))
        }
        ChangedItem::Reset { from, link } => Item::Reset(pb::ObjectReset {
            link_id: link.map(|link| link.to_string()).unwrap_or_default(),
            from: Some(stamp(from)),
        }),
        ChangedItem::Link {
            link,
            state,
            reason,
        } => Item::Link(pb::LinkChanged {
            link_id: link.to_string(),
            state: convert::api_word(state.as_str()),
            reason: reason.as_deref().map(convert::api_word).unwrap_or_default(),
        }),
    }
}
