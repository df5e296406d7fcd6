//! The layers put together, with the memory of where each value came from.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Metadata,
    error::{Actual, Kind},
    value::Dict,
};

use super::{
    ConfigError, ServiceConfig,
    layer::{self, Layer, PROCESS, PROCESS_SECTIONS},
    secret,
};

/// All values, before they become a service's struct.
pub(crate) struct Loaded {
    figment: Figment,
    layers: Vec<(String, BTreeMap<String, PathBuf>)>,
}

impl Loaded {
    /// Reads `defaults`, `file` over them, and `env` over both.
    pub(crate) fn read(
        defaults: &str,
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut layers = vec![Layer::toml("the defaults".to_owned(), defaults)?];
        if let Some(file) = file {
            let text = fs::read_to_string(file).map_err(|source| ConfigError::Unreadable {
                file: file.to_owned(),
                source,
            })?;
            layers.push(Layer::toml(format!("file {}", file.display()), &text)?);
        }
        layers.push(Layer::environment(env)?);

        let mut loaded = Self {
            figment: Figment::new(),
            layers: Vec::new(),
        };
        for layer in layers {
            loaded.figment = loaded.figment.merge(&layer);
            let name = figment::Provider::metadata(&layer).name.into_owned();
            loaded.layers.push((name, layer.files));
        }
        Ok(loaded)
    }

    /// The service's configuration, validated.
    pub(crate) fn config<C: ServiceConfig>(&self) -> Result<C, ConfigError> {
        let config: C = self
            .figment
            .extract()
            .map_err(|error| self.explain(&error))?;
        let validated = config.process().validate().and_then(|()| config.validate());
        validated.map_err(|error| error.with_origin(|key| self.origin(key)))?;
        Ok(config)
    }

    /// All values as TOML, secrets redacted.
    pub(crate) fn redacted(&self) -> anyhow::Result<String> {
        let values: Dict = self.figment.extract()?;
        let came_from_file = |key: &str| self.file_of(key).is_some();
        let values = secret::redact(layer::scatter(values), "", &came_from_file);
        Ok(toml::to_string_pretty(&values)?)
    }

    /// Where the value of `key` (dotted, as in the TOML; `a[0].b` and `a.0.b` alike) was set. For a
    /// key that is not set: where the nearest section around it was.
    fn origin(&self, key: &str) -> String {
        let key = key.replace('[', ".").replace(']', "");
        let mut path = key.as_str();
        loop {
            if let Some(metadata) = self.metadata(path) {
                return self.origin_in(metadata, &key);
            }
            match path.rsplit_once('.') {
                Some((parent, _)) => path = parent,
                None => return "nowhere".to_owned(),
            }
        }
    }

    fn origin_in(&self, metadata: &Metadata, key: &str) -> String {
        let origin = layer::origin(&metadata.name, key);
        match self.file_of(key) {
            Some(file) => format!("{} in {origin}", file.display()),
            None => origin,
        }
    }

    fn metadata(&self, key: &str) -> Option<&Metadata> {
        // Items of a list carry no source of their own in `find_metadata`; the list does.
        let list = key
            .split('.')
            .take_while(|part| part.parse::<usize>().is_err());
        let key = list.collect::<Vec<_>>().join(".");
        let first = key.split('.').next().unwrap_or_default();
        if PROCESS_SECTIONS.contains(&first) {
            self.figment.find_metadata(&format!("{PROCESS}.{key}"))
        } else {
            self.figment.find_metadata(&key)
        }
    }

    /// The `<key>_file` that holds the value of `key`, unless a later layer set the key itself.
    fn file_of(&self, key: &str) -> Option<&Path> {
        let metadata = self.metadata(key)?;
        let (_, files) = self
            .layers
            .iter()
            .find(|(name, _)| *name == metadata.name)?;
        files.get(key).map(PathBuf::as_path)
    }

    /// The first of figment's complaints, in our words.
    fn explain(&self, error: &figment::Error) -> ConfigError {
        let mut path = error.path.clone();
        if path.first().is_some_and(|first| first == PROCESS) {
            path.remove(0);
        }
        if let Kind::MissingField(field) = &error.kind {
            path.push(field.to_string());
            let names: Vec<_> = self.layers.iter().map(|(name, _)| name.as_str()).collect();
            let key = path.join(".");
            let searched = format!("{} ({})", names.join(" nor "), layer::variable(&key));
            return ConfigError::Missing { key, searched };
        }
        let key = path.join(".");
        let problem = problem(
            &error.kind,
            secret::may_hold_secret(&key) || self.file_of(&key).is_some(),
        );
        let origin = match &error.metadata {
            Some(metadata) => self.origin_in(metadata, &key),
            None => self.origin(&key),
        };
        ConfigError::Invalid {
            key,
            problem,
            origin,
        }
    }
}

/// What is wrong, without the value itself when that is a secret.
fn problem(kind: &Kind, secret: bool) -> String {
    match kind {
        Kind::UnknownField(_, known) => format!("unknown key, expected {}", one_of(known)),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) if secret => {
            format!("expected {expected}")
        }
        _ if secret => "cannot be used".to_owned(),
        // A section or a list that could not be read as one: who knows what is in it.
        Kind::InvalidType(Actual::Str(text), expected) if text.contains(['[', '{', '=', '/']) => {
            format!("found a text, expected {expected}")
        }
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            format!("found {actual}, expected {expected}")
        }
        Kind::UnknownVariant(actual, known) => {
            format!("found `{actual}`, expected {}", one_of(known))
        }
        other => other.to_string(),
    }
}

fn one_of(known: &[&str]) -> String {
    match known {
        [] => "none at all".to_owned(),
        [one] => format!("`{one}`"),
        several => format!("one of `{}`", several.join("`, `")),
    }
}
