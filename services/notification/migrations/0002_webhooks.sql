-- Webhooks: the log, posted to addresses.

CREATE TABLE notification.outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id uuid NOT NULL UNIQUE,
    message_type text NOT NULL,
    exchange text NOT NULL,
    body jsonb NOT NULL,
    traceparent text,
    publish_after timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_due ON notification.outbox (publish_after, position);

CREATE TABLE notification.webhooks (
    tenant_id text NOT NULL,
    webhook_id uuid NOT NULL,
    name text NOT NULL,
    url text NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    secret bytea NOT NULL,                          -- sealed for this webhook
    sealed_with text NOT NULL,                      -- the id of the sealing key
    old_secret bytea,                               -- signs too, for a day after a rotation
    old_sealed_with text,
    old_until timestamptz,
    paused_until timestamptz,                       -- the receiver asked for a pause (Retry-After)
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_failure text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, webhook_id),
    CHECK ((old_secret IS NULL) = (old_sealed_with IS NULL)),
    CHECK ((old_secret IS NULL) = (old_until IS NULL))
);

-- A webhook's place in the log: per object the last version that it took. A row appears with the first
-- change of an object that is appended while the webhook exists, also while it is disabled.
CREATE TABLE notification.webhook_objects (
    tenant_id text NOT NULL,
    webhook_id uuid NOT NULL,
    object_id text NOT NULL,
    delivered_version bigint NOT NULL,
    -- The one `delivery.due` that may work on this row, and when it was published or last in hand. Both
    -- are NULL when there is none: nothing to send, disabled, or given up. Seen at 'epoch' without an
    -- id: the next sweep publishes one.
    message_id uuid,
    message_seen_at timestamptz,
    -- Since when the next change is not taken; stays when it is given up.
    failing_since timestamptz,
    -- Who sends it now: a message may be in two hands when a connection was lost.
    lease uuid,
    leased_until timestamptz,
    PRIMARY KEY (tenant_id, webhook_id, object_id),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES notification.webhooks ON DELETE CASCADE,
    CHECK ((lease IS NULL) = (leased_until IS NULL))
);
CREATE INDEX webhook_objects_seen ON notification.webhook_objects (message_seen_at)
    WHERE message_seen_at IS NOT NULL;
