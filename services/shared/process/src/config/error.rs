//! What is wrong with a configuration, in words for the person who wrote it.

use std::{io, path::PathBuf};

/// A configuration that cannot be used. Names the key and the source of its value.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file given by `--config` cannot be read.
    #[error("failed to read the configuration file {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that a `<key>_file` names cannot be read.
    #[error("{key}: failed to read {} (named by {origin})", file.display())]
    UnreadableValue {
        /// The key whose value the file holds.
        key: String,
        /// The file.
        file: PathBuf,
        /// Who named the file.
        origin: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The text is not TOML.
    #[error("{origin}, line {line}: not valid TOML: {problem}")]
    Syntax {
        /// The text.
        origin: String,
        /// Where in it.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A key without a value.
    #[error("{key}: required, but set neither in {searched}")]
    Missing {
        /// The key.
        key: String,
        /// Where it could have been set.
        searched: String,
    },
    /// A value that cannot be used.
    #[error("{key}: {problem} (from {origin})")]
    Invalid {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: String,
        /// Where it was set.
        origin: String,
    },
}

impl ConfigError {
    /// A value that breaks a rule. `key` is the dotted path; the loader adds the source. Do not
    /// put the value of a secret into `problem`.
    pub fn invalid(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid {
            key: key.into(),
            problem: problem.into(),
            origin: String::new(),
        }
    }

    /// The same error, its source filled in by `origin` where it is not known yet.
    pub(crate) fn with_origin(self, origin: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Invalid {
                key,
                problem,
                origin: known,
            } if known.is_empty() => {
                let origin = origin(&key);
                Self::Invalid {
                    key,
                    problem,
                    origin,
                }
            }
            other => other,
        }
    }
}
