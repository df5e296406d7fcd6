//! A message was parked because another service answered with a mistake. Once that is mended, an operator
//! sends it again.

use roomsync_process::grpc;
use roomsync_proto::operator::v1::{
    DropParkedMessageRequest, GetParkedMessageRequest, ListParkedMessagesRequest,
    ListParkedQueuesRequest, ParkedMessage, RequeueParkedMessagesRequest,
};
use roomsync_testkit::{Cluster, Organisation, SOON, Service, eventually};
use serde_json::json;
use tonic::Code;

const LINK_DUE: &str = "sync-worker.link-due";
const OBJECT_CHANGED: &str = "notification.object-changed";

/// The only message that is parked of a queue, once there is one.
async fn parked(cluster: &Cluster, queue: &str) -> ParkedMessage {
    let mut operations = cluster.operations();
    eventually(SOON, "a message is parked", async || {
        let request = ListParkedMessagesRequest {
            queue: queue.to_owned(),
            ..ListParkedMessagesRequest::default()
        };
        let listed = operations.list_parked_messages(request).await;
        let mut messages = listed.expect("listed").into_inner().messages;
        (messages.len() == 1).then(|| messages.remove(0))
    })
    .await
}

/// How many messages are parked of all queues.
async fn parked_in_all(cluster: &Cluster) -> i64 {
    let request = ListParkedQueuesRequest {};
    let listed = cluster.operations().list_parked_queues(request).await;
    let queues = listed.expect("listed").into_inner().queues;
    queues.iter().map(|queue| queue.messages).sum()
}

async fn body_of(cluster: &Cluster, message_id: &str) -> String {
    let request = GetParkedMessageRequest {
        message_id: message_id.to_owned(),
    };
    let shown = cluster.operations().get_parked_message(request).await;
    shown.expect("shown").into_inner().body_json
}

async fn sql(cluster: &Cluster, statement: &'static str) {
    sqlx::raw_sql(statement)
        .execute(cluster.database().pool())
        .await
        .expect(statement);
}

/// Covers B16.
#[tokio::test]
async fn a_message_parked_by_a_mistake_is_sent_again_once_that_is_mended() {
    let cluster = Cluster::builder("parked")
        .set(Service::SyncWorker, "broker.patience", "1s")
        .start()
        .await;
    let app = cluster.app();
    let organisation = Organisation::given(cluster.google(), "acme.example");
    app.given_tenant("acme").await;
    app.connect("acme", &organisation).await;
    app.given_object("acme", "aquarium").await;

    // booking-command cannot store that a link is verified, and answers INTERNAL.
    sql(
        &cluster,
        "CREATE FUNCTION booking.mistake() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'a mistake'; END $$;
        CREATE TRIGGER mistake BEFORE UPDATE ON booking.links
        FOR EACH ROW WHEN (NEW.state = 'verified') EXECUTE FUNCTION booking.mistake()",
    )
    .await;
    let room = organisation.given_room("Aquarium");
    let link = app.link_object("acme", "aquarium", room.mail()).await;

    let message = parked(&cluster, LINK_DUE).await;
    assert!(message.reason.starts_with("gave up after"), "{message:?}");
    assert!(message.attempts > 0, "{message:?}");
    assert_eq!(message.message_type, "link.due");
    let body = body_of(&cluster, &message.message_id).await;
    assert!(body.contains(&link.link_id), "{body}");

    // It cannot be looked at, and not be sent, with the token of a booking app.
    let mut stranger = cluster.operations_as(cluster.app_token());
    let all = RequeueParkedMessagesRequest {
        queue: LINK_DUE.to_owned(),
        message_id: String::new(),
    };
    let refused = stranger.requeue_parked_messages(all.clone()).await;
    let refused = refused.expect_err("a booking app is no operator");
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(grpc::reason(&refused).as_deref(), Some("ROLE_NOT_ALLOWED"));
    assert_eq!(parked_in_all(&cluster).await, 1);

    sql(&cluster, "DROP TRIGGER mistake ON booking.links").await;
    let sent = cluster.operations().requeue_parked_messages(all).await;
    let sent = sent.expect("sent again").into_inner();
    assert_eq!((sent.sent, sent.left), (1, 0));
    app.wait_imported("acme", &link.link_id).await;
    assert_eq!(parked_in_all(&cluster).await, 0);
    cluster.finish().await;
}

/// Covers B16.
#[tokio::test]
async fn a_message_that_never_will_be_handled_is_seen_without_its_person_and_dropped() {
    let cluster = Cluster::builder("dropped").start().await;
    let id = "0193a5c0-0000-7000-8000-000000000003";
    let body = json!({
        "tenant": "acme", "object": "aquarium", "version": "seven", "mail": "ana@acme.example",
        "items": [{ "kind": "booking", "booking": {
            "id": id, "booker": { "kind": "user", "user": "u-ana" },
        }}],
    });
    let properties = json!({ "type": "object.changed", "message_id": id, "delivery_mode": 2 });
    let body = body.to_string();
    let routed = cluster
        .vhost()
        .publish("roomsync.events", "object.changed", properties, &body);
    assert!(routed.await.expect("published"));

    let message = parked(&cluster, OBJECT_CHANGED).await;
    assert!(message.reason.contains("cannot be read"), "{message:?}");
    assert!(!message.reason.contains("seven"), "{message:?}");
    let shown = body_of(&cluster, &message.message_id).await;
    assert!(shown.contains(id) && shown.contains("aquarium"), "{shown}");
    assert!(!shown.contains("u-ana") && !shown.contains('@'), "{shown}");

    let drop = DropParkedMessageRequest {
        queue: OBJECT_CHANGED.to_owned(),
        message_id: message.message_id.clone(),
    };
    let mut operations = cluster.operations();
    let dropped = operations.drop_parked_message(drop.clone()).await;
    let dropped = dropped.expect("dropped").into_inner().message;
    assert_eq!(dropped, Some(message));
    let again = operations.drop_parked_message(drop).await;
    let again = again.expect_err("it is gone");
    assert_eq!(again.code(), Code::NotFound);
    assert_eq!(
        grpc::reason(&again).as_deref(),
        Some("PARKED_MESSAGE_NOT_FOUND")
    );
    cluster.finish().await;
}
