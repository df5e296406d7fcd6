//! Every service's commented defaults: they are the reference page, so they must be complete enough
//! to start from, and every key must be explained.

use roomsync_process::config::{ServiceConfig, load};

/// What an operator must add to the defaults: addresses and secrets.
const DATABASE: (&str, &str) = (
    "ROOMSYNC__DATABASE__URL",
    "postgres://app@127.0.0.1/roomsync",
);
const BROKER: (&str, &str) = (
    "ROOMSYNC__BROKER__URL",
    "amqp://guest:guest@127.0.0.1:5672/%2f",
);
const CHANNEL_KEYS: (&str, &str) = (
    "ROOMSYNC__CHANNEL_TOKENS__KEYS",
    "[{ id = \"k1\", secret = \"0123456789abcdef0123456789abcdef\" }]",
);
const SEALING_KEYS: (&str, &str) = (
    "ROOMSYNC__SEALING__KEYS",
    "[{ id = \"k1\", secret = \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\" }]",
);
const BOOKING_URL: (&str, &str) = ("ROOMSYNC__BOOKING_COMMAND__URL", "http://127.0.0.1:7413");
const BOOKING_TOKEN: (&str, &str) = ("ROOMSYNC__BOOKING_COMMAND__TOKEN", "a-token");

fn starts_from<C: ServiceConfig>(defaults: &str, required: &[(&str, &str)]) {
    let environment = |without: Option<usize>| {
        let kept: Vec<_> = required
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != without)
            .map(|(_, (key, value))| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        kept.into_iter()
    };
    load::<C>(defaults, None, environment(None))
        .map(drop)
        .expect("defaults and what is required");

    let mut unknown: Vec<_> = environment(None).collect();
    unknown.push(("ROOMSYNC__NO_SUCH_SECTION__KEY".to_owned(), "1".to_owned()));
    let refused = load::<C>(defaults, None, unknown.into_iter())
        .map(drop)
        .expect_err("unknown");
    assert!(refused.to_string().contains("no_such_section"), "{refused}");
}

#[test]
fn the_defaults_and_the_required_keys_are_all_that_webhook_ingest_needs() {
    starts_from::<webhook_ingest::Config>(
        webhook_ingest::service().default_config,
        &[BROKER, CHANNEL_KEYS],
    );
}

#[test]
fn the_defaults_and_the_required_keys_are_all_that_sync_worker_needs() {
    starts_from::<sync_worker::Config>(
        sync_worker::service().default_config,
        &[DATABASE, BROKER, CHANNEL_KEYS, BOOKING_URL, BOOKING_TOKEN],
    );
}

#[test]
fn the_defaults_and_the_required_keys_are_all_that_booking_command_needs() {
    starts_from::<booking_command::Config>(
        booking_command::service().default_config,
        &[DATABASE, BROKER, SEALING_KEYS],
    );
}

#[test]
fn the_defaults_and_the_required_keys_are_all_that_notification_needs() {
    starts_from::<notification::Config>(
        notification::service().default_config,
        &[DATABASE, BROKER, BOOKING_URL, BOOKING_TOKEN, SEALING_KEYS],
    );
}

/// Every key of a defaults file stands under a comment that explains it.
#[test]
fn every_default_is_explained() {
    for (service, defaults) in [
        ("webhook-ingest", webhook_ingest::service().default_config),
        ("sync-worker", sync_worker::service().default_config),
        ("booking-command", booking_command::service().default_config),
        ("notification", notification::service().default_config),
    ] {
        let mut explained = false;
        let mut keys = 0;
        for line in defaults.lines().map(str::trim) {
            if line.starts_with('#') {
                explained = true;
            } else if line.is_empty() || line.starts_with('[') {
                explained = false;
            } else if line.contains('=') {
                keys += 1;
                // Neighbours such as two timeouts may share one comment.
                assert!(explained, "{service}: `{line}` is not explained");
            }
        }
        assert!(keys > 0, "{service} has no defaults");
    }
}
