//! The notification service's binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    roomsync_process::main(notification::service(), notification::run)
}
