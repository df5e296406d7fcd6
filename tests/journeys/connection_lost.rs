//! What people meet at the door while Google has withdrawn the access.

use google_sim::scopes;
use roomsync_proto::integration::v1::ConnectionState;

use crate::scene::Scene;

/// Google withdraws the access, and somebody finds out.
async fn lose(scene: &Scene) {
    let organisation = &scene.room.organisation;
    let revoked = organisation.org.revoke_delegation(&organisation.account);
    revoked.expect("withdrawn");
    scene.cluster.google().expire_access_tokens();
    let app = scene.cluster.app();
    app.wait_for("the lost connection", async || {
        let _ = app.list_resources("acme", "").await;
        let status = app.connection_status("acme").await?;
        Ok((status.state() == ConnectionState::Lost).then_some(()))
    })
    .await;
}

async fn connect_again(scene: &Scene) {
    let organisation = &scene.room.organisation;
    let delegated = [
        scopes::EVENTS,
        scopes::RESOURCES_READONLY,
        scopes::EVENTS_OWNED,
        scopes::APP_CREATED,
    ];
    let again = organisation.org.delegate(&organisation.account, &delegated);
    again.expect("delegated again");
    scene.cluster.app().connect("acme", organisation).await;
}

/// Covers R44, D19.
#[tokio::test]
async fn a_display_offers_nothing_while_the_connection_is_lost() {
    let scene = Scene::new("lost at the door").await;
    let app = scene.cluster.app();
    let mut display = app.display("acme", "aquarium").await.expect("WatchObject");
    lose(&scene).await;
    let state = display
        .wait_for("that nothing can be booked", |it| it.book_now.is_empty())
        .await;
    assert!(state.free);
    assert_eq!(state.book_now_reason, "NOT_CONNECTED");
    connect_again(&scene).await;
    display
        .wait_for("that it works again", |it| !it.book_now.is_empty())
        .await;
    scene.cluster.finish().await;
}
