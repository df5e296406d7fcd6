//! Generates the gRPC code with protox: no protoc needed.

use std::{env, error::Error, fs, path::Path};

use prost::Message as _;

const FILES: &[&str] = &[
    "roomsync/booking/v1/booking.proto",
    "roomsync/booking/v1/booking_service.proto",
    "roomsync/booking/v1/display_service.proto",
    "roomsync/booking/v1/occupancy_service.proto",
    "roomsync/integration/v1/tenant_service.proto",
    "roomsync/integration/v1/catalogue_service.proto",
    "roomsync/integration/v1/people_service.proto",
    "roomsync/integration/v1/connection_service.proto",
    "roomsync/integration/v1/link_service.proto",
    "roomsync/notification/v1/subscription_service.proto",
    "roomsync/operator/v1/operator_service.proto",
    "roomsync/internal/v1/mirror_service.proto",
    "roomsync/internal/v1/google_access_service.proto",
    "roomsync/internal/v1/notice_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo:rerun-if-changed={file}");
    }
    let set = protox::compile(FILES, ["."])?;
    let out = env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?;
    fs::write(Path::new(&out).join("roomsync.bin"), set.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(set)?;
    Ok(())
}
