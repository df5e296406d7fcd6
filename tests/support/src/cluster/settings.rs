//! The configuration of each service in a cluster: ports of its own, durations short enough to wait
//! for. Polls keep their real length, so that no test passes by accident because a poll healed what
//! it meant to show: one that wants polls shortens them with `ClusterBuilder::set`.

use google_sim::Urls;
use toml::{Table, Value};

use super::wiring::{Tokens, Upstream, Wiring};
use crate::{Service, tokens::Token};

/// Signs channel tokens and, in base64, seals secrets. Of a test's own, and worth nothing.
const CHANNEL_TOKEN_SECRET: &str = "the channel token secret of a test";
const SEALING_SECRET: &str = "dGhlIHNlYWxpbmcgc2VjcmV0IG9mIGEgdGVzdCAoMzI=";

/// Everything that a service has to be told.
pub(crate) fn of(service: Service, wiring: &Wiring) -> Table {
    let mut table = Table::new();
    set(&mut table, "telemetry.log", "info".into());
    set(&mut table, "shutdown.grace", "10s".into());
    set(&mut table, "broker.url", wiring.amqp_url.clone().into());
    set(
        &mut table,
        "broker.ladder",
        vec!["50ms", "250ms", "1s"].into(),
    );
    if service != Service::WebhookIngest {
        set(
            &mut table,
            "database.url",
            wiring.database_url.clone().into(),
        );
        // Several clusters at once share one server.
        let connections = match service {
            // One listens all the time, and calls wait for rows that others hold.
            Service::BookingCommand => 10,
            _ => 5,
        };
        set(&mut table, "database.max_connections", connections.into());
    }
    match service {
        Service::BookingCommand => booking_command(&mut table, wiring),
        Service::Notification => notification(&mut table, wiring),
        Service::WebhookIngest => channel_tokens(&mut table),
        Service::SyncWorker => sync_worker(&mut table, wiring),
    }
    table
}

fn booking_command(table: &mut Table, wiring: &Wiring) {
    google(table, &wiring.google);
    let Tokens {
        app,
        operator,
        sync_worker,
        notification,
    } = &wiring.tokens;
    callers(table, &[app, operator, sync_worker, notification]);
    sealing(table);
    set(table, "disconnect.look_every", "100ms".into());
    if let Some(operator) = &wiring.operator {
        let client = &operator.client;
        set(table, "consent.client_id", client.client_id.clone().into());
        set(
            table,
            "consent.client_secret",
            client.client_secret.clone().into(),
        );
        let back = client.redirect_uris.clone();
        set(table, "consent.redirect_uris", back.into());
        let key = operator.account.key_file.to_string();
        set(table, "delegation.key", key.into());
    }
}

fn sealing(table: &mut Table) {
    let mut key = Table::new();
    key.insert("id".to_owned(), "test".into());
    key.insert("secret".to_owned(), SEALING_SECRET.into());
    set(table, "sealing.keys", vec![key].into());
}

fn notification(table: &mut Table, wiring: &Wiring) {
    callers(table, &[&wiring.tokens.app]);
    client(
        table,
        wiring,
        Upstream::BookingCommandPublic,
        &wiring.tokens.notification,
    );
    set(table, "gap.after", "1s".into());
    set(table, "gap.every", "200ms".into());
    sealing(table);
    // Receivers stand on this machine.
    set(table, "webhooks.allow_private", true.into());
    set(table, "webhooks.allow_http", true.into());
    set(table, "webhooks.sweep", "500ms".into());
    // Mails are off until a test names a mail server, see `ClusterBuilder::mails_to`.
    set(table, "mail.starttls", false.into());
    set(table, "mail.from", "Flexopus <rooms@example.com>".into());
    set(table, "mail.timeout", "5s".into());
    set(table, "mail.gather", "300ms".into());
    let internal = wiring.address(Upstream::BookingCommandInternal);
    let token = wiring.tokens.notification.secret.clone();
    set(
        table,
        "mail.booking_command.url",
        format!("http://{internal}").into(),
    );
    set(table, "mail.booking_command.token", token.into());
}

fn sync_worker(table: &mut Table, wiring: &Wiring) {
    google(table, &wiring.google);
    channel_tokens(table);
    client(
        table,
        wiring,
        Upstream::BookingCommandInternal,
        &wiring.tokens.sync_worker,
    );
    let push = wiring.address(Upstream::WebhookIngest);
    set(
        table,
        "push.address",
        format!("http://{push}/google/calendar/push").into(),
    );
    let durations = [
        ("sync.lease", "3s"),
        ("sync.sweep", "200ms"),
        ("sync.sweep_again", "500ms"),
        ("sync.wake", "50ms"),
        ("sync.first_delay", "100ms"),
        ("sync.longest_delay", "1s"),
        ("sync.coverage_every", "200ms"),
    ];
    for (key, duration) in durations {
        set(table, key, duration.into());
    }
}

fn google(table: &mut Table, urls: &Urls) {
    for (key, url) in [
        ("calendar_url", &urls.calendar_url),
        ("directory_url", &urls.directory_url),
        ("authorize_url", &urls.authorize_url),
        ("token_url", &urls.token_url),
        ("revoke_url", &urls.revoke_url),
        ("certs_url", &urls.certs_url),
    ] {
        set(table, &format!("google.{key}"), url.clone().into());
    }
}

fn channel_tokens(table: &mut Table) {
    let mut key = Table::new();
    key.insert("id".to_owned(), "k1".into());
    key.insert("secret".to_owned(), CHANNEL_TOKEN_SECRET.into());
    set(table, "channel_tokens.keys", vec![key].into());
}

fn callers(table: &mut Table, tokens: &[&Token]) {
    let keys: Vec<Table> = tokens.iter().map(|token| token.key()).collect();
    set(table, "callers.keys", keys.into());
}

fn client(table: &mut Table, wiring: &Wiring, upstream: Upstream, token: &Token) {
    let url = format!("http://{}", wiring.address(upstream));
    set(table, "booking_command.url", url.into());
    set(table, "booking_command.token", token.secret.clone().into());
}

/// Sets a dotted key, making the sections on the way.
pub(crate) fn set(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let section = table
                .entry(section.to_owned())
                .or_insert_with(|| Value::Table(Table::new()))
                .as_table_mut()
                .unwrap_or_else(|| panic!("{section} is a value, not a section"));
            set(section, rest, value);
        }
    }
}
