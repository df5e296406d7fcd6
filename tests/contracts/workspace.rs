//! The shape of the repository: who may name whom, and what stands at the top.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::{DependencyKind, MetadataCommand};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Whom a shared crate may name, of ours.
const SHARED: &[(&str, &[&str])] = &[
    ("roomsync-domain", &[]),
    ("roomsync-messages", &["roomsync-domain"]),
    ("roomsync-broker", &["roomsync-messages"]),
    ("roomsync-postgres", &["roomsync-messages"]),
    (
        "roomsync-relay",
        &["roomsync-broker", "roomsync-messages", "roomsync-postgres"],
    ),
    ("roomsync-google", &["roomsync-domain"]),
    ("roomsync-process", &[]),
    ("roomsync-sealing", &[]),
    ("roomsync-proto", &[]),
];

const SERVICES: &[&str] = &[
    "webhook-ingest",
    "sync-worker",
    "booking-command",
    "notification",
];

const TESTS: &[&str] = &[
    "roomsync-testkit",
    "google-sim",
    "roomsync-demo",
    "journeys",
    "property",
    "contracts",
    "failures",
    "bench",
];

/// What each package of ours names of ours, without dev-dependencies: those never ship.
fn arrows() -> BTreeMap<String, Vec<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .expect("cargo metadata");
    metadata
        .packages
        .iter()
        .map(|package| {
            let ours = package
                .dependencies
                .iter()
                .filter(|d| d.path.is_some() && d.kind != DependencyKind::Development)
                .map(|d| d.name.clone())
                .collect();
            (package.name.to_string(), ours)
        })
        .collect()
}

#[test]
fn every_package_is_known_and_names_only_whom_it_may() {
    let shared: BTreeMap<_, _> = SHARED.iter().copied().collect();
    let mut wrong = Vec::new();
    for (package, names) in arrows() {
        for name in names {
            let allowed = if let Some(allowed) = shared.get(package.as_str()) {
                allowed.contains(&name.as_str())
            } else if SERVICES.contains(&package.as_str()) {
                shared.contains_key(name.as_str())
            } else {
                TESTS.contains(&package.as_str())
            };
            if !allowed {
                wrong.push(format!("{package} -> {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that must not be: {wrong:?}");
}

#[test]
fn no_package_is_outside_the_plan() {
    let known = |name: &str| {
        SHARED.iter().any(|(n, _)| *n == name) || SERVICES.contains(&name) || TESTS.contains(&name)
    };
    let strangers: Vec<_> = arrows().into_keys().filter(|name| !known(name)).collect();
    assert!(
        strangers.is_empty(),
        "add them to this test, with their arrows: {strangers:?}"
    );
}

#[test]
fn lapin_reqwest_and_lettre_each_have_their_owners() {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .expect("cargo metadata");
    for package in &metadata.packages {
        if TESTS.contains(&package.name.as_str()) {
            continue;
        }
        for dependency in package
            .dependencies
            .iter()
            .filter(|d| d.kind == DependencyKind::Normal)
        {
            let owners: &[&str] = match dependency.name.as_str() {
                "lapin" => &["roomsync-broker"],
                "reqwest" => &["roomsync-google", "notification"],
                "lettre" => &["notification"],
                _ => continue,
            };
            assert!(
                owners.contains(&package.name.as_str()),
                "{} names {}, which is for {owners:?} alone",
                package.name,
                dependency.name
            );
        }
    }
}

/// notification may name reqwest for its webhooks and lettre for its mails, and for nothing else.
#[test]
fn within_notification_only_webhooks_name_reqwest_and_only_mail_names_lettre() {
    let sources = root().join("services/notification/src");
    for (library, owner) in [("reqwest::", "webhooks"), ("lettre::", "mail")] {
        for path in naming(&sources, library) {
            assert!(
                path.starts_with(sources.join(owner)),
                "{path:?} names {library}"
            );
        }
    }
}

/// The files of a folder that name a library; there must be some.
fn naming(sources: &Path, library: &str) -> Vec<PathBuf> {
    let mut folders = vec![sources.to_owned()];
    let mut naming = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(&path).is_ok_and(|text| text.contains(library)) {
                naming.push(path);
            }
        }
    }
    assert!(
        !naming.is_empty(),
        "nothing names {library}: is the folder right?"
    );
    naming
}

#[test]
fn the_top_level_is_fixed() {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .expect("git ls-files");
    assert!(
        output.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let files = String::from_utf8(output.stdout).expect("paths are UTF-8");
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "services",
        "proto",
        "deploy",
        "helm",
        "tests",
        "README.md",
    ];
    let mut seen = 0;
    for file in files.split('\0').filter(|f| !f.is_empty()) {
        seen += 1;
        let top = file.split('/').next().unwrap_or(file);
        assert!(
            allowed.contains(&top) || top.starts_with('.'),
            "{file} is outside the top level"
        );
    }
    assert!(seen > 0, "git lists no files");
}

/// Two crypto providers in one binary panic at first use; openssl would need a C library at run time.
#[test]
fn one_crypto_provider_is_linked_and_no_openssl() {
    for banned in ["ring", "openssl", "native-tls"] {
        let tree = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--workspace",
                "--offline",
                "--edges",
                "normal,build",
                "--invert",
            ])
            .arg(banned)
            .current_dir(root())
            .output()
            .expect("cargo tree");
        let users = String::from_utf8_lossy(&tree.stdout);
        assert!(users.trim().is_empty(), "{banned} is linked:\n{users}");
        // Without this a cargo that cannot run would look like success.
        let said = String::from_utf8_lossy(&tree.stderr);
        let absent = ["nothing to print", "did not match any packages"];
        assert!(
            absent.iter().any(|words| said.contains(words)),
            "cargo tree said: {said}"
        );
    }
}
