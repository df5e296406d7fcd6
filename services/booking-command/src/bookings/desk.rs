//! What booking and ending bookings from Flexopus need, in one hand.

use roomsync_postgres::Database;

use crate::{access::Lender, config::BookingsConfig, watch::Watch, writing::Writer};

/// The counter at which bookings are made and ended.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Where bookings are.
    pub database: Database,
    /// Access to Google.
    pub lender: Lender,
    /// Hears of changes.
    pub watch: Watch,
    /// Writes to Google.
    pub writer: Writer,
    /// Deadlines.
    pub config: BookingsConfig,
}

#[cfg(test)]
impl Desk {
    /// A desk with the default configuration and a Google that nobody reaches.
    pub(crate) fn of_tests(database: Database) -> Self {
        let key = r#"[{id = "a", secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]"#;
        let set = [
            ("ROOMSYNC__BROKER__URL", "amqp://localhost"),
            ("ROOMSYNC__DATABASE__URL", "postgres://localhost/roomsync"),
            ("ROOMSYNC__GOOGLE__CALENDAR_URL", "http://127.0.0.1:1/"),
            ("ROOMSYNC__GOOGLE__TOKEN_URL", "http://127.0.0.1:1/token"),
            ("ROOMSYNC__SEALING__KEYS", key),
        ];
        let set = set.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let defaults = include_str!("../../config.default.toml");
        let config: crate::Config =
            roomsync_process::config::load(defaults, None, set.into_iter()).unwrap();
        let google = roomsync_google::Google::new(&config.google).unwrap();
        let ring = roomsync_sealing::Keyring::new(&config.sealing).unwrap();
        let lender = Lender::new(database.clone(), google, ring, config.budget);
        Self {
            writer: Writer {
                database: database.clone(),
                lender: lender.clone(),
            },
            database,
            lender,
            watch: Watch::default(),
            config: config.bookings,
        }
    }
}
