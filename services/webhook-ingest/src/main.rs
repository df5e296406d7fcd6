//! The binary; everything is in the library.

fn main() -> std::process::ExitCode {
    roomsync_process::main(webhook_ingest::service(), webhook_ingest::run)
}
