//! A PostgreSQL that falls silent: its connections stay open and nothing comes over them any more.

use std::{io, time::Duration};

use booking_command::{SCHEMA, gate, status::CommandError};
use roomsync_postgres::{Database, DatabaseConfig, is_unavailable};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

/// `AuthenticationOk` and `ReadyForQuery`: whoever connected may ask, and is answered nothing more.
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
/// Much more than the bound that the test sets.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_query_that_gets_no_answer_says_that_the_database_is_away() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let config = DatabaseConfig {
        acquire_timeout: Duration::from_secs(1),
        statement_timeout: Duration::from_millis(100),
        ..DatabaseConfig::new(format!("postgres://app@{address}/db?sslmode=disable"))
    };
    let database = Database::connect_lazy(&config, SCHEMA).unwrap();
    let tenant = "t1".parse().unwrap();

    let welcomed = async {
        let (mut client, _) = server.accept().await.unwrap();
        client.write_all(WELCOME).await.unwrap();
        client
    };
    let both = async { tokio::join!(welcomed, gate::tenant(&database, &tenant)) };
    let (_still_open, answer) = tokio::time::timeout(PATIENCE, both)
        .await
        .expect("it ends by itself");
    let Err(CommandError::Database(error)) = answer else {
        panic!("unexpected {answer:?}");
    };
    assert!(is_unavailable(&error), "{error}");
    // Not for want of a connection: the pool alone would say that too.
    assert!(
        matches!(&error, sqlx::Error::Io(cause) if cause.kind() == io::ErrorKind::TimedOut),
        "{error}"
    );
}
