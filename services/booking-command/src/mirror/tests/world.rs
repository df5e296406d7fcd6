//! A database with two tenants, each with an object that is linked and verified.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use roomsync_domain::{
    BookingId, LinkId, Occurrence, OccurrenceKey, RoomAnswer, TenantId, TimeWindow,
    decide::{Listing, Scope},
};
use roomsync_messages::{ChangedItem, ObjectChanged};
use roomsync_postgres::{Database, DatabaseConfig};
use roomsync_proto::{booking::v1 as pb, internal::v1::ApplyResponse};
use roomsync_sealing::{Keyring, SealingConfig, SealingKey};
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions, types::Json};
use uuid::Uuid;

use crate::{
    bookings::list::list_bookings,
    convert,
    mirror::{apply::apply, request::Apply},
    status::CommandError,
};

pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) ring: Keyring,
    pub(crate) ours: Linked,
    pub(crate) theirs: Linked,
    epoch: AtomicI64,
}

/// A tenant's linked object.
#[derive(Debug, Clone)]
pub(crate) struct Linked {
    pub(crate) tenant: TenantId,
    pub(crate) link: LinkId,
}

/// The object of both tenants: the same id on purpose.
pub(crate) const OBJECT: &str = "room-1";

/// An hour of a day far in the future.
pub(crate) fn at(hour: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(4_102_444_800, 0).unwrap() + TimeDelta::hours(hour)
}

pub(crate) fn window(from: i64, to: i64) -> TimeWindow {
    TimeWindow::new(at(from), at(to)).unwrap()
}

/// An event of Anna that the room accepted.
pub(crate) fn accepted(id: &str, from: i64, to: i64) -> Occurrence {
    Occurrence {
        key: OccurrenceKey::Event(id.to_owned()),
        event_id: id.to_owned(),
        cancelled: false,
        room_answer: RoomAnswer::Accepted,
        transparent: false,
        private: false,
        window: Some(window(from, to)),
        all_day: false,
        organizer_mail: Some("anna@example.com".to_owned()),
        organizer_is_room: false,
        creator_mail: None,
        attendee_mails: Vec::new(),
        declined_mails: Vec::new(),
        title: Some("Planning".to_owned()),
        flexopus_property: None,
    }
}

pub(crate) fn cancelled(id: &str) -> Occurrence {
    Occurrence {
        cancelled: true,
        window: None,
        ..accepted(id, 0, 1)
    }
}

/// One event as a delta shows it.
pub(crate) fn event(seen: Occurrence) -> Listing {
    Listing {
        scope: Scope::Event(seen.event_id.clone()),
        seen: vec![seen],
    }
}

/// Everything in the 400 days around.
pub(crate) fn everything(seen: Vec<Occurrence>) -> Listing {
    Listing {
        scope: Scope::Window(window(-24, 400 * 24)),
        seen,
    }
}

impl World {
    pub(crate) async fn start(options: &PgConnectOptions) -> Self {
        let url = options.to_url_lossy().to_string();
        // A few, because many tests share one server.
        let config = DatabaseConfig {
            max_connections: 3,
            ..DatabaseConfig::new(url)
        };
        let database = Database::connect_lazy(&config, "booking").unwrap();
        database.migrate(&crate::MIGRATOR).await.unwrap();
        let ours = linked(&database, "ours").await;
        let theirs = linked(&database, "theirs").await;
        Self {
            database,
            ring: ring(),
            ours,
            theirs,
            epoch: AtomicI64::new(0),
        }
    }

    /// The next listing of our link.
    pub(crate) fn listing(&self, listings: Vec<Listing>) -> Apply {
        Apply {
            tenant: self.ours.tenant.clone(),
            link: self.ours.link,
            epoch: self.epoch.fetch_add(1, Ordering::Relaxed) + 1,
            // Before anything here was written.
            listed_since: DateTime::from_timestamp(4_000_000_000, 0).unwrap(),
            full_sync: false,
            received_at: None,
            reconcile: false,
            mirrored_until: None,
            listings,
        }
    }

    pub(crate) async fn apply(&self, listings: Vec<Listing>) -> ApplyResponse {
        apply(&self.database, &self.ring, &self.listing(listings))
            .await
            .unwrap()
    }

    /// Applies what a delta shows of one event.
    pub(crate) async fn see(&self, seen: Occurrence) -> ApplyResponse {
        self.apply(vec![event(seen)]).await
    }

    pub(crate) async fn full_sync(&self, seen: Vec<Occurrence>) -> ApplyResponse {
        let listing = Apply {
            full_sync: true,
            ..self.listing(vec![everything(seen)])
        };
        apply(&self.database, &self.ring, &listing).await.unwrap()
    }

    /// Our bookings by start, ended ones included, as the API lists them.
    pub(crate) async fn bookings(&self) -> Vec<pb::Booking> {
        self.bookings_of(&self.ours).await
    }

    pub(crate) async fn bookings_of(&self, linked: &Linked) -> Vec<pb::Booking> {
        let request = pb::ListBookingsRequest {
            window: Some(convert::window(window(-24, 400 * 24))),
            include_ended: true,
            page_size: 1000,
            ..Default::default()
        };
        list_bookings(&self.database, &linked.tenant, &request)
            .await
            .unwrap()
            .bookings
    }

