//! Who is told what, once, and whom nothing is said any more.

use super::*;

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_lost_room_is_told_once(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    world.handle(id).await.unwrap();
    world.handle(id).await.unwrap();

    let [mail] = world.server.taken().try_into().unwrap();
    assert_eq!(
        (mail.to.as_str(), mail.from.as_str()),
        (ANA, "rooms@example.com")
    );
    assert_eq!(mail.header_to, [ANA]);
    assert_eq!(mail.message_id, format!("{id}.0@example.com"));
    assert_eq!(mail.auto_submitted, "auto-generated");
    assert_eq!(
        mail.subject,
        "Nicht mehr gebucht: Aquarium für Größe, So., 25.11.2096, 10:00–11:00 Uhr"
    );
    assert!(
        mail.body.contains("Objekt: Aquarium für Größe\n"),
        "{mail:?}"
    );
    assert_eq!(world.outcome(id).await.as_deref(), Some("sent"));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_version_that_is_held_is_told_when_it_is_appended(pool: PgPool) {
    let world = World::new(&pool).await;
    let later = lost("a", 2);
    append(&world.database, &later).await;
    append(&world.database, &later).await;
    assert_eq!(world.due().await.len(), 0, "it waits for its predecessor");
    append(&world.database, &change("a", 1)).await;
    assert_eq!(world.due().await.len(), 1);
    append(&world.database, &later).await;
    assert_eq!(world.due().await.len(), 1, "a duplicate tells nothing");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_a_person_loses_within_a_short_time_is_one_mail(pool: PgPool) {
    let world = World::new(&pool).await;
    for (version, person, days) in [(1, ANA, 7), (2, "bob@example.com", 1), (3, ANA, 0)] {
        world.given_lost("a", version, person, days).await;
    }
    world.given_lost("b", 1, ANA, 0).await;
    let [id, of_another_object] = world.due().await.try_into().unwrap();
    world.handle(id).await.unwrap();
    world.handle(id).await.unwrap();

    let [ana, bob] = world.server.taken().try_into().unwrap();
    assert_eq!((ana.to.as_str(), bob.to.as_str()), (ANA, "bob@example.com"));
    assert_eq!(
        ana.subject,
        "Nicht mehr gebucht: Aquarium für Größe, 2 Termine"
    );
    let dates = "- So., 25.11.2096, 10:00–11:00 Uhr\n- So., 02.12.2096, 10:00–11:00 Uhr\n";
    assert!(ana.body.contains(dates), "{ana:?}");
    assert!(
        bob.subject.ends_with("Mo., 26.11.2096, 10:00–11:00 Uhr"),
        "{bob:?}"
    );
    assert_ne!(ana.message_id, bob.message_id);
    assert_eq!(
        world.outcomes().await,
        [(Some("sent".to_owned()), 3), (None, 1)]
    );

    // What comes when the mail has been sent is another one.
    world.given_lost("a", 4, ANA, 8).await;
    let [_, _, next] = world.due().await.try_into().unwrap();
    world.handle(next).await.unwrap();
    world.handle(of_another_object).await.unwrap();
    assert_eq!(world.server.taken().len(), 4);
    assert_eq!(world.outcomes().await, [(Some("sent".to_owned()), 5)]);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn who_was_told_is_not_told_again_because_of_others(pool: PgPool) {
    let world = World::new(&pool).await;
    for (version, person) in [(1, ANA), (2, "bob@example.com"), (3, "zoe@example.com")] {
        world.given_lost("a", version, person, 0).await;
    }
    let [id] = world.due().await.try_into().unwrap();
    world.server.answer(|to| match to {
        "bob@example.com" => Reply::Refuse(452),
        _ => Reply::Take,
    });
    let why = world.fails(id).await;
    assert!(why.contains("452"), "{why}");
    world.server.answer(|_| Reply::Take);
    world.handle(id).await.unwrap();
    let told = world.server.taken();
    let told: Vec<_> = told.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(told, [ANA, "zoe@example.com", "bob@example.com"]);

    // Whom no server takes a mail for is given up alone.
    for (version, person) in [(4, ANA), (5, "bob@example.com")] {
        world.given_lost("a", version, person, 0).await;
    }
    let id = world.due().await.pop().unwrap();
    world.server.answer(|to| match to {
        "bob@example.com" => Reply::Refuse(452),
        _ => Reply::Take,
    });
    world.age(id, 23).await;
    world.handle(id).await.unwrap();
    assert_eq!(
        world.outcomes().await,
        [
            (Some("given_up".to_owned()), 1),
            (Some("sent".to_owned()), 4)
        ]
    );
}

/// Mails may have waited for hours: nobody has use for what is over.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn nobody_is_told_of_a_booking_that_is_over(pool: PgPool) {
    let world = World::new(&pool).await;
    let century = -100 * 365;
    for (version, person, days) in [
        (1, ANA, century),
        (2, ANA, 0),
        (3, "bob@example.com", century),
    ] {
        world.given_lost("a", version, person, days).await;
    }
    let [id] = world.due().await.try_into().unwrap();
    world.handle(id).await.unwrap();
    let [mail] = world.server.taken().try_into().unwrap();
    assert!(
        mail.subject.ends_with("So., 25.11.2096, 10:00–11:00 Uhr"),
        "{mail:?}"
    );
    assert_eq!(
        world.outcomes().await,
        [
            (Some("outdated".to_owned()), 2),
            (Some("sent".to_owned()), 1)
        ]
    );

    // The first date of a series is over, the others may not be.
    world.given_lost("b", 1, ANA, century).await;
    sqlx::query("UPDATE notification.mails SET several = true WHERE object_id = 'b'")
        .execute(&pool)
        .await
        .unwrap();
    let id = world.due().await.pop().unwrap();
    world.handle(id).await.unwrap();
    assert_eq!(world.server.taken().len(), 2);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_booking_command_that_is_away_is_asked_again(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    *world.told.is_away.lock().unwrap() = true;
    world.fails(id).await;
    *world.told.is_away.lock().unwrap() = false;
    world.handle(id).await.unwrap();
    assert_eq!(world.outcome(id).await.as_deref(), Some("sent"));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn nobody_is_told_where_there_is_nobody(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    let room = "c_188a@resource.calendar.google.com".to_owned();
    world
        .told
        .booking
        .lock()
        .unwrap()
        .as_mut()
        .unwrap()
        .booker_mail = room;
    world.handle(id).await.unwrap();
    assert_eq!(world.outcome(id).await.as_deref(), Some("nobody"));

    append(&world.database, &lost("b", 1)).await;
    let gone = world.due().await[1];
    *world.told.booking.lock().unwrap() = None;
    world.handle(gone).await.unwrap();
    assert_eq!(world.outcome(gone).await.as_deref(), Some("nobody"));
    assert_eq!(world.server.everything(), []);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn without_a_mail_server_nothing_waits(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    let mails = Mails {
        post: None,
        ..world.consumer.mails.clone()
    };
    mails.send(id).await.unwrap();
    assert_eq!(world.outcome(id).await.as_deref(), Some("off"));
    assert_eq!(world.server.everything(), []);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn administrators_are_told_when_it_is_lost_and_when_it_works_again(pool: PgPool) {
    let world = World::new(&pool).await;
    world.connection("active", 1).await;
    assert_eq!(world.due().await.len(), 0, "they connected it themselves");
    // One of them has left; the other is told all the same.
    world.server.answer(|to| match to {
        "old@example.com" => Reply::Refuse(550),
        _ => Reply::Take,
    });
    world.connection("lost", 2).await;
    let [lost] = world.due().await.try_into().unwrap();
    world.handle(lost).await.unwrap();
    assert_eq!(world.outcome(lost).await.as_deref(), Some("sent"));
    world.connection("lost", 3).await;
    // Older than what is known.
    world.connection("active", 2).await;
    assert_eq!(world.due().await.len(), 1);
    world.connection("active", 4).await;
    let [_, works] = world.due().await.try_into().unwrap();
    world.handle(works).await.unwrap();

    let taken = world.server.taken();
    let said: Vec<_> = taken
        .iter()
        .map(|mail| (mail.to.as_str(), mail.subject.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (
                "it@example.com",
                "Google Calendar: the connection of example.com is lost"
            ),
            (
                "it@example.com",
                "Google Calendar: the connection of example.com works again"
            ),
        ]
    );
    assert!(taken[0].body.contains("consent was withdrawn"), "{taken:?}");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_is_not_so_any_more_is_not_said(pool: PgPool) {
    let world = World::new(&pool).await;
    world.connection("lost", 1).await;
    world.connection("active", 2).await;
    let [lost, works] = world.due().await.try_into().unwrap();
    world.handle(lost).await.unwrap();
    world.handle(works).await.unwrap();
    assert_eq!(world.outcome(lost).await.as_deref(), Some("outdated"));
    assert_eq!(world.outcome(works).await.as_deref(), Some("sent"));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn old_mails_are_forgotten(pool: PgPool) {
    let day = Duration::from_hours(24);
    let world = World::new(&pool).await;
    for version in 1..=4 {
        append(&world.database, &lost("a", version)).await;
    }
    for id in &world.due().await[..3] {
        world.age(*id, 7 * 24 + 1).await;
    }
    let config = LogConfig {
        keep: day,
        keep_inbox: day,
        keep_mails: 7 * day,
        cleanup_every: day,
        cleanup_batch: 2,
    };
    housekeeping::clean(&world.database, &config).await.unwrap();
    let left: Vec<Uuid> = sqlx::query_scalar("SELECT mail_id FROM notification.mails")
        .fetch_all(world.database.pool())
        .await
        .unwrap();
    assert_eq!(left, world.due().await[3..]);
}

/// Of a webhook that nothing is sent to any more (B14).
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn administrators_are_told_of_a_webhook_that_is_disabled_unless_it_is_enabled_again(
    pool: PgPool,
) {
    let world = World::new(&pool).await;
    world.connection("active", 1).await;
    let webhook = Uuid::new_v4();
    sqlx::query(
        "INSERT INTO notification.webhooks (
            tenant_id, webhook_id, name, url, enabled, disabled_because, secret, sealed_with
        )
        VALUES ($1, $2, 'Rooms', 'https://hooks.example.com/secret?token=1', false, 'NOT_TAKING', '', 'a')",
    )
    .bind(TENANT)
    .bind(webhook)
    .execute(&pool)
    .await
    .unwrap();
    let disabled_at = async |at: &str| {
        let (tenant, at) = (TENANT.parse().unwrap(), at.parse().unwrap());
        let (tenant, at) = (&tenant, &at);
        for _ in 0..2 {
            let told = world.database.tx("disabled", |tx| {
                Box::pin(async move {
                    notification::mail::webhooks::is_disabled(tx, tenant, webhook, *at).await
                })
            });
            told.await.unwrap();
        }
        world.due().await.pop().unwrap()
    };

    let id = disabled_at("2026-03-01T09:00:00Z").await;
    world.handle(id).await.unwrap();
    world.handle(id).await.unwrap();
    let mails = world.server.taken();
    let to: Vec<_> = mails.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(to, ["it@example.com", "old@example.com"]);
    assert_eq!(mails[0].subject, "Webhook \"Rooms\" is disabled");
    assert!(
        mails[0].body.contains("hooks.example.com") && !mails[0].body.contains("secret"),
        "{mails:?}"
    );
    assert_eq!(world.outcome(id).await.as_deref(), Some("sent"));

    sqlx::query("UPDATE notification.webhooks SET enabled = true")
        .execute(&pool)
        .await
        .unwrap();
    let id = disabled_at("2026-03-09T09:00:00Z").await;
    world.handle(id).await.unwrap();
    assert_eq!(world.outcome(id).await.as_deref(), Some("outdated"));
    assert_eq!(world.server.taken().len(), 2, "nobody is told again");
}
