//! PostgreSQL works, and says no, or takes its time: every connection reset as by a failover, deadlocks,
//! serialization failures, slow statements.

use roomsync_testkit::{Cluster, Dice, SOON, TestDatabase, eventually};
use sqlx::{AssertSqlSafe, raw_sql};

use super::{Rooms, everything_agrees};

/// What a change and a booking write on their way.
const TABLES: [&str; 8] = [
    "booking.bookings",
    "booking.create_requests",
    "booking.objects",
    "booking.outbox",
    "notification.log",
    "notification.objects",
    "sync.calendars",
    "sync.channels",
];

async fn run(database: &TestDatabase, statement: String) {
    let ran = raw_sql(AssertSqlSafe(statement)).execute(database.pool());
    ran.await.expect("the statement runs");
}

/// What every row does that is written on these tables; `""` for nothing.
async fn before_each_row(database: &TestDatabase, body: &str) {
    let function = format!(
        "CREATE OR REPLACE FUNCTION public.trouble() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            {body}
            RETURN coalesce(NEW, OLD);
        END $$"
    );
    run(database, function).await;
}

/// Puts the function before the tables. One table at a time, or it would be a deadlock itself.
async fn prepare(database: &TestDatabase) {
    let counter = "CREATE SEQUENCE public.rows_written";
    run(database, counter.to_owned()).await;
    before_each_row(database, "").await;
    for table in TABLES {
        let trigger = format!(
            "CREATE TRIGGER trouble BEFORE INSERT OR UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION public.trouble()"
        );
        run(database, trigger).await;
    }
}

/// Covers R17, R78.
#[tokio::test]
async fn every_connection_reset_at_once_again_and_again_loses_nothing() {
    let cluster = Cluster::start("connections reset").await;
    let rooms = Rooms::given(&cluster, 2).await;
    let mut dice = Dice::of("connections reset");
    let traffic = rooms.traffic(&cluster, dice.other());
    for _ in 0..8 {
        traffic.goes_on(1 + dice.throw(5)).await;
        let ended = cluster.database().terminate_connections().await;
        ended.expect("they end");
    }
    traffic.goes_on(5).await;
    traffic.stop().await;
    everything_agrees(&cluster, &rooms, "connections reset").await;
    cluster.finish().await;
}

/// The first so many rows that are written are refused: once is what a transaction's rerun is for, thirty
/// times in a row is more than any rerun outlasts.
///
/// Covers R17.
#[tokio::test]
async fn deadlocks_and_serialization_failures_once_and_in_a_row_lose_nothing() {
    let cluster = Cluster::start("aborted by PostgreSQL").await;
    let rooms = Rooms::given(&cluster, 2).await;
    let mut dice = Dice::of("aborted by PostgreSQL");
    prepare(cluster.database()).await;
    for (code, times) in [("40P01", 1), ("40001", 1), ("40P01", 30), ("40001", 30)] {
        let traffic = rooms.traffic(&cluster, dice.other());
        traffic.goes_on(3).await;
        let body = format!(
            "IF nextval('public.rows_written') <= {times} THEN
                RAISE EXCEPTION 'forced by the test' USING ERRCODE = '{code}';
            END IF;"
        );
        before_each_row(cluster.database(), &body).await;
        eventually(SOON, "all of it happened", async || {
            let written = "SELECT last_value FROM public.rows_written";
            let written =
                sqlx::query_scalar::<_, i64>(written).fetch_one(cluster.database().pool());
            (written.await.expect("a count") > times).then_some(())
        })
        .await;
        traffic.goes_on(5).await;
        traffic.stop().await;
        before_each_row(cluster.database(), "").await;
        let again = "SELECT setval('public.rows_written', 1, false)";
        run(cluster.database(), again.to_owned()).await;
        everything_agrees(&cluster, &rooms, &format!("{code} {times} times")).await;
    }
    cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn a_slow_database_loses_nothing() {
    let cluster = Cluster::start("a slow database").await;
    let rooms = Rooms::given(&cluster, 2).await;
    let mut dice = Dice::of("a slow database");
    prepare(cluster.database()).await;
    let traffic = rooms.traffic(&cluster, dice.other());
    traffic.goes_on(5).await;
    before_each_row(cluster.database(), "PERFORM pg_sleep(0.25);").await;
    traffic.goes_on(30).await;
    traffic.stop().await;
    before_each_row(cluster.database(), "").await;
    everything_agrees(&cluster, &rooms, "a slow database").await;
    cluster.finish().await;
}
