CREATE SCHEMA IF NOT EXISTS spec;

CREATE TABLE spec.inbox (
    message_id uuid NOT NULL,
    consumer text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, consumer)
);

CREATE TABLE spec.outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id uuid NOT NULL UNIQUE,
    message_type text NOT NULL,
    exchange text NOT NULL,
    body jsonb NOT NULL,
    traceparent text,
    publish_after timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX outbox_due ON spec.outbox (publish_after, position);

