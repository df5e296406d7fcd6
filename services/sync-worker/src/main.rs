//! The binary of sync-worker.

fn main() -> std::process::ExitCode {
    roomsync_process::main(sync_worker::service(), sync_worker::run)
}
