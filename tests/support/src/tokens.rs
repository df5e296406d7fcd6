//! Callers' tokens: random for every cluster, given to services as hashes.

use roomsync_process::grpc::token_sha256;
use uuid::Uuid;

/// A caller and its token.
#[derive(Debug, Clone)]
pub struct Token {
    /// The caller's name.
    pub name: &'static str,
    /// Its role.
    pub role: &'static str,
    /// The token itself.
    pub secret: String,
}

impl Token {
    /// A fresh token.
    pub fn random(name: &'static str, role: &'static str) -> Self {
        Self {
            name,
            role,
            secret: Uuid::new_v4().simple().to_string(),
        }
    }

    /// What a service is told about it: may see every tenant.
    pub fn key(&self) -> toml::Table {
        let mut key = toml::Table::new();
        key.insert("name".to_owned(), self.name.into());
        key.insert("role".to_owned(), self.role.into());
        key.insert("tenants".to_owned(), vec!["*"].into());
        key.insert("sha256".to_owned(), self.sha256().into());
        key
    }

    /// Its hash, hexadecimal.
    pub fn sha256(&self) -> String {
        token_sha256(&self.secret)
    }
}
