//! Without the module nothing of the integration can be used.

use roomsync_proto::integration::v1 as api;
use roomsync_testkit::{
    Cluster, FakeBookingApp, NewBooking,
    app::{Organisation, administrator, device, user},
};
use tonic::Code;

use crate::{connect_refused::refused, scene::tomorrow};

const TENANT: &str = "acme";

fn filled<T: Default>(fill: impl FnOnce(&mut T)) -> T {
    let mut request = T::default();
    fill(&mut request);
    request
}

/// Calls an rpc with fields that would do if the tenant had the module.
macro_rules! is_refused {
    ($client:expr, $rpc:ident, $request:ident { $($field:ident: $value:expr),* }) => {
        let request = filled(|request: &mut api::$request| {
            request.tenant_id = TENANT.to_owned();
            $(request.$field = $value;)*
        });
        let answer = $client.$rpc(request).await;
        assert!(answer.is_err(), "{} needs the module", stringify!($rpc));
        refused(answer, Code::FailedPrecondition, "MODULE_MISSING", &[]);
    };
}

/// Covers R2, R3.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a list of every call")]
async fn without_the_module_every_call_of_the_integration_says_so() {
    let cluster = Cluster::builder("no module")
        .offering_consent()
        .start()
        .await;
    let app = cluster.app();
    let settings = api::TenantSettings::default();
    app.put_tenant(TENANT, false, settings).await;
    app.given_object(TENANT, "aquarium").await;
    let organisation = Organisation::given(cluster.google(), "acme.example");
    let room = organisation.given_room("Aquarium");
    let object_id = || "aquarium".to_owned();
    let resource_email = || room.mail().to_owned();
    let mail = || organisation.admin.mail().to_owned();
    let link_id = || "01890a5d-ac96-774b-bcce-b302099a8057".to_owned();

    let mut connections = app.connections();
    is_refused!(
        connections,
        connect_with_key,
        ConnectWithKeyRequest {
            key_json: organisation.key_json(),
            directory_subject: mail()
        }
    );
    is_refused!(connections, get_status, GetStatusRequest {});
    is_refused!(
        connections,
        get_connect_options,
        GetConnectOptionsRequest {}
    );
    is_refused!(
        connections,
        begin_connect,
        BeginConnectRequest {
            redirect_uri: roomsync_testkit::consent::BACK.to_owned()
        }
    );
    is_refused!(
        connections,
        complete_connect,
        CompleteConnectRequest {
            state: "state".to_owned(),
            code: "code".to_owned()
        }
    );
    is_refused!(connections, enable_delegation, EnableDelegationRequest {});
    is_refused!(connections, preview_disconnect, PreviewDisconnectRequest {});
    is_refused!(connections, disconnect, DisconnectRequest {});

    let mut links = app.links();
    is_refused!(
        links,
        link_object,
        LinkObjectRequest {
            object_id: object_id(),
            resource_email: resource_email()
        }
    );
    is_refused!(links, get_link, GetLinkRequest { link_id: link_id() });
    is_refused!(links, list_links, ListLinksRequest {});
    is_refused!(
        links,
        preview_link,
        PreviewLinkRequest {
            object_id: object_id(),
            resource_email: resource_email()
        }
    );
    is_refused!(links, list_resources, ListResourcesRequest {});
    is_refused!(
        links,
        unlink_object,
        UnlinkObjectRequest { link_id: link_id() }
    );
    is_refused!(
        links,
        change_resource,
        ChangeResourceRequest {
            object_id: object_id(),
            resource_email: resource_email()
        }
    );
    is_refused!(
        links,
        recheck_link,
        RecheckLinkRequest { link_id: link_id() }
    );
    is_refused!(links, sync_now, SyncNowRequest {});
    is_refused!(
        links,
        acknowledge_reset,
        AcknowledgeResetRequest { link_id: link_id() }
    );

    app.given_user(TENANT, "u-ana", "ana@acme.example").await;
    nothing_is_booked(app).await;

    let asked = cluster.google().ledger();
    assert!(asked.is_empty(), "google is not even asked: {asked:?}");

    // With it all of this is there.
    app.given_tenant(TENANT).await;
    let connected = app
        .connect_by_consent(TENANT, organisation.admin.mail())
        .await;
    connected.expect("connected");
    cluster.finish().await;
}

/// Booking and ending bookings are no different, for whomever, and a display offers nothing.
async fn nothing_is_booked(app: &FakeBookingApp) {
    let wishes = [
        NewBooking::by_user("aquarium", tomorrow(9), "u-ana"),
        NewBooking::by_device("aquarium", tomorrow(9), "door-1"),
    ];
    for wish in wishes {
        let answer = app.create_booking(TENANT, wish).await;
        refused(answer, Code::FailedPrecondition, "MODULE_MISSING", &[]);
    }
    let booking = "01890a5d-ac96-774b-bcce-b302099a8057";
    for who in [user("u-ana"), device("door-1"), administrator("u-ana")] {
        let answer = app.delete_booking(TENANT, booking, who, false).await;
        refused(answer, Code::FailedPrecondition, "MODULE_MISSING", &[]);
    }
    let mut display = app.display(TENANT, "aquarium").await.expect("WatchObject");
    let shown = display.next().await.expect("a state");
    assert!(shown.free && shown.book_now.is_empty(), "{shown:?}");
    assert_eq!(shown.book_now_reason, "MODULE_MISSING");
}
