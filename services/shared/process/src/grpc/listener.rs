//! A port that serves gRPC.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tonic::{
    service::Routes,
    transport::{Certificate, Identity, Server, ServerTlsConfig, server::TcpIncoming},
};
use tonic_health::ServingStatus;

use super::{
    Access,
    config::{ListenConfig, TlsConfig},
    gate::Gate,
    methods::Methods,
};
use crate::Shutdown;

/// A dead peer is noticed after this long, so that its streams do not stay for ever.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// A bound port, not serving yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<TlsConfig>,
}

/// Why a listener does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port cannot be opened.
    #[error("failed to listen on {address}")]
    Bind {
        /// The port.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The descriptors are not a `FileDescriptorSet`.
    #[error("failed to read the descriptors")]
    Descriptors(#[source] prost::DecodeError),
    /// Reflection does not accept the descriptors.
    #[error("failed to set up reflection")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The certificate, its key or the port itself failed.
    #[error("failed to serve gRPC")]
    Transport(#[from] tonic::transport::Error),
}

impl Listener {
    /// Opens the port.
    pub async fn bind(config: &ListenConfig) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Bind {
            address: config.listen,
            source,
        };
        let socket = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self {
            socket,
            address,
            tls: config.tls.clone(),
        })
    }

    /// Where it listens; also when the configuration says port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the soft stage, then finishes the requests in hand. Streams are in hand too:
    /// end them at the soft stage, else they last until the hard one.
    ///
    /// `descriptors` is the encoded `FileDescriptorSet` of the routes: reflection shows it, and it
    /// says which rpcs stream.
    pub async fn serve(
        self,
        routes: Routes,
        descriptors: &'static [u8],
        access: Access,
        shutdown: Shutdown,
    ) -> Result<(), ServeError> {
        let mut methods = Methods::default();
        let mut reflection = tonic_reflection::server::Builder::configure();
        let own = [
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        ];
        for set in own.into_iter().chain([descriptors]) {
            methods.add(set).map_err(ServeError::Descriptors)?;
        }
        reflection = reflection
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(descriptors);
        let reflection = reflection.build_v1().map_err(ServeError::Reflection)?;
        let (mut health_reporter, health) = tonic_health::server::health_reporter();

        let mut server = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE));
        if let Some(tls) = &self.tls {
            server = server.tls_config(server_tls(tls))?;
        }
        let soft = shutdown.soft();
        let stopping = async move {
            soft.cancelled().await;
            // Whoever watches health looks elsewhere before the port closes. Taking the status away
            // ends the watches, which else would keep the port open; then it is there for checks.
            let not_serving = ServingStatus::NotServing;
            health_reporter.set_service_status("", not_serving).await;
            health_reporter.clear_service_status("").await;
            health_reporter.set_service_status("", not_serving).await;
        };
        let incoming = TcpIncoming::from(self.socket).with_nodelay(Some(true));
        server
            .layer(Gate {
                access,
                methods: Arc::new(methods),
            })
            .add_routes(routes.add_service(health).add_service(reflection))
            .serve_with_incoming_shutdown(incoming, stopping)
            .await?;
        Ok(())
    }
}

fn server_tls(config: &TlsConfig) -> ServerTlsConfig {
    let identity = Identity::from_pem(&config.certificate, config.key.expose_secret());
    let tls = ServerTlsConfig::new().identity(identity);
    match &config.client_ca {
        Some(ca) => tls.client_ca_root(Certificate::from_pem(ca)),
        None => tls,
    }
}
