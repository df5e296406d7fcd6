//! One tenant can never reach another's organisation, though both trust the operator's one service account.

use google_sim::{Role, UserControl};
use roomsync_proto::integration::v1::LinkState;
use roomsync_testkit::{Cluster, NewBooking, Organisation};

use crate::{
    connect::{linked, unconnected},
    scene::tomorrow,
};

/// Whether anybody asked Google for anything in somebody's name.
fn is_acted_for(cluster: &Cluster, who: &UserControl) -> bool {
    let calls = cluster.google().ledger();
    let named =
        |name: Option<String>| name.is_some_and(|name| name.eq_ignore_ascii_case(who.mail()));
    calls.into_iter().any(|call| named(call.subject))
}

/// Covers D21, D22.
#[tokio::test]
async fn a_tenant_books_as_people_of_its_own_organisation_and_of_no_other() {
    let (cluster, organisation) = unconnected("takeover").await;
    let app = cluster.app();
    let victims = Organisation::given(cluster.google(), "victim.example");
    cluster.operator().is_delegated_by(&victims);
    cluster.operator().is_delegated_by(&organisation);
    let admin = organisation.admin.mail();
    app.connect_by_consent("acme", admin)
        .await
        .expect("connected");
    app.enable_delegation("acme").await.expect("delegated");
    linked(&cluster, &organisation, "acme").await;
    let (ana, victim) = (organisation.given_user("ana"), victims.given_user("ceo"));
    app.given_user("acme", "u-ana", ana.mail()).await;
    app.given_user("acme", "u-victim", victim.mail()).await;

    app.book(
        "acme",
        NewBooking::by_user("aquarium", tomorrow(9), "u-ana"),
    )
    .await;
    assert!(is_acted_for(&cluster, &ana), "the ledger would tell");

    let booked = NewBooking::by_user("aquarium", tomorrow(11), "u-victim");
    app.book("acme", booked).await;
    assert!(
        !is_acted_for(&cluster, &victim),
        "no call, and no token either"
    );
    let own = cluster.google().events(victim.mail()).expect("a calendar");
    assert!(
        own.iter()
            .all(|event| event["organizer"]["email"] != victim.mail()),
        "an invitation at most: {own:?}"
    );
    cluster.finish().await;
}

/// Covers D21.
#[tokio::test]
async fn people_of_another_domain_of_the_same_organisation_are_its_own() {
    let (cluster, organisation) = unconnected("second domain").await;
    let app = cluster.app();
    cluster.operator().is_delegated_by(&organisation);
    let admin = organisation.admin.mail();
    app.connect_by_consent("acme", admin)
        .await
        .expect("connected");
    app.enable_delegation("acme").await.expect("delegated");
    linked(&cluster, &organisation, "acme").await;
    let eva = organisation.org.add_user("eva@second.example", false);
    let eva = eva.expect("a user of a second domain");
    app.given_user("acme", "u-eva", eva.mail()).await;
    app.book(
        "acme",
        NewBooking::by_user("aquarium", tomorrow(9), "u-eva"),
    )
    .await;
    assert!(
        is_acted_for(&cluster, &eva),
        "the Directory says whose she is"
    );
    cluster.finish().await;
}

/// Covers D21, R46.
#[tokio::test]
async fn a_room_of_another_organisation_is_linked_by_nobody_else() {
    let (cluster, organisation) = unconnected("rooms of others").await;
    let app = cluster.app();
    let admin = organisation.admin.mail();
    app.connect_by_consent("acme", admin)
        .await
        .expect("connected");
    let victims = Organisation::given(cluster.google(), "victim.example");
    let board = victims.given_room("Board");
    // Even if its calendar could be read.
    board.share(admin, Role::Writer).expect("shared");

    app.given_object("acme", "vault").await;
    let link = app.link_object("acme", "vault", board.mail()).await;
    let failed = app
        .wait_link("it fails", "acme", &link.link_id, |link| {
            link.state() == LinkState::Failed
        })
        .await;
    assert_eq!(failed.reason, "NOT_IN_ORGANISATION");
    let offered = app.list_resources("acme", "").await;
    assert!(offered.expect("ListResources").is_empty());
    cluster.finish().await;
}
