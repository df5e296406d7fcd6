//! `PeopleService`.

use roomsync_proto::integration::v1 as api;
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::world::{World, fact, insert_booking, refused};

async fn upsert(world: &World, users: &[(&str, &str, &[&str])]) -> Result<(), Status> {
    let users = users
        .iter()
        .map(|(id, mail, aliases)| api::User {
            user_id: (*id).to_owned(),
            mail: (*mail).to_owned(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            locale: "de".to_owned(),
        })
        .collect();
    let request = api::UpsertUsersRequest {
        tenant_id: "t1".to_owned(),
        users,
    };
    world.people().await.upsert_users(request).await.map(drop)
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn an_address_held_by_another_user_is_taken_whatever_its_case(pool: PgPool) {
    let world = World::start(pool).await;
    world.put_tenant("t1", true).await;
    upsert(&world, &[("u1", "Ada@Example.com", &["Love@example.com"])])
        .await
        .unwrap();
    let taken = upsert(
        &world,
        &[
            ("u2", "b@x.com", &[]),
            ("u3", "c@x.com", &["LOVE@EXAMPLE.com"]),
        ],
    );
    let status = refused(taken.await, Code::AlreadyExists, "MAIL_TAKEN");
    fact(&status, "field", "users[1].aliases[0]");
    assert_eq!(world.number("SELECT count(*) FROM booking.users").await, 1);
    let mails = "SELECT string_agg(mail, ' ' ORDER BY mail) FROM booking.user_mails";
    assert_eq!(world.text(mails).await, "ada@example.com love@example.com");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn users_may_swap_addresses_in_one_call(pool: PgPool) {
    let world = World::start(pool).await;
    world.put_tenant("t1", true).await;
    upsert(&world, &[("u1", "a@x.com", &[]), ("u2", "b@x.com", &[])])
        .await
        .unwrap();
    upsert(&world, &[("u1", "b@x.com", &[]), ("u2", "a@x.com", &[])])
        .await
        .unwrap();
    let owner = "SELECT user_id FROM booking.user_mails WHERE mail = 'a@x.com'";
    assert_eq!(world.text(owner).await, "u2");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_user_who_appears_later_gets_future_anonymous_bookings_and_no_past_ones(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap().link_id;
    world.booking(&link, "past", "ada@example.com", -5).await;
    world.booking(&link, "future", "ada@example.com", 5).await;
    world.booking(&link, "foreign", "bob@example.com", 9).await;
    let version = "SELECT version FROM booking.objects WHERE object_id = 'o1'";
    let before = world.number(version).await;
    upsert(&world, &[("u1", "a@example.com", &["Ada@example.com"])])
        .await
        .unwrap();
    let owned = "SELECT string_agg(event_id, ' ') FROM booking.bookings WHERE booker_id = 'u1'";
    assert_eq!(world.text(owned).await, "future");
    assert_eq!(world.number(version).await, before + 1);
    upsert(&world, &[("u1", "a@example.com", &["Ada@example.com"])])
        .await
        .unwrap();
    assert_eq!(
        world.number(version).await,
        before + 1,
        "nothing changed the second time"
    );
}

/// As an `Apply` does it: under the object's lock, with the users as they were when it began.
#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_user_who_appears_while_a_listing_is_applied_gets_its_booking(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap().link_id;
    let mut listing = world.pool.begin().await.unwrap();
    let lock = "SELECT FROM booking.objects WHERE object_id = 'o1' FOR NO KEY UPDATE";
    sqlx::query(lock).execute(&mut *listing).await.unwrap();
    insert_booking(&mut *listing, &link, "e1", "ada@example.com", 5).await;
    let mut upserting = std::pin::pin!(upsert(&world, &[("u1", "ada@example.com", &[])]));
    let early = tokio::select! {
        done = &mut upserting => Some(done),
        () = world.somebody_waits() => None,
    };
    listing.commit().await.unwrap();
    match early {
        Some(done) => done.unwrap(),
        None => upserting.await.unwrap(),
    }
    let owner = "SELECT coalesce(booker_id, 'nobody') FROM booking.bookings";
    assert_eq!(world.text(owner).await, "u1");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn the_bookings_of_a_deleted_user_become_anonymous(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap().link_id;
    world.booking(&link, "past", "ada@example.com", -5).await;
    world.booking(&link, "future", "ada@example.com", 5).await;
    upsert(&world, &[("u1", "ada@example.com", &[])])
        .await
        .unwrap();
    world
        .execute("UPDATE booking.bookings SET booker_kind = 'user', booker_id = 'u1'")
        .await;
    world
        .execute(
            "INSERT INTO booking.access_tokens (tenant_id, purpose, subject)
            VALUES ('t1', 'booker', 'ada@example.com'), ('t1', 'booker', 'bob@example.com')",
        )
        .await;
    let version = "SELECT version FROM booking.objects WHERE object_id = 'o1'";
    let before = world.number(version).await;
    let user_ids = vec!["u1".to_owned(), "unknown".to_owned()];
    let request = api::DeleteUsersRequest {
        tenant_id: "t1".to_owned(),
        user_ids,
    };
    world.people().await.delete_users(request).await.unwrap();
    let tokens =
        "SELECT string_agg(subject, ' ') FROM booking.access_tokens WHERE purpose = 'booker'";
    assert_eq!(world.text(tokens).await, "bob@example.com");
    let anonymous = "SELECT count(*) FROM booking.bookings WHERE booker_kind = 'anonymous'";
    assert_eq!(world.number(anonymous).await, 2);
    // What has ended is published too: subscribers that hold it must let the person go.
    assert_eq!(world.number(version).await, before + 2);
    let published = "SELECT count(*)
        FROM booking.bookings AS booking
        JOIN booking.changes AS change ON change.version = booking.object_version
        WHERE change.body->'items' @> jsonb_build_array(jsonb_build_object('booking',
            jsonb_build_object('id', booking_id, 'booker', jsonb_build_object('kind', 'anonymous'))))";
    assert_eq!(world.number(published).await, 2);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn years_of_ended_bookings_become_anonymous_in_steps(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap().link_id;
    upsert(&world, &[("u1", "ada@x.com", &[])]).await.unwrap();
    world.booking(&link, "e0", "ada@x.com", -5).await;
    world
        .execute(
            "UPDATE booking.bookings
            SET booker_kind = 'user', booker_id = 'u1', state = 'removed', cause = 'cancelled'",
        )
        .await;
    world
        .execute(
            "INSERT INTO booking.bookings (booking_id, tenant_id, object_id, link_id, event_id, state,
                starts_at, ends_at, booker_kind, booker_id, cause, object_version)
            SELECT gen_random_uuid(), tenant_id, object_id, link_id, concat('e', n), state,
                starts_at, ends_at, booker_kind, booker_id, cause, object_version
            FROM booking.bookings, generate_series(1, 1200) AS n",
        )
        .await;
    let delete = || async {
        let request = api::DeleteUsersRequest {
            tenant_id: "t1".to_owned(),
            user_ids: vec!["u1".to_owned()],
        };
        world.people().await.delete_users(request).await.unwrap();
    };
    let version = "SELECT version FROM booking.objects WHERE object_id = 'o1'";
    let before = world.number(version).await;
    delete().await;
    let owned = "SELECT count(*) FROM booking.bookings WHERE booker_kind = 'user'";
    assert_eq!(world.number(owned).await, 0);
    // 500, 500 and 201 of them, 100 in a version.
    assert_eq!(world.number(version).await, before + 13);
    delete().await;
    assert_eq!(world.number(version).await, before + 13);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_malformed_address_is_refused_by_name(pool: PgPool) {
    let world = World::start(pool).await;
    world.put_tenant("t1", true).await;
    let answer = upsert(&world, &[("u1", "no address", &[])]).await;
    fact(
        &refused(answer, Code::InvalidArgument, "INVALID_FIELD"),
        "field",
        "users[0].mail",
    );
}

const OWNERS: &str = "SELECT string_agg(concat(event_id, '=', coalesce(booker_id, 'nobody')), ' '
        ORDER BY event_id)
    FROM booking.bookings";

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn an_address_that_is_taken_from_a_user_takes_its_future_bookings_along(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap().link_id;
    upsert(&world, &[("u1", "ada@x.com", &["love@x.com"])])
        .await
        .unwrap();
    world.booking(&link, "a", "ada@x.com", 5).await;
    world.booking(&link, "b", "love@x.com", 7).await;
    world.booking(&link, "past", "love@x.com", -5).await;
    let owned = "UPDATE booking.bookings SET booker_kind = 'user', booker_id = 'u1'";
    world.execute(owned).await;

    upsert(&world, &[("u1", "ada@x.com", &[])]).await.unwrap();
    assert_eq!(world.text(OWNERS).await, "a=u1 b=nobody past=u1");
    // Whoever holds it next gets them.
    upsert(&world, &[("u2", "love@x.com", &[])]).await.unwrap();
    assert_eq!(world.text(OWNERS).await, "a=u1 b=u2 past=u1");
    upsert(
        &world,
        &[("u1", "love@x.com", &[]), ("u2", "ada@x.com", &[])],
    )
    .await
    .unwrap();
    assert_eq!(world.text(OWNERS).await, "a=u2 b=u1 past=u1");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_devices_booking_and_a_strangers_stay_when_addresses_change_hands(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap().link_id;
    upsert(&world, &[("u1", "ada@x.com", &[])]).await.unwrap();
    world.booking(&link, "door", "ada@x.com", 5).await;
    world.booking(&link, "other", "bob@x.com", 7).await;
    let device = "UPDATE booking.bookings SET booker_kind = 'device', booker_id = 'd1'
        WHERE event_id = 'door'";
    world.execute(device).await;
    upsert(&world, &[("u1", "new@x.com", &[])]).await.unwrap();
    assert_eq!(world.text(OWNERS).await, "door=d1 other=nobody");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_private_booking_of_a_deleted_user_is_nobodys_and_stays_private(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap().link_id;
    upsert(&world, &[("u1", "ada@x.com", &[])]).await.unwrap();
    world.booking(&link, "e1", "ada@x.com", 5).await;
    let private = "UPDATE booking.bookings
        SET booker_kind = 'user', booker_id = 'u1', private = true";
    world.execute(private).await;
    let request = api::DeleteUsersRequest {
        tenant_id: "t1".to_owned(),
        user_ids: vec!["u1".to_owned()],
    };
    world.people().await.delete_users(request).await.unwrap();
    assert_eq!(world.text(OWNERS).await, "e1=nobody");
    let private = "SELECT count(*) FROM booking.bookings WHERE private";
    assert_eq!(world.number(private).await, 1);
}
