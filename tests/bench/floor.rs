//! The floor that webhook-ingest is measured against: the least an axum handler can do that answers
//! after the broker's confirm. No token check, no headers read, no metrics, no tracing.

use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, routing::post};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

use crate::report::line;

const QUEUE: &str = "bench.floor";

/// Serves `POST /` until the process is ended; prints the address first.
pub(crate) async fn serve(amqp_url: &str) -> anyhow::Result<()> {
    let connection = Connection::connect(amqp_url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(QUEUE.into(), durable, arguments)
        .await?;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    line(&listener.local_addr()?.to_string());
    let app = Router::new()
        .route("/", post(publish))
        .with_state(Arc::new((connection, channel)));
    Ok(axum::serve(listener, app).await?)
}

async fn publish(State(broker): State<Arc<(Connection, Channel)>>) -> StatusCode {
    let body = br#"{"calendar":"0193a5c0-0000-7000-8000-000000000001","channel":"0193a5c0-0000-7000-8000-000000000002","resource":"R6UYSjrlMC","sync":false,"received_at":"2026-11-22T08:00:00Z"}"#;
    let properties = BasicProperties::default().with_delivery_mode(2);
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let published = broker
        .1
        .basic_publish("".into(), QUEUE.into(), options, body, properties)
        .await;
    match published {
        Ok(confirm) => match confirm.await {
            Ok(Confirmation::Ack(None)) => StatusCode::OK,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        },
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
