//! Layers, error texts and secrets, on a small configuration.

use std::{fs, path::PathBuf, time::Duration};

use rstest::rstest;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tempfile::TempDir;

use super::*;

const DEFAULTS: &str = r#"
[admin]
listen = "127.0.0.1:9000"

[broker]
url = "amqp://guest:guest@localhost/"
prefetch = 32
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    process: ProcessConfig,
    broker: Broker,
    #[serde(default)]
    sealing: Sealing,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Broker {
    url: SecretString,
    prefetch: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealing {
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    id: String,
    secret: SecretString,
}

impl ServiceConfig for Config {
    fn process(&self) -> &ProcessConfig {
        &self.process
    }

    fn validate(&self) -> Result<(), ConfigError> {
        match self.broker.prefetch {
            0 => Err(ConfigError::invalid(
                "broker.prefetch",
                "must be at least 1",
            )),
            _ => Ok(()),
        }
    }
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

fn env<'a>(
    variables: &'a [(&'a str, &'a str)],
) -> impl Iterator<Item = (String, String)> + use<'a> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}

fn from_env(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load(DEFAULTS, None, env(variables))
}

fn complaint(result: Result<Config, ConfigError>) -> String {
    result.expect_err("this configuration is bad").to_string()
}

#[test]
fn later_layers_win_key_by_key() {
    let files = Files::new();
    let file = files.write(
        "c.toml",
        "[broker]\nprefetch = 8\n[shutdown]\ngrace = \"5s\"\n",
    );
    let variables = [("ROOMSYNC__ADMIN__LISTEN", "[::1]:7000"), ("HOME", "/root")];
    let config: Config = load(DEFAULTS, Some(&file), env(&variables)).unwrap();
    assert_eq!(config.process.admin.listen, "[::1]:7000".parse().unwrap());
    assert_eq!(config.process.shutdown.grace, Duration::from_secs(5));
    assert_eq!(config.process.telemetry.log, "info");
    assert_eq!(config.broker.prefetch, 8);
    assert_eq!(
        config.broker.url.expose_secret(),
        "amqp://guest:guest@localhost/"
    );

    let variables = [("ROOMSYNC__BROKER__PREFETCH", "4")];
    let config: Config = load(DEFAULTS, Some(&file), env(&variables)).unwrap();
    assert_eq!(config.broker.prefetch, 4);
}

#[rstest]
#[case::wrong_type(
    ("ROOMSYNC__BROKER__PREFETCH", "many"),
    "broker.prefetch: found string \"many\", expected u16 (from environment variable ROOMSYNC__BROKER__PREFETCH)"
)]
#[case::unknown_key(
    ("ROOMSYNC__BROKER__PREFTCH", "4"),
    "broker.preftch: unknown key, expected one of `url`, `prefetch` (from environment variable ROOMSYNC__BROKER__PREFTCH)"
)]
#[case::unknown_key_in_a_process_section(
    ("ROOMSYNC__ADMIN__PORT", "4"),
    "admin.port: unknown key, expected `listen` (from environment variable ROOMSYNC__ADMIN__PORT)"
)]
#[case::unknown_variant(
    ("ROOMSYNC__TELEMETRY__LOG_FORMAT", "xml"),
    "telemetry.log_format: found `xml`, expected one of `json`, `text` (from environment variable ROOMSYNC__TELEMETRY__LOG_FORMAT)"
)]
#[case::rule_of_the_service(
    ("ROOMSYNC__BROKER__PREFETCH", "0"),
    "broker.prefetch: must be at least 1 (from environment variable ROOMSYNC__BROKER__PREFETCH)"
)]
#[case::rule_of_the_process(
    ("ROOMSYNC__TELEMETRY__OTLP_ENDPOINT", "collector:4317"),
    "telemetry.otlp_endpoint: expected an http:// or https:// address (from environment variable ROOMSYNC__TELEMETRY__OTLP_ENDPOINT)"
)]
#[case::the_inner_name_of_the_process_sections(
    ("ROOMSYNC__PROCESS__ADMIN", "{}"),
    "process: unknown key; its sections stand at the top (from environment variable ROOMSYNC__PROCESS)"
)]
fn an_error_names_key_and_variable(#[case] variable: (&str, &str), #[case] expected: &str) {
    assert_eq!(complaint(from_env(&[variable])), expected);
}

