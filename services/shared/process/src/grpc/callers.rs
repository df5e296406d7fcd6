//! The key ring: from a bearer token to the caller it belongs to.
//!
//! Only hashes are kept. A token is looked up by its SHA-256, so neither the lookup's time nor a
//! leaked configuration says anything about a token that was made at random.

use std::{collections::HashMap, fs, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};

use super::{
    config::{CallerKey, CallersConfig, Role},
    problem::problem,
};
use crate::ConfigError;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name of the key.
    pub name: String,
    /// What the caller is.
    pub role: Role,
    /// The tenants it may see; `*` is every tenant.
    pub tenants: Vec<String>,
}

impl Caller {
    /// Who made this request. Every request that came through a [`super::Listener`] has a caller;
    /// for one that did not, the answer is a caller that may see nothing.
    pub fn of<T>(request: &tonic::Request<T>) -> &Self {
        static NOBODY: Caller = Caller {
            name: String::new(),
            role: Role::Display,
            tenants: Vec::new(),
        };
        request
            .extensions()
            .get::<Arc<Self>>()
            .map_or(&NOBODY, |caller| caller)
    }

    /// Whether the caller may see the tenant.
    pub fn may_see(&self, tenant: &str) -> bool {
        self.tenants.iter().any(|own| own == "*" || own == tenant)
    }

    /// `PERMISSION_DENIED` `ROLE_NOT_ALLOWED` unless the caller has this role: for rpcs on a shared
    /// listener that are only for some.
    pub fn require(&self, role: Role) -> Result<(), tonic::Status> {
        if self.role == role {
            return Ok(());
        }
        let message = format!("this rpc is for role {}", role.as_str());
        let code = tonic::Code::PermissionDenied;
        Err(problem(
            code,
            "ROLE_NOT_ALLOWED",
            message,
            &[("role", self.role.as_str())],
        ))
    }
}

/// The key ring. Load it in `ServiceConfig::validate` too, so that a bad one stops the process
/// before a port opens.
#[derive(Clone, Debug, Default)]
pub struct Callers {
    by_hash: Arc<HashMap<Vec<u8>, Arc<Caller>>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    keys: Vec<CallerKey>,
}

impl Callers {
    /// Reads the keys of the configuration and of its file. Errors are about keys of the section
    /// `callers`.
    pub fn load(config: &CallersConfig) -> Result<Self, ConfigError> {
        let mut ring = HashMap::new();
        for (i, key) in config.keys.iter().enumerate() {
            add(&mut ring, key)
                .map_err(|problem| ConfigError::invalid(format!("callers.keys.{i}"), problem))?;
        }
        if let Some(path) = &config.file {
            let wrong = |problem: String| {
                ConfigError::invalid("callers.file", format!("{}: {problem}", path.display()))
            };
            let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
            // Only the message: the full text of the error quotes the line.
            let file: File =
                toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
            for (i, key) in file.keys.iter().enumerate() {
                add(&mut ring, key).map_err(|problem| wrong(format!("keys.{i}: {problem}")))?;
            }
        }
        Ok(Self {
            by_hash: Arc::new(ring),
        })
    }

    /// The caller whose token this is.
    pub(super) fn find(&self, token: &[u8]) -> Option<&Arc<Caller>> {
        self.by_hash.get(digest(&SHA256, token).as_ref())
    }
}

/// The hash of a token as the configuration wants it.
pub fn token_sha256(token: &str) -> String {
    hex::encode(digest(&SHA256, token.as_bytes()))
}

fn add(ring: &mut HashMap<Vec<u8>, Arc<Caller>>, key: &CallerKey) -> Result<(), String> {
    let hash = hex::decode(&key.sha256)
        .ok()
        .filter(|hash| hash.len() == 32);
    let hash = hash.ok_or("sha256 must be 64 hex digits")?;
    if key.name.is_empty() {
        return Err("name must not be empty".to_owned());
    }
    let (name, role, tenants) = (key.name.clone(), key.role, key.tenants.clone());
    match ring.insert(
        hash,
        Arc::new(Caller {
            name,
            role,
            tenants,
        }),
    ) {
        None => Ok(()),
        Some(other) => Err(format!("the same token as {}", other.name)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn key(name: &str, sha256: &str) -> CallerKey {
        let (name, sha256) = (name.to_owned(), sha256.to_owned());
        CallerKey {
            name,
            role: Role::App,
            tenants: vec!["acme".to_owned()],
            sha256,
        }
    }

    fn load(keys: Vec<CallerKey>, file: Option<&str>) -> Result<Callers, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = file.map(|text| {
            let path = folder.path().join("keys.toml");
            fs::write(&path, text).unwrap();
            path
        });
        Callers::load(&CallersConfig { keys, file }).map_err(|error| error.to_string())
    }

    #[test]
    fn keys_come_from_the_configuration_and_from_a_file() {
        let file = format!(
            "[[keys]]\nname = \"ops\"\nrole = \"operator\"\ntenants = [\"*\"]\nsha256 = \"{}\"\n",
            token_sha256("two"),
        );
        let callers = load(vec![key("app", &token_sha256("one"))], Some(&file)).unwrap();
        let (app, ops) = (callers.find(b"one").unwrap(), callers.find(b"two").unwrap());
        assert_eq!((app.name.as_str(), app.role), ("app", Role::App));
        assert_eq!((ops.name.as_str(), ops.role), ("ops", Role::Operator));
        assert!(app.may_see("acme") && !app.may_see("other") && ops.may_see("other"));
        assert!(callers.find(b"three").is_none());
        ops.require(Role::Operator).unwrap();
        assert_eq!(
            app.require(Role::Operator).unwrap_err().code(),
            tonic::Code::PermissionDenied
        );
    }

    #[rstest]
    #[case::not_hex(vec![key("a", "xyz")], None, "callers.keys.0: sha256 must be 64 hex digits")]
    #[case::too_short(vec![key("a", "abcd")], None, "callers.keys.0: sha256 must be 64 hex digits")]
    #[case::nameless(vec![key("", &token_sha256("x"))], None, "name must not be empty")]
    #[case::twice(
        vec![key("a", &token_sha256("x")), key("b", &token_sha256("x"))], None,
        "callers.keys.1: the same token as a"
    )]
    #[case::bad_file(vec![], Some("[[keys]]\nname = 1\n"), "callers.file: ")]
    fn a_bad_key_ring_is_refused(
        #[case] keys: Vec<CallerKey>,
        #[case] file: Option<&str>,
        #[case] complaint: &str,
    ) {
        let error = load(keys, file).unwrap_err();
        assert!(error.contains(complaint), "{error}");
    }
}
