//! The gRPC contracts of roomsync, generated from the `.proto` files beside this crate.
//!
//! Directory = package: `roomsync/booking/v1/` holds `package roomsync.booking.v1`. The comments in
//! the `.proto` files are the contract, error codes included. To add a service: write
//! `roomsync/<area>/v1/<name>_service.proto`, list it in `build.rs`, re-export it here.

/// Bookings of linked objects (public).
pub mod booking {
    pub mod v1 {
        #![expect(
            clippy::all,
            clippy::pedantic,
            clippy::allow_attributes,
            reason = "generated code"
        )]
        tonic::include_proto!("roomsync.booking.v1");
    }
}

/// Tenants, catalogue, people, connections and links (public).
pub mod integration {
    pub mod v1 {
        #![expect(
            clippy::all,
            clippy::pedantic,
            clippy::allow_attributes,
            reason = "generated code"
        )]
        tonic::include_proto!("roomsync.integration.v1");
    }
}

/// Subscriptions to changes (public).
pub mod notification {
    pub mod v1 {
        #![expect(clippy::pedantic, clippy::allow_attributes, reason = "generated code")]
        tonic::include_proto!("roomsync.notification.v1");
    }
}

/// For the people who run roomsync (public, role `operator`).
pub mod operator {
    pub mod v1 {
        #![expect(clippy::pedantic, clippy::allow_attributes, reason = "generated code")]
        tonic::include_proto!("roomsync.operator.v1");
    }
}

/// What the services say to each other (internal listener only).
pub mod internal {
    pub mod v1 {
        #![expect(
            clippy::all,
            clippy::pedantic,
            clippy::allow_attributes,
            reason = "generated code"
        )]
        tonic::include_proto!("roomsync.internal.v1");
    }
}

/// The encoded `FileDescriptorSet` of every contract, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/roomsync.bin"));
