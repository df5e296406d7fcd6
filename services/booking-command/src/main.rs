//! The booking-command binary.

fn main() -> std::process::ExitCode {
    roomsync_process::main(booking_command::service(), booking_command::run)
}
