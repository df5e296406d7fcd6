//! TLS, with the callers' certificates too. The fixtures are made by `fixtures/make`.

use tonic::Code;

use super::*;

const CA: &str = include_str!("fixtures/ca.pem");

fn server(client_ca: Option<&str>) -> TlsConfig {
    TlsConfig {
        certificate: include_str!("fixtures/server.pem").to_owned(),
        key: include_str!("fixtures/server.key").into(),
        client_ca: client_ca.map(str::to_owned),
    }
}

fn caller() -> ClientIdentity {
    ClientIdentity {
        certificate: include_str!("fixtures/caller.pem").to_owned(),
        key: include_str!("fixtures/caller.key").into(),
    }
}

async fn ask(served: &Served, ca: &str, identity: Option<ClientIdentity>) -> Code {
    let url = format!("https://localhost:{}", served.address.port());
    let mut config = ClientConfig::new(&url, "service").unwrap();
    (config.ca, config.identity) = (Some(ca.to_owned()), identity);
    call(connect(&config).unwrap(), "/test.Echo/Call", &[])
        .await
        .code()
}

#[tokio::test]
async fn a_channel_speaks_tls_to_a_server_whose_authority_it_knows() {
    let served = Served::start(Some(server(None))).await;
    assert_eq!(ask(&served, CA, None).await, Code::Ok);
    assert_eq!(
        ask(&served, include_str!("fixtures/other-ca.pem"), None).await,
        Code::Unavailable
    );
    served.stop().await;
}

#[tokio::test]
async fn with_mutual_tls_only_a_caller_with_a_certificate_gets_in() {
    let served = Served::start(Some(server(Some(CA)))).await;
    assert_eq!(ask(&served, CA, Some(caller())).await, Code::Ok);
    assert_ne!(ask(&served, CA, None).await, Code::Ok);
    served.stop().await;
}
