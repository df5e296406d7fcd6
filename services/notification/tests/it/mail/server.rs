//! Mail servers that are busy, refuse, are away, encrypt.

use super::*;

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_server_that_is_busy_gets_the_mail_later(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    world.server.answer(|_| Reply::Refuse(451));
    let why = world.fails(id).await;
    assert!(why.contains("451") && !why.contains('@'), "{why}");
    assert_eq!(world.outcome(id).await, None);

    world.server.answer(|_| Reply::Take);
    world.handle(id).await.unwrap();
    assert_eq!(world.server.taken().len(), 1);
    assert_eq!(world.outcome(id).await.as_deref(), Some("sent"));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_mail_that_is_refused_for_good_is_done(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    world.server.answer(|_| Reply::Refuse(550));
    world.handle(id).await.unwrap();
    world.handle(id).await.unwrap();
    assert_eq!(world.server.everything().len(), 1);
    assert_eq!(world.outcome(id).await.as_deref(), Some("refused"));
}

/// What is wrong there is our password, not the mail.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_server_that_wants_a_login_refuses_no_mail(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    world.server.answer(|_| Reply::Refuse(530));
    let why = world.fails(id).await;
    assert!(why.contains("530"), "{why}");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_server_that_is_away_is_tried_until_patience_ends(pool: PgPool) {
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", nowhere.local_addr().unwrap());
    drop(nowhere);
    let world = World::with(&pool, |config| config.url = url).await;
    let id = world.given_mail().await;
    let why = world.fails(id).await;
    assert!(why.contains("did not answer"), "{why}");
    world.age(id, 23).await;
    world.handle(id).await.unwrap();
    assert_eq!(world.outcome(id).await.as_deref(), Some("given_up"));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_mail_that_was_taken_without_a_word_is_sent_again_under_its_id(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    world.server.answer(|_| Reply::TakeAndHangUp);
    world.fails(id).await;
    world.server.answer(|_| Reply::Take);
    world.handle(id).await.unwrap();
    let [first, second] = world.server.taken().try_into().unwrap();
    assert_eq!(first.message_id, second.message_id);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn nothing_is_sent_in_the_clear_where_encryption_is_demanded(pool: PgPool) {
    let world = World::with(&pool, |config| config.starttls = true).await;
    let id = world.given_mail().await;
    world.fails(id).await;
    assert_eq!(world.server.everything(), []);
}

fn encrypted(server: &MailServer) -> impl FnOnce(&mut MailConfig) + use<> {
    let (url, authority) = (server.url(), server.authority());
    move |config| {
        config.url = url;
        config.starttls = true;
        config.ca = authority;
        "flexopus".clone_into(&mut config.user);
        config.password = Some("s3cret".to_owned().into());
    }
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_server_that_encrypts_gets_the_mail_and_the_password(pool: PgPool) {
    for encryption in [Encryption::StartTls, Encryption::FromTheStart] {
        let server = MailServer::encrypting(encryption).await;
        let config = encrypted(&server);
        let world = World::telling(&pool, server, config).await;
        append(&world.database, &lost(&format!("{encryption:?}"), 1)).await;
        let id = world.due().await.pop().unwrap();
        world.handle(id).await.unwrap();
        let [mail] = world.server.taken().try_into().unwrap();
        assert!(mail.encrypted, "{encryption:?}");
        assert_eq!(mail.login, "flexopus:s3cret");
        assert_eq!(world.outcome(id).await.as_deref(), Some("sent"));
    }
}

/// Neither the mail nor the password is for whoever only says to be the server.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_server_whose_certificate_nobody_knows_gets_nothing(pool: PgPool) {
    for encryption in [Encryption::StartTls, Encryption::FromTheStart] {
        let server = MailServer::encrypting(encryption).await;
        let config = encrypted(&server);
        let other = MailServer::encrypting(encryption).await.authority();
        let world = World::telling(&pool, server, |set| {
            config(set);
            set.ca = other;
        });
        let world = world.await;
        append(&world.database, &lost(&format!("{encryption:?}"), 1)).await;
        let id = world.due().await.pop().unwrap();
        let why = world.fails(id).await;
        assert!(why.contains("did not answer"), "{why}");
        assert_eq!(world.server.everything(), []);
    }
}
