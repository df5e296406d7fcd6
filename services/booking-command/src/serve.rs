//! Which service is served where: the one list to look at.
//!
//! What is only for our own services is not even registered on the public listener.

use std::{future::Future, time::Duration};

use roomsync_postgres::Database;
use roomsync_process::{
    Shutdown, Spawner,
    grpc::{Access, Callers, Listener, Role, ServeError},
};
use roomsync_proto::{
    DESCRIPTORS,
    booking::v1::{
        booking_service_server::BookingServiceServer, display_service_server::DisplayServiceServer,
        occupancy_service_server::OccupancyServiceServer,
    },
    integration::v1::{
        catalogue_service_server::CatalogueServiceServer,
        connection_service_server::ConnectionServiceServer, link_service_server::LinkServiceServer,
        people_service_server::PeopleServiceServer, tenant_service_server::TenantServiceServer,
    },
    internal::v1::{
        google_access_service_server::GoogleAccessServiceServer,
        mirror_service_server::MirrorServiceServer, notice_service_server::NoticeServiceServer,
    },
    operator::v1::operator_service_server::OperatorServiceServer,
};
use tonic::service::Routes;

use crate::{
    access::{ConnectionRpc, GoogleAccessRpc, Lender},
    bookings::{Bookings, Desk},
    catalogue::CatalogueRpc,
    config::SyncByHandConfig,
    display::DisplayRpc,
    links::LinkRpc,
    mirror::Mirror,
    notices::NoticeRpc,
    occupancy::OccupancyRpc,
    operator::OperatorRpc,
    people::PeopleRpc,
    tenants::TenantRpc,
};

/// Booking apps, operators, and notification, which fetches changes that did not arrive.
const PUBLIC_ROLES: &[Role] = &[Role::App, Role::Operator, Role::Service];

/// Serves bookings and integration.
pub(crate) fn public(
    listener: Listener,
    desk: Desk,
    operator: OperatorRpc,
    sync_by_hand: SyncByHandConfig,
    callers: Callers,
    shutdown: Shutdown,
    spawner: Spawner,
) -> impl Future<Output = Result<(), ServeError>> + Send + use<> {
    let (database, lender) = (desk.database.clone(), desk.lender.clone());
    let display = DisplayRpc::new(
        database.clone(),
        desk.watch.clone(),
        spawner.clone(),
        shutdown.soft(),
    );
    let routes = Routes::new(BookingServiceServer::new(Bookings::new(desk)))
        .add_service(DisplayServiceServer::new(display))
        .add_service(OccupancyServiceServer::new(OccupancyRpc::new(
            database.clone(),
        )))
        .add_service(OperatorServiceServer::new(operator))
        .add_service(TenantServiceServer::new(TenantRpc::new(database.clone())))
        .add_service(CatalogueServiceServer::new(CatalogueRpc::new(
            database.clone(),
        )))
        .add_service(PeopleServiceServer::new(PeopleRpc::new(database.clone())))
        .add_service(ConnectionServiceServer::new(ConnectionRpc::new(
            lender.clone(),
            spawner,
        )))
        .add_service(LinkServiceServer::new(LinkRpc::new(
            database.clone(),
            lender.clone(),
            sync_by_hand,
        )));
    listener.serve(
        routes,
        DESCRIPTORS,
        Access::new(callers, PUBLIC_ROLES),
        shutdown,
    )
}

/// Serves the mirror and the access to Google, to our own services only.
pub(crate) fn internal(
    listener: Listener,
    database: &Database,
    lender: &Lender,
    pending_for: Duration,
    callers: Callers,
    shutdown: Shutdown,
) -> impl Future<Output = Result<(), ServeError>> + Send + use<> {
    let mirror = Mirror::new(database.clone(), lender.ring(), pending_for);
    let routes = Routes::new(MirrorServiceServer::new(mirror))
        .add_service(GoogleAccessServiceServer::new(GoogleAccessRpc::new(
            lender.clone(),
        )))
        .add_service(NoticeServiceServer::new(NoticeRpc::new(database.clone())));
    listener.serve(routes, DESCRIPTORS, Access::internal(callers), shutdown)
}
