//! Runs a test of this suite: some workers play sequences, each in a house of its own; one that fails
//! is shortened and its seed kept.

use std::{
    fmt::Debug,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use proptest::{
    strategy::Strategy,
    test_runner::{
        Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
    },
};

use crate::{house::House, play::Tally};

const WORKERS: usize = 3;
/// Which sequences are played unless a seed is given: the same commit gets the same verdict. New ones
/// are searched with a seed of your own, e.g. `ROOMSYNC_PROPERTY_SEED=$RANDOM`.
const SEED: usize = 20_261_122;

/// How long the sides may take to agree: used up only when something is wrong. Each throttling of a
/// sequence empties the budget, and the background lane then waits for some seconds until its share is
/// there again; several of them on a slow machine add up.
const PATIENCE: Duration = Duration::from_mins(1);
/// The same while a failing sequence is shortened, where it is used up again and again.
const PATIENCE_WHILE_SHORTENING: Duration = Duration::from_secs(15);
const SHORTENING: Duration = Duration::from_mins(4);

/// The tests of this suite share the machine one after the other, also where they are threads of one
/// process.
static TURN: Mutex<()> = Mutex::new(());

/// A sequence that can be played.
pub(crate) trait Play: Debug + Clone {
    /// What its houses are called.
    const NAME: &'static str;
    /// How many are played unless somebody says so.
    const CASES: usize;
    /// Where seeds of failures are kept.
    const REGRESSIONS: &'static str;

    /// How they are made.
    fn strategy() -> impl Strategy<Value = Self>;

    /// Plays it. `patience` is how long the sides may take to agree.
    async fn play(
        &self,
        house: &mut House,
        patience: Duration,
        tally: &mut Tally,
    ) -> Result<(), TestCaseError>;

    /// Step by step, for people.
    fn shown(&self) -> String;
}

/// What the workers share.
#[derive(Default)]
struct Run {
    played: AtomicUsize,
    failed: AtomicBool,
}

/// Plays as many sequences as there shall be; panics with the shortest one that fails.
pub(crate) fn run<S: Play>() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let cases = number("ROOMSYNC_PROPERTY_CASES").unwrap_or(S::CASES);
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
                scope.spawn(move || work::<S>(run, worker, share, seed))
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
        "{}: {played} sequences by {workers} workers in {:?}, ROOMSYNC_PROPERTY_SEED={seed}",
        S::NAME,
        began.elapsed()
    );
    for (word, count) in &tally {
        eprintln!("{count:6} {word}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(played >= cases, "only {played} sequences were played");
}

/// Plays a worker's share; answers what was done, and the shortest sequence that failed.
fn work<S: Play>(run: &Run, worker: usize, cases: usize, seed: usize) -> (Tally, Option<String>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"));
    let mut house = Some(runtime.block_on(House::open(&format!("{} {worker}", S::NAME))));
    let mut tally = Tally::new();
    let shared = Mutex::new((&mut house, &mut tally));
    let shortening = AtomicBool::new(false);
    let outcome = runner::<S>(cases, worker, seed).run(&S::strategy(), |sequence| {
        let mine = shortening.load(Ordering::Relaxed);
        if run.failed.load(Ordering::Relaxed) && !mine {
            return Ok(());
        }
        let patience = if mine {
            PATIENCE_WHILE_SHORTENING
        } else {
            PATIENCE
        };
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (house, tally) = &mut *shared;
        let Some(house) = house.as_mut() else {
            return Ok(());
        };
        run.played.fetch_add(1, Ordering::Relaxed);
        let played: Result<(), TestCaseError> =
            runtime.block_on(sequence.play(house, patience, tally));
        if let Err(why) = &played {
            if !mine {
                eprintln!(
                    "a sequence fails and is shortened: {why}\n{}",
                    sequence.shown()
                );
            }
            run.failed.store(true, Ordering::Relaxed);
            shortening.store(true, Ordering::Relaxed);
        }
        played
    });
    let failure = match outcome {
        Ok(()) => None,
        Err(TestError::Fail(why, sequence)) => Some(format!("{why}\n{}", sequence.shown())),
        Err(TestError::Abort(why)) => Some(format!("given up: {why}")),
    };
    if let Some(house) = house.take() {
        if run.failed.load(Ordering::Relaxed) {
            runtime.block_on(house.abandon());
        } else {
            runtime.block_on(house.close());
        }
    }
    runtime.shutdown_background();
    (tally, failure)
}

fn runner<S: Play>(cases: usize, worker: usize, seed: usize) -> TestRunner {
    let config = Config {
        cases: u32::try_from(cases).unwrap_or(u32::MAX),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(S::REGRESSIONS))),
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

#[expect(
    clippy::disallowed_methods,
    reason = "the suites have no configuration but variables"
)]
fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}
