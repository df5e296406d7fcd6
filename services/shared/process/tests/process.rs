//! A real process: exit codes, signals, logs and probes of `examples/idle.rs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use axum::routing::post;
use roomsync_process::TaskTracker;
use serde_json::Value;
use tokio::sync::mpsc;
use tonic::{service::Routes, transport::server::TcpIncoming};

fn idle(arguments: &[&str], env: &[(&str, &str)]) -> Command {
    // Cargo builds examples beside the tests: target/debug/{deps/process-…,examples/idle}.
    let this = std::env::current_exe().unwrap();
    let built: PathBuf = this
        .ancestors()
        .nth(2)
        .unwrap()
        .join("examples")
        .join("idle");
    let mut command = Command::new(built);
    command.args(arguments).envs(env.iter().copied());
    command
}

fn finished(arguments: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = idle(arguments, env).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// A running process and its log.
struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Running {
    fn start(env: &[(&str, &str)]) -> Self {
        let mut child = idle(&[], env).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// Reads on until a line with this message.
    fn wait_for(&mut self, message: &str) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.log.read_line(&mut line).unwrap(),
                0,
                "the log ended before {message}"
            );
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == message {
                return line;
            }
        }
    }

    fn signal(&self) {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
    }

    fn ended(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

#[test]
fn a_bad_configuration_exits_64_before_any_port_opens() {
    // The port is taken: a process that tried to open it would fail differently.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let env = [
        ("ROOMSYNC__ADMIN__LISTEN", listen.as_str()),
        ("ROOMSYNC__IDLE__STUBORN", "true"),
    ];
    let complaint = "idle: idle.stuborn: unknown key, expected one of `stubborn`, `token` (from environment variable ROOMSYNC__IDLE__STUBORN)\n";
    for arguments in [
        vec![],
        vec!["run"],
        vec!["config", "check"],
        vec!["config", "print"],
    ] {
        let (code, _, stderr) = finished(&arguments, &env);
        assert_eq!(
            (code, stderr.as_str()),
            (Some(64), complaint),
            "{arguments:?}"
        );
    }
    let (code, ..) = finished(&[], &env[..1]);
    assert_eq!(
        code,
        Some(1),
        "the taken port is not the configuration's fault"
    );
}

#[test]
fn the_configuration_is_checked_and_printed_without_secrets() {
    assert_eq!(finished(&["config", "check"], &[]).0, Some(0));
    let (code, shown, _) = finished(
        &["config", "print"],
        &[("ROOMSYNC__TELEMETRY__LOG", "warn")],
    );
    assert_eq!(code, Some(0));
    assert!(shown.contains("log = \"warn\""), "{shown}");
    assert!(
        shown.contains("token = \"[redacted]\"") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn help_is_no_mistake_and_a_service_without_a_schema_migrates_nothing() {
    let (code, help, _) = finished(&["--help"], &[]);
    assert_eq!(code, Some(0));
    assert!(
        help.contains("healthcheck") && !help.contains("migrate"),
        "{help}"
    );
    assert_eq!(finished(&["migrate"], &[]).0, Some(64));
}

#[test]
fn a_command_of_the_services_own_answers_and_has_its_own_exit_codes() {
    let (code, said, log) = finished(&["greet", "ana"], &[]);
    assert_eq!(
        (code, said.as_str(), log.as_str()),
        (Some(0), "hello ana\n", "")
    );
    let stubborn = [("ROOMSYNC__IDLE__STUBBORN", "true")];
    let (code, said, log) = finished(&["greet", "ana"], &stubborn);
    assert_eq!(
        (code, said.as_str(), log.as_str()),
        (Some(66), "", "idle: nobody is greeted\n")
    );
    assert_eq!(finished(&["greet"], &[]).0, Some(64));
    let bad = [("ROOMSYNC__IDLE__STUBORN", "true")];
    assert_eq!(finished(&["greet", "ana"], &bad).0, Some(64));
}

#[test]
fn a_signal_ends_the_process_well_and_healthcheck_sees_it_live() {
    let mut running = Running::start(&[]);
    let listening = running.wait_for("listening");
    let listen = listening["address"].as_str().unwrap().to_owned();
    let env = [("ROOMSYNC__ADMIN__LISTEN", listen.as_str())];
    assert_eq!(finished(&["healthcheck", "--live"], &env).0, Some(0));

    running.signal();
    running.wait_for("stopping: finishing what is in hand");
    let (code, rest) = running.ended();
    assert_eq!(code, Some(0), "{rest}");
    assert_eq!(finished(&["healthcheck", "--live"], &env).0, Some(1));
}

/// Takes OTLP exports and shows the first one. Only the bytes: the service's name stands in them.
fn collector(exports: mpsc::UnboundedSender<Vec<u8>>) -> SocketAddr {
    let export = async move |request: axum::extract::Request| {
        let body = axum::body::to_bytes(request.into_body(), usize::MAX)
            .await
            .unwrap();
        exports.send(body.to_vec()).unwrap();
        tonic::Status::ok("").into_http::<tonic::body::Body>()
    };
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let routes = Routes::from(axum::Router::new().route(path, post(export)));
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    let server = tonic::transport::Server::builder().add_routes(routes);
    TaskTracker::new().spawn(server.serve_with_incoming(incoming));
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_are_sent_to_the_collector_before_the_process_ends() {
    let (exports, mut exported) = mpsc::unbounded_channel();
    let endpoint = format!("http://{}", collector(exports));
    let mut running = Running::start(&[("ROOMSYNC__TELEMETRY__OTLP_ENDPOINT", &endpoint)]);
    running.wait_for("idling");
    running.signal();
    let (code, rest) = running.ended();
    assert_eq!(code, Some(0), "{rest}");
    let export = exported.try_recv().unwrap();
    let export = String::from_utf8_lossy(&export);
    for part in ["service.name", "idle", "service.instance.id", "idle.start"] {
        assert!(export.contains(part), "{part} in {export}");
    }
}

#[test]
fn a_second_signal_ends_a_stubborn_process_at_once() {
    let mut running = Running::start(&[("ROOMSYNC__IDLE__STUBBORN", "true")]);
    running.wait_for("listening");
    running.signal();
    running.wait_for("stopping: finishing what is in hand");
    running.signal();
    let (code, rest) = running.ended();
    assert_eq!(code, Some(1), "{rest}");
    assert!(rest.contains("stopped hard with work in hand"), "{rest}");
}
