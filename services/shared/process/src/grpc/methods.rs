//! What the descriptors say about rpcs: which exist, and which stream.

use std::collections::HashMap;

use prost::Message as _;
use prost_types::FileDescriptorSet;

/// The rpcs of a listener, by path.
#[derive(Debug, Default)]
pub(super) struct Methods {
    unary_by_path: HashMap<String, bool>,
}

/// One rpc as labels name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Method {
    pub(super) service: String,
    pub(super) name: String,
    /// Neither side streams.
    pub(super) unary: bool,
}

impl Methods {
    /// Adds the rpcs of an encoded `FileDescriptorSet`.
    pub(super) fn add(&mut self, descriptors: &[u8]) -> Result<(), prost::DecodeError> {
        for file in FileDescriptorSet::decode(descriptors)?.file {
            for service in &file.service {
                for method in &service.method {
                    let (service, name) = (service.name(), method.name());
                    let path = format!("/{}.{service}/{name}", file.package());
                    let unary = !method.client_streaming() && !method.server_streaming();
                    self.unary_by_path.insert(path, unary);
                }
            }
        }
        Ok(())
    }

    /// The rpc at `path`. A path we do not know is called `unknown`: what strangers ask for must
    /// not become labels.
    pub(super) fn at(&self, path: &str) -> Method {
        let known = self.unary_by_path.get(path);
        match (known, path.trim_start_matches('/').split_once('/')) {
            (Some(unary), Some((service, name))) => Method {
                service: service.to_owned(),
                name: name.to_owned(),
                unary: *unary,
            },
            _ => Method {
                service: "unknown".to_owned(),
                name: "unknown".to_owned(),
                unary: true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streaming_and_unknown_rpcs_are_told_apart() {
        let mut methods = Methods::default();
        methods.add(tonic_health::pb::FILE_DESCRIPTOR_SET).unwrap();
        let method = |path| {
            let Method {
                service,
                name,
                unary,
            } = methods.at(path);
            (format!("{service}/{name}"), unary)
        };
        let health = "grpc.health.v1.Health";
        assert_eq!(
            method("/grpc.health.v1.Health/Check"),
            (format!("{health}/Check"), true)
        );
        assert_eq!(
            method("/grpc.health.v1.Health/Watch"),
            (format!("{health}/Watch"), false)
        );
        assert_eq!(method("/a.B/C"), ("unknown/unknown".to_owned(), true));
    }
}
