use roomsync_postgres::{Database, DatabaseConfig, is_unavailable};
use tokio_util::sync::CancellationToken;

use crate::support::{MIGRATOR, SCHEMA, Scratch};

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_migrate_together_take_turns() {
    let scratch = Scratch::new().await;
    let (one, two, three) = (scratch.database(), scratch.database(), scratch.database());
    let all = tokio::join!(
        one.migrate(&MIGRATOR),
        two.migrate(&MIGRATOR),
        three.migrate(&MIGRATOR)
    );
    assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok(), "{all:?}");
    let home: String = sqlx::query_scalar(
        "SELECT schemaname::text FROM pg_tables WHERE tablename = '_sqlx_migrations'",
    )
    .fetch_one(one.pool())
    .await
    .unwrap();
    assert_eq!(
        home, SCHEMA,
        "the table of applied migrations lives in the service's schema"
    );
    scratch.drop().await;
}

#[tokio::test]
async fn a_connection_knows_its_schema_and_says_whose_it_is() {
    let scratch = Scratch::new().await;
    let database = scratch.migrated().await;
    let (schema, name): (String, String) =
        sqlx::query_as("SELECT current_schema()::text, current_setting('application_name')")
            .fetch_one(database.pool())
            .await
            .unwrap();
    assert_eq!((schema.as_str(), name.as_str()), (SCHEMA, "roomsync-spec"));
    scratch.drop().await;
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable_and_waited_for() {
    let mut config = DatabaseConfig::new("postgres://nobody@127.0.0.1:1/none");
    config.acquire_timeout = std::time::Duration::from_millis(200);
    let database = Database::connect_lazy(&config, SCHEMA).unwrap();
    assert!(!database.is_reachable().await);
    let error = database.pool().acquire().await.unwrap_err();
    assert!(is_unavailable(&error), "{error:?}");

    let shutdown = CancellationToken::new();
    shutdown.cancel();
    assert!(!database.wait_until_reachable(&shutdown).await);

    let scratch = Scratch::new().await;
    assert!(
        scratch
            .database()
            .wait_until_reachable(&CancellationToken::new())
            .await
    );
    scratch.drop().await;
}

/// As a deadline leaves it that cuts off a begin, a commit or what comes between at the wrong moment.
#[tokio::test]
async fn a_transaction_that_nobody_knows_of_ends_with_its_connection() {
    let mut scratch = Scratch::new().await;
    scratch.config.max_connections = 1;
    let database = scratch.database();
    let mut connection = database.pool().acquire().await.unwrap();
    let begun = sqlx::raw_sql("BEGIN").execute(&mut *connection).await;
    begun.unwrap();
    drop(connection);

    let in_none = "SELECT now() = statement_timestamp() AS in_none";
    let row = sqlx::raw_sql(in_none).fetch_one(database.pool()).await;
    assert!(sqlx::Row::get::<bool, _>(&row.unwrap(), "in_none"));
    scratch.drop().await;
}
