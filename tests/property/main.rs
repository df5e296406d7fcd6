//! Suite: property. Random sequences of everything people do in Google to linked rooms, with random
//! troubles between; in the end `ListBookings`, the stream and Google's rooms say the same.
//!
//! A failing sequence is shortened and its seed kept in `regressions.txt`, which every run plays
//! first: commit it with the fix. `ROOMSYNC_PROPERTY_CASES` says how many sequences are played,
//! `ROOMSYNC_PROPERTY_WORKERS` how many at once, `ROOMSYNC_PROPERTY_SEED` which ones (every run
//! prints its seed; which worker gets which depends on their number).
//!
//! `sequence.rs` says what is done, `google.rs` does it, `play.rs` compares.

mod google;
mod house;
mod play;
mod sequence;

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};

use crate::{
    house::House,
    play::Tally,
    sequence::{Sequence, sequences},
};

const CASES: usize = 300;
const WORKERS: usize = 3;
/// Which sequences are played unless a seed is given: the same commit gets the same verdict. New ones
/// are searched with a seed of your own, e.g. `ROOMSYNC_PROPERTY_SEED=$RANDOM`.
const SEED: usize = 20_261_122;
/// Steps of a sequence.
const STEPS: std::ops::Range<usize> = 4..16;

/// How long the sides may take to agree: used up only when something is wrong. Each throttling of a
/// sequence empties the budget, and the background lane then waits for some seconds until its share is
/// there again; several of them on a slow machine add up.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same while a failing sequence is shortened, where it is used up again and again.
const PATIENCE_WHILE_SHORTENING: Duration = Duration::from_secs(15);
const SHORTENING: Duration = Duration::from_mins(4);

const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions.txt");

/// What the workers share.
#[derive(Default)]
struct Run {
    played: AtomicUsize,
    failed: AtomicBool,
}

/// Covers R11, R15, R16, R17, R18, R19, R20, R21, R22, R24, R53, D9, D10, D13, D18, D26, B10, B17.
#[test]
fn whatever_people_do_in_google_both_sides_say_the_same_in_the_end() {
    let cases = number("ROOMSYNC_PROPERTY_CASES").unwrap_or(CASES);
    let workers = number("ROOMSYNC_PROPERTY_WORKERS")
        .unwrap_or(WORKERS)
        .clamp(1, cases);
    let seed = number("ROOMSYNC_PROPERTY_SEED").unwrap_or(SEED);
    let run = Run::default();
    let began = Instant::now();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let run = &run;
        let started: Vec<_> = (0..workers)
            .map(|worker| {
                let share = cases / workers + usize::from(worker < cases % workers);
                scope.spawn(move || work(run, worker, share, seed))
            })
            .collect();
        started
            .into_iter()
            .map(|worker| match worker.join() {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    let mut tally = Tally::new();
    let mut failures = Vec::new();
    for (of_worker, failure) in outcomes {
        for (word, count) in of_worker {
            *tally.entry(word).or_default() += count;
        }
        failures.extend(failure);
    }
    let played = run.played.load(Ordering::Relaxed);
    eprintln!(
        "{played} sequences by {workers} workers in {:?}, ROOMSYNC_PROPERTY_SEED={seed}",
        began.elapsed()
    );
    for (word, count) in &tally {
        eprintln!("{count:6} {word}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(played >= cases, "only {played} sequences were played");
}

/// Plays a worker's share; answers what was done, and the shortest sequence that failed.
fn work(run: &Run, worker: usize, cases: usize, seed: usize) -> (Tally, Option<String>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"));
    let mut house = Some(runtime.block_on(House::open(worker)));
    let mut tally = Tally::new();
    let shared = std::sync::Mutex::new((&mut house, &mut tally));
    let shortening = AtomicBool::new(false);
    let outcome = runner(cases, worker, seed).run(&sequences(STEPS), |sequence| {
        let mine = shortening.load(Ordering::Relaxed);
        if run.failed.load(Ordering::Relaxed) && !mine {
            return Ok(());
        }
        let patience = if mine {
            PATIENCE_WHILE_SHORTENING
        } else {
            PATIENCE
        };
        let mut shared = shared
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (house, tally) = &mut *shared;
        let Some(house) = house.as_mut() else {
            return Ok(());
        };
        run.played.fetch_add(1, Ordering::Relaxed);
        let played: Result<(), TestCaseError> =
            runtime.block_on(house.play(&sequence, patience, tally));
        if played.is_err() {
            run.failed.store(true, Ordering::Relaxed);
            shortening.store(true, Ordering::Relaxed);
        }
        played
    });
    let failure = match outcome {
        Ok(()) => None,
        Err(TestError::Fail(why, sequence)) => Some(format!("{why}\n{}", shown(&sequence))),
        Err(TestError::Abort(why)) => Some(format!("given up: {why}")),
    };
    if let Some(house) = house.take() {
        // After a failure there is no order to expect: the cluster only cleans up.
        if run.failed.load(Ordering::Relaxed) {
            runtime.block_on(async move { drop(house) });
        } else {
            runtime.block_on(house.close());
        }
    }
    runtime.shutdown_background();
    (tally, failure)
}

fn runner(cases: usize, worker: usize, seed: usize) -> TestRunner {
    let config = Config {
        cases: u32::try_from(cases).unwrap_or(u32::MAX),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        source_file: Some(file!()),
        max_shrink_time: u32::try_from(SHORTENING.as_millis()).unwrap_or(u32::MAX),
        max_shrink_iters: 400,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&worker.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn shown(sequence: &Sequence) -> String {
    let acts = sequence.acts.iter();
    let acts = acts.fold(String::new(), |said, act| format!("{said}\n  {act:?}"));
    format!("{:?}{acts}", sequence.weather)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the suites have no configuration but variables"
)]
fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}
