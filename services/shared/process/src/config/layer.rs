//! One source of values: the defaults, a file, or the environment.

use std::{collections::BTreeMap, path::PathBuf};

use figment::{
    Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};

use super::{ConfigError, secret, value_files::ValueFiles};

const PREFIX: &str = "ROOMSYNC__";
const ENVIRONMENT: &str = "the environment";

/// The sections of `ProcessConfig`: at the top of the TOML, under `process` in the structs.
pub(super) const PROCESS: &str = "process";
pub(super) const PROCESS_SECTIONS: [&str; 3] = ["admin", "telemetry", "shutdown"];

/// The values of one source, with every `<key>_file` already read.
pub(super) struct Layer {
    name: String,
    values: Dict,
    /// The keys that came from a `<key>_file`, with that file.
    pub(super) files: BTreeMap<String, PathBuf>,
}

impl Layer {
    /// A TOML text that errors call `name`.
    pub(super) fn toml(name: String, text: &str) -> Result<Self, ConfigError> {
        let syntax = |line, problem| ConfigError::Syntax {
            origin: name.clone(),
            line,
            problem,
        };
        // Only the message: the full text of the error quotes the line, and a secret with it.
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            let before = error
                .span()
                .and_then(|span| text.get(..span.start))
                .unwrap_or("");
            syntax(before.matches('\n').count() + 1, error.message().to_owned())
        })?;
        let values = Value::serialize(table).map_err(|error| syntax(1, error.kind.to_string()))?;
        Self::new(name, &values.into_dict().unwrap_or_default())
    }

    /// The variables that start with `ROOMSYNC__`.
    pub(super) fn environment(
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut values = Dict::new();
        // Sorted, so that of two variables that contradict each other always the same one wins.
        let variables: BTreeMap<_, _> = variables.collect();
        for (variable, text) in variables {
            let Some(path) = variable.strip_prefix(PREFIX) else {
                continue;
            };
            let path = path.to_ascii_lowercase();
            let literal = secret::is_secret(&path) || path.ends_with("_file");
            let value = if literal {
                Value::from(text)
            } else {
                text.parse().unwrap_or(Value::from(text))
            };
            let keys: Vec<_> = path.split("__").collect();
            insert(&mut values, &keys, value).map_err(|problem| {
                let origin = format!("environment variable {variable}");
                ConfigError::Invalid {
                    key: keys.join("."),
                    problem: problem.to_owned(),
                    origin,
                }
            })?;
        }
        Self::new(ENVIRONMENT.to_owned(), &values)
    }

    fn new(name: String, values: &Dict) -> Result<Self, ConfigError> {
        let mut files = ValueFiles::new(&name);
        let values = files.replace(values, "")?;
        let files = files.read;
        if values.contains_key(PROCESS) {
            let problem = "unknown key; its sections stand at the top".to_owned();
            let origin = origin(&name, PROCESS);
            return Err(ConfigError::Invalid {
                key: PROCESS.to_owned(),
                problem,
                origin,
            });
        }
        Ok(Self {
            name,
            values: gather(values),
            files,
        })
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// How an error calls the source of `key` (dotted, as in the TOML).
pub(super) fn origin(layer: &str, key: &str) -> String {
    if layer == ENVIRONMENT {
        format!("environment variable {}", variable(key))
    } else {
        layer.to_owned()
    }
}

/// The environment variable that sets `key`; for something in a list the one that sets the list.
pub(super) fn variable(key: &str) -> String {
    let parts = key
        .split('.')
        .take_while(|part| part.parse::<usize>().is_err());
    let parts: Vec<_> = parts.map(str::to_ascii_uppercase).collect();
    format!("{PREFIX}{}", parts.join("__"))
}

/// Moves the sections of every process under `process`.
fn gather(mut values: Dict) -> Dict {
    let sections: Dict = PROCESS_SECTIONS
        .iter()
        .filter_map(|name| values.remove_entry(*name))
        .collect();
    values.insert(PROCESS.to_owned(), sections.into());
    values
}

/// Moves them back, to show them as they are written.
pub(super) fn scatter(mut values: Dict) -> Dict {
    let sections = values
        .remove(PROCESS)
        .and_then(Value::into_dict)
        .unwrap_or_default();
    values.extend(sections);
    values
}

fn insert(values: &mut Dict, keys: &[&str], value: Value) -> Result<(), &'static str> {
    let (key, rest) = match keys {
        [] => return Ok(()),
        ["", ..] => return Err("a part of the name is empty"),
        [key, rest @ ..] => (*key, rest),
    };
    if rest.is_empty() {
        return match values.insert(key.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err("set twice, as a section and as a value"),
        };
    }
    let section = values
        .entry(key.to_owned())
        .or_insert_with(|| Dict::new().into());
    match section {
        Value::Dict(_, section) => insert(section, rest, value),
        _ => Err("set twice, as a section and as a value"),
    }
}
