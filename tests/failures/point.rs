//! Stops a service at an exact statement, from outside: a trigger in the test's own database waits
//! for an advisory lock that the test holds. Production code knows nothing of it.

use std::time::Duration;

use roomsync_testkit::{SOON, TestDatabase, eventually};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// A statement that waits until the test lets it.
pub(crate) struct Point {
    /// Holds the lock.
    holder: PgConnection,
    key: i64,
    table: String,
}

impl Point {
    /// `UPDATE`s of `table` for which `when` (over OLD and NEW) holds will wait.
    pub(crate) async fn before_update(database: &TestDatabase, table: &str, when: &str) -> Self {
        Self::before(database, "UPDATE", table, when).await
    }

    /// Statements of this kind (`INSERT`, `UPDATE`, `DELETE`) for whose rows `when` holds will wait.
    pub(crate) async fn before(
        database: &TestDatabase,
        statement: &str,
        table: &str,
        when: &str,
    ) -> Self {
        let mut holder = PgConnection::connect(database.url())
            .await
            .expect("a connection");
        let key = 4711;
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(key)
            .execute(&mut holder)
            .await
            .expect("the lock is free");
        // The waiting statement must survive the service's own statement timeout.
        let function = format!(
            "CREATE OR REPLACE FUNCTION public.wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_advisory_xact_lock({key});
                RETURN coalesce(NEW, OLD);
            END $$"
        );
        let trigger = format!(
            "CREATE TRIGGER wait_for_the_test BEFORE {statement} ON {table}
            FOR EACH ROW WHEN ({when})
            EXECUTE FUNCTION public.wait_for_the_test()"
        );
        for statement in [function, trigger] {
            sqlx::query(AssertSqlSafe(statement))
                .execute(&mut holder)
                .await
                .expect("a trigger");
        }
        let table = table.to_owned();
        Self { holder, key, table }
    }

    /// Waits until a statement stands at the point.
    pub(crate) async fn reached(&mut self) {
        let (holder, key) = (&mut self.holder, self.key);
        eventually(SOON, "a statement waits at the point", async || {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_locks
                JOIN pg_database AS own ON own.oid = database AND datname = current_database()
                WHERE locktype = 'advisory' AND NOT granted AND objid = $1::bigint::oid",
            )
            .bind(key)
            .fetch_one(&mut *holder)
            .await
            .expect("pg_locks");
            (waiting > 0).then_some(())
        })
        .await;
    }

    /// Ends what waits there, as the end of its client would once PostgreSQL notices it, and takes
    /// the point away.
    pub(crate) async fn remove(mut self) {
        sqlx::query(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks
            JOIN pg_database AS own ON own.oid = database AND datname = current_database()
            WHERE locktype = 'advisory' AND NOT granted AND objid = $1::bigint::oid",
        )
        .bind(self.key)
        .execute(&mut self.holder)
        .await
        .expect("nobody waits any more");
        self.open().await;
    }

    /// Lets what waits there go on, and takes the point away.
    pub(crate) async fn open(mut self) {
        sqlx::query("SELECT pg_advisory_unlock($1)")
            .bind(self.key)
            .execute(&mut self.holder)
            .await
            .expect("unlocked");
        let trigger = format!("DROP TRIGGER wait_for_the_test ON {}", self.table);
        let dropping = sqlx::query(AssertSqlSafe(trigger)).execute(&mut self.holder);
        tokio::time::timeout(Duration::from_secs(10), dropping)
            .await
            .expect("in time")
            .expect("the trigger is gone");
        self.holder.close().await.expect("closed");
    }
}
