//! `<key>_file`: the value of a key is the content of a file, as secrets are mounted.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use figment::value::{Dict, Value};

use super::{ConfigError, layer};

/// Reads the files that one layer names, and remembers which key came from which.
pub(super) struct ValueFiles<'a> {
    layer: &'a str,
    pub(super) read: BTreeMap<String, PathBuf>,
}

impl<'a> ValueFiles<'a> {
    pub(super) fn new(layer: &'a str) -> Self {
        let read = BTreeMap::new();
        Self { layer, read }
    }

    /// `values`, which stand under `path`, with every `<key>_file` replaced by its `<key>`.
    pub(super) fn replace(&mut self, values: &Dict, path: &str) -> Result<Dict, ConfigError> {
        let mut result = Dict::new();
        for (name, value) in values {
            let stem = name.strip_suffix("_file").filter(|stem| !stem.is_empty());
            if let (Some(stem), Some(file)) = (stem, value.as_str()) {
                let key = child(path, stem);
                if values.contains_key(stem) {
                    return Err(self.given_twice(key));
                }
                let value = self.content(&key, Path::new(file))?;
                result.insert(stem.to_owned(), value.into());
                self.read.insert(key, file.into());
            } else {
                let value = self.replace_in(value, &child(path, name))?;
                result.insert(name.clone(), value);
            }
        }
        Ok(result)
    }

    fn replace_in(&mut self, value: &Value, path: &str) -> Result<Value, ConfigError> {
        Ok(match value {
            Value::Dict(_, values) => self.replace(values, path)?.into(),
            Value::Array(_, items) => {
                let items = items.iter().enumerate();
                let items =
                    items.map(|(i, item)| self.replace_in(item, &child(path, &i.to_string())));
                items.collect::<Result<Vec<_>, _>>()?.into()
            }
            other => other.clone(),
        })
    }

    fn content(&self, key: &str, file: &Path) -> Result<String, ConfigError> {
        match fs::read_to_string(file) {
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(source) => {
                let origin = layer::origin(self.layer, &format!("{key}_file"));
                let (key, file) = (key.to_owned(), file.to_owned());
                Err(ConfigError::UnreadableValue {
                    key,
                    file,
                    origin,
                    source,
                })
            }
        }
    }

    fn given_twice(&self, key: String) -> ConfigError {
        let origin = layer::origin(self.layer, &key);
        let problem = format!("set together with {key}_file");
        ConfigError::Invalid {
            key,
            problem,
            origin,
        }
    }
}

fn child(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
