//! Tells the story on standard output, with times.

use std::{
    io::{Write as _, stdout},
    time::{Duration, Instant},
};

/// Prints lines with the time since the beginning, and how long steps took.
pub(crate) struct Teller {
    began: Instant,
    steps: Vec<(String, Duration)>,
}

impl Teller {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            steps: Vec::new(),
        }
    }

    /// One line.
    pub(crate) fn says(&mut self, line: &str) {
        // A reader that went away (`| head`) is no reason to fail.
        let _ = writeln!(
            stdout(),
            "[{:6.2}s] {line}",
            self.began.elapsed().as_secs_f64()
        );
    }

    /// One line about something that took from `since` to now.
    pub(crate) fn took(&mut self, since: Instant, what: &str) {
        self.took_in_all(since.elapsed(), what);
    }

    /// One line about something that took so long, and is over for a moment already.
    pub(crate) fn took_in_all(&mut self, took: Duration, what: &str) {
        self.says(&format!("{what} in {} ms", took.as_millis()));
        self.steps.push((what.to_owned(), took));
    }

    /// The steps again, as a table.
    pub(crate) fn sums_up(&mut self) {
        let steps = std::mem::take(&mut self.steps);
        for (what, took) in steps {
            self.says(&format!("{:>7} ms  {what}", took.as_millis()));
        }
    }
}