#[test]
fn an_error_names_the_file_the_value_came_from() {
    let files = Files::new();
    let file = files.write("c.toml", "[broker]\nprefetch = 70000\n");
    let error = complaint(load(DEFAULTS, Some(&file), env(&[])));
    assert!(error.starts_with("broker.prefetch: "), "{error}");
    assert!(
        error.ends_with(&format!("(from file {})", file.display())),
        "{error}"
    );

    let error = complaint(load(
        DEFAULTS,
        Some(&files.0.path().join("absent")),
        env(&[]),
    ));
    assert!(
        error.starts_with("failed to read the configuration file "),
        "{error}"
    );

    let file = files.write("c.toml", "[broker]\n\nurl = \"hunter2\n");
    let error = complaint(load(DEFAULTS, Some(&file), env(&[])));
    assert!(
        error.starts_with(&format!("file {}, line 3: not valid TOML", file.display())),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_missing_key_says_how_to_set_it() {
    let error = complaint(load("[broker]\nprefetch = 1\n", None, env(&[])));
    assert_eq!(
        error,
        "broker.url: required, but set neither in the defaults nor the environment (ROOMSYNC__BROKER__URL)",
    );
}

#[test]
fn any_secret_can_come_from_a_file_and_lists_are_searched_too() {
    let files = Files::new();
    let url = files.write("url", "amqp://app:s3cret@broker/\n");
    let key = files.write("key", "12345\n");
    let text = format!(
        "[broker]\nurl_file = {:?}\n[[sealing.keys]]\nid = \"a\"\nsecret_file = {:?}\n",
        url.display().to_string(),
        key.display().to_string(),
    );
    let file = files.write("c.toml", &text);
    let config: Config = load(DEFAULTS, Some(&file), env(&[])).unwrap();
    assert_eq!(
        config.broker.url.expose_secret(),
        "amqp://app:s3cret@broker/"
    );
    assert_eq!(config.sealing.keys[0].id, "a");
    assert_eq!(config.sealing.keys[0].secret.expose_secret(), "12345");

    let over = [("ROOMSYNC__BROKER__URL", "amqp://later/")];
    let config: Config = load(DEFAULTS, Some(&file), env(&over)).unwrap();
    assert_eq!(config.broker.url.expose_secret(), "amqp://later/");
}

#[test]
fn a_secret_file_that_cannot_be_read_or_is_given_twice_is_refused() {
    let error = complaint(from_env(&[("ROOMSYNC__BROKER__URL_FILE", "/absent/url")]));
    assert_eq!(
        error,
        "broker.url: failed to read /absent/url (named by environment variable ROOMSYNC__BROKER__URL_FILE)",
    );
    let both = [
        ("ROOMSYNC__BROKER__URL", "amqp://a/"),
        ("ROOMSYNC__BROKER__URL_FILE", "/absent"),
    ];
    assert_eq!(
        complaint(from_env(&both)),
        "broker.url: set together with broker.url_file (from environment variable ROOMSYNC__BROKER__URL)",
    );
}

#[test]
fn a_secret_of_digits_stays_text_and_a_bad_one_is_not_repeated() {
    let keys = r#"[{id = "a", secret = "12345"}]"#;
    let config = from_env(&[("ROOMSYNC__SEALING__KEYS", keys)]).unwrap();
    assert_eq!(config.sealing.keys[0].secret.expose_secret(), "12345");

    let error = complaint(from_env(&[(
        "ROOMSYNC__SEALING__KEYS",
        "[{id = \"a\", secret = 777}]",
    )]));
    assert_eq!(
        error,
        "sealing.keys.0.secret: expected a string (from environment variable ROOMSYNC__SEALING__KEYS)",
    );
}

#[rstest]
#[case::a_list_left_open("ROOMSYNC__SEALING__KEYS", r#"[{id = "a", secret = "hunter2"}"#)]
#[case::no_list_at_all("ROOMSYNC__SEALING__KEYS", "hunter2")]
#[case::a_section_left_open("ROOMSYNC__SEALING", r#"{keys = [{id = "a", secret = "hunter2"}]"#)]
#[case::an_address_for_a_section("ROOMSYNC__BROKER", "amqp://app:hunter2@broker")]
fn a_value_that_is_not_even_read_is_not_repeated(#[case] variable: &str, #[case] value: &str) {
    let error = complaint(from_env(&[(variable, value)]));
    assert!(error.contains("expected"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn printing_shows_values_but_no_secret() {
    let files = Files::new();
    let url = files.write("url", "amqp://from-file/");
    let (url, keys) = (
        url.display().to_string(),
        r#"[{id = "a", secret = "hunter2"}]"#,
    );
    let variables = [
        ("ROOMSYNC__BROKER__URL_FILE", url.as_str()),
        ("ROOMSYNC__SEALING__KEYS", keys),
    ];
    let shown = Loaded::read(DEFAULTS, None, env(&variables))
        .unwrap()
        .redacted()
        .unwrap();
    assert!(shown.contains("prefetch = 32"), "{shown}");
    assert!(
        shown.contains("[admin]\nlisten = \"127.0.0.1:9000\""),
        "{shown}"
    );
    assert!(shown.contains("url = \"[redacted]\""), "{shown}");
    assert!(shown.contains("secret = \"[redacted]\""), "{shown}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("from-file"),
        "{shown}"
    );

    let shown = Loaded::read(DEFAULTS, None, env(&[]))
        .unwrap()
        .redacted()
        .unwrap();
    assert!(
        shown.contains("amqp://guest:redacted@localhost/"),
        "{shown}"
    );
}
