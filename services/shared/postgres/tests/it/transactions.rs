use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use roomsync_postgres::Database;
use sqlx::PgConnection;
use tokio_util::task::TaskTracker;

use crate::support::Scratch;

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Transparent(#[from] sqlx::Error),
    #[error("the counter is odd")]
    Odd,
}

#[derive(Debug, thiserror::Error)]
#[error("failed to count")]
struct Wrapped(#[from] sqlx::Error);

struct Counters {
    database: Database,
    runs: AtomicU32,
}

async fn read(tx: &mut PgConnection, name: &str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM spec.counters WHERE name = $1")
        .bind(name)
        .fetch_one(tx)
        .await
}

async fn write(tx: &mut PgConnection, name: &str, value: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE spec.counters SET value = $2 WHERE name = $1")
        .bind(name)
        .bind(value)
        .execute(tx)
        .await?;
    Ok(())
}

async fn serializable(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        .execute(tx)
        .await?;
    Ok(())
}

impl Counters {
    async fn new(database: Database) -> Arc<Self> {
        sqlx::query("INSERT INTO spec.counters VALUES ('a', 0), ('b', 0)")
            .execute(database.pool())
            .await
            .expect("two counters");
        Arc::new(Self {
            database,
            runs: AtomicU32::new(0),
        })
    }

    /// Reads, then writes what it read plus one: lost without the rerun.
    async fn add_one<E>(&self, names: &[String]) -> Result<i64, E>
    where
        E: From<sqlx::Error> + std::error::Error + 'static,
    {
        self.database
            .tx("add_one", |tx| {
                Box::pin(async move {
                    self.runs.fetch_add(1, Ordering::SeqCst);
                    serializable(tx).await?;
                    let mut last = 0;
                    for name in names {
                        last = read(tx, name).await? + 1;
                        write(tx, name, last).await?;
                    }
                    Ok(last)
                })
            })
            .await
    }
}

#[async_trait]
trait Work: Send + Sync {
    async fn work(&self, names: Vec<String>) -> Result<i64, Problem>;
}

#[async_trait]
impl Work for Counters {
    async fn work(&self, names: Vec<String>) -> Result<i64, Problem> {
        let names = &names;
        self.database
            .tx("work", |tx| {
                Box::pin(async move {
                    for name in names {
                        if read(tx, name).await? % 2 == 1 {
                            return Err(Problem::Odd);
                        }
                    }
                    Ok(1)
                })
            })
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_lost_against_another_runs_again() {
    let scratch = Scratch::new().await;
    let counters = Counters::new(scratch.migrated().await).await;
    let tracker = TaskTracker::new();
    let tasks: Vec<_> = (0..4)
        .map(|index| {
            let counters = counters.clone();
            tracker.spawn(async move {
                // Two orders: deadlocks are part of it. Two kinds of errors: both are recognised.
                if index % 2 == 0 {
                    counters
                        .add_one::<Problem>(&["a".to_owned(), "b".to_owned()])
                        .await
                        .unwrap()
                } else {
                    counters
                        .add_one::<Wrapped>(&["b".to_owned(), "a".to_owned()])
                        .await
                        .unwrap()
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut connection = counters.database.pool().acquire().await.unwrap();
    assert_eq!(read(&mut connection, "a").await.unwrap(), 4);
    assert_eq!(read(&mut connection, "b").await.unwrap(), 4);
    assert!(
        counters.runs.load(Ordering::SeqCst) > 4,
        "four that race cannot all win at once"
    );
    drop(connection);
    scratch.drop().await;
}

#[tokio::test]
async fn an_error_of_the_body_rolls_back_and_is_not_repeated() {
    let scratch = Scratch::new().await;
    let counters = Counters::new(scratch.migrated().await).await;
    let runs = &AtomicU32::new(0);
    let result: Result<(), Problem> = counters
        .database
        .tx("odd", |tx| {
            Box::pin(async move {
                runs.fetch_add(1, Ordering::SeqCst);
                write(tx, "a", 7).await?;
                Err(Problem::Odd)
            })
        })
        .await;
    assert!(matches!(result, Err(Problem::Odd)));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    let mut connection = counters.database.pool().acquire().await.unwrap();
    assert_eq!(read(&mut connection, "a").await.unwrap(), 0);
    drop(connection);
    scratch.drop().await;
}

#[tokio::test]
async fn a_transaction_works_behind_a_boxed_trait_in_a_spawned_task() {
    let scratch = Scratch::new().await;
    let work: Arc<dyn Work> = Counters::new(scratch.migrated().await).await;
    let done = TaskTracker::new().spawn(async move { work.work(vec!["a".to_owned()]).await });
    assert_eq!(done.await.unwrap().unwrap(), 1);
    scratch.drop().await;
}