    /// The only booking there is.
    pub(crate) async fn booking(&self) -> pb::Booking {
        let mut bookings = self.bookings().await;
        assert_eq!(bookings.len(), 1, "{bookings:?}");
        bookings.remove(0)
    }

    /// The log of our object, after checking that it has no gap and is what the outbox holds.
    pub(crate) async fn log(&self) -> Vec<ObjectChanged> {
        type Row = (Uuid, Json<ObjectChanged>);
        let log: Vec<Row> = sqlx::query_as(
            "SELECT message_id, body FROM booking.changes WHERE tenant_id = $1 ORDER BY version",
        )
        .bind(self.ours.tenant.as_str())
        .fetch_all(self.database.pool())
        .await
        .unwrap();
        let outbox: Vec<Row> = sqlx::query_as(
            "SELECT message_id, body FROM booking.outbox
            WHERE message_type = 'object.changed' AND body ->> 'tenant' = $1 ORDER BY position",
        )
        .bind(self.ours.tenant.as_str())
        .fetch_all(self.database.pool())
        .await
        .unwrap();
        assert_eq!(log, outbox, "the outbox holds what the log says");
        let log: Vec<ObjectChanged> = log.into_iter().map(|(_, body)| body.0).collect();
        for (change, version) in log.iter().zip(1..) {
            assert_eq!(change.version, version, "no gap");
            assert!(change.items.len() <= 100);
        }
        assert_eq!(self.version().await, i64::try_from(log.len()).unwrap());
        log
    }

    pub(crate) async fn version(&self) -> i64 {
        sqlx::query_scalar("SELECT version FROM booking.objects WHERE tenant_id = $1")
            .bind(self.ours.tenant.as_str())
            .fetch_one(self.database.pool())
            .await
            .unwrap()
    }

    /// One value of our link's row.
    pub(crate) async fn stamp(&self, column: &'static str) -> Option<DateTime<Utc>> {
        let sql = format!("SELECT {column} FROM booking.links WHERE link_id = $1");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(self.ours.link.0)
            .fetch_one(self.database.pool())
            .await
            .unwrap()
    }

    /// Runs a statement whose only parameter is our tenant.
    pub(crate) async fn run(&self, sql: &'static str) {
        sqlx::query(sql)
            .bind(self.ours.tenant.as_str())
            .execute(self.database.pool())
            .await
            .unwrap();
    }
}

/// The keys that sign our events.
pub(crate) fn ring() -> Keyring {
    let key = SealingKey {
        id: "a".to_owned(),
        secret: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into(),
    };
    Keyring::new(&SealingConfig { keys: vec![key] }).unwrap()
}

/// The bookings of one change.
pub(crate) fn changed(change: &ObjectChanged) -> Vec<BookingId> {
    let booking = |item: &ChangedItem| match item {
        ChangedItem::Booking { booking } => Some(booking.id),
        ChangedItem::Reset { .. } | ChangedItem::Link { .. } => None,
    };
    change.items.iter().filter_map(booking).collect()
}

/// The reason of a refusal.
pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T, CommandError>) -> &'static str {
    match result.unwrap_err() {
        CommandError::NotFound(reason)
        | CommandError::Precondition { reason, .. }
        | CommandError::Aborted { reason }
        | CommandError::OutOfRange { reason } => reason,
        CommandError::InvalidField { .. } => "INVALID_FIELD",
        other => panic!("unexpected {other:?}"),
    }
}

async fn linked(database: &Database, tenant: &str) -> Linked {
    let link = LinkId::new();
    let statements = [
        "INSERT INTO booking.tenants (tenant_id, module_enabled) VALUES ($1, $2::uuid IS NOT NULL)",
        "INSERT INTO booking.connections (tenant_id, connection_id, state, domain, project,
            service_account, directory_subject, rooms_subject, sealed_key, sealed_with)
        VALUES ($1, $2, 'active', 'example.com', 'p', 'sa@p.example.com', 'admin@example.com',
            'rooms@example.com', '', 'k')",
        "INSERT INTO booking.users (tenant_id, user_id)
        SELECT $1, 'anna' WHERE $2::uuid IS NOT NULL",
        "INSERT INTO booking.user_mails (tenant_id, mail, user_id, is_alias)
        SELECT $1, 'anna@example.com', 'anna', $2::uuid IS NULL",
        "INSERT INTO booking.objects (tenant_id, object_id, name, time_zone)
        SELECT $1, 'room-1', 'Room', 'Europe/Berlin' WHERE $2::uuid IS NOT NULL",
        "INSERT INTO booking.links (tenant_id, link_id, object_id, resource_email, state, verified_at)
        VALUES ($1, $2, 'room-1', 'room@resource.calendar.google.com', 'verified', now())",
    ];
    for sql in statements {
        sqlx::query(sql)
            .bind(tenant)
            .bind(link.0)
            .execute(database.pool())
            .await
            .unwrap();
    }
    Linked {
        tenant: tenant.parse().unwrap(),
        link,
    }
}
