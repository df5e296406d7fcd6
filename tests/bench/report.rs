//! Lines on standard output, and what a process uses.

use std::{fs, io::Write as _, time::Duration};

/// Prints one line.
pub(crate) fn line(text: &str) {
    // A reader that went away is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Milliseconds with one digit.
pub(crate) fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

/// How often one time contains the other.
pub(crate) fn ratio(took: Duration, floor: Duration) -> f64 {
    took.as_secs_f64() / floor.as_secs_f64()
}

/// How many of something there are for each of something else.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are small"
)]
pub(crate) fn per(count: usize, of: usize) -> f64 {
    count as f64 / of as f64
}

/// Resident memory of a process now and at its peak, as Linux counts it (`VmRSS`, `VmHWM`).
pub(crate) fn memory(pid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        status
            .lines()
            .find_map(|l| l.strip_prefix(name))
            .and_then(|l| l.trim_start_matches(':').trim().strip_suffix(" kB"))
            .and_then(|kb| kb.trim().parse::<u64>().ok())
            .map_or("unknown".to_owned(), |kb| format!("{} MiB", kb / 1024))
    };
    format!("{} now, {} at its peak", field("VmRSS"), field("VmHWM"))
}
