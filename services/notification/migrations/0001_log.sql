-- notification owns this schema alone. Every key and every query has the tenant.
CREATE SCHEMA IF NOT EXISTS notification;

CREATE TABLE notification.inbox (
    message_id uuid NOT NULL,
    consumer text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, consumer)
);
CREATE INDEX inbox_age ON notification.inbox (received_at);

-- Where a tenant's log stands. A position is taken under this row's lock, which is held until the
-- commit: so commit order is position order, and a reader never sees a position appear behind one
-- that it has read.
CREATE TABLE notification.tenants (
    tenant_id text PRIMARY KEY,
    log_id uuid NOT NULL DEFAULT gen_random_uuid(), -- in every cursor: one of another log is foreign
    last_position bigint NOT NULL DEFAULT 0,        -- gapless
    floor bigint NOT NULL DEFAULT 0,                -- the last position that was cleaned up
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (floor <= last_position)
);

-- The last version of each object that is in the log.
CREATE TABLE notification.objects (
    tenant_id text NOT NULL,
    object_id text NOT NULL,
    last_version bigint NOT NULL DEFAULT 0,
    gap_due_at timestamptz,                         -- when the gap is fetched; set while anything is held
    PRIMARY KEY (tenant_id, object_id)
);
CREATE INDEX objects_gap ON notification.objects (gap_due_at) WHERE gap_due_at IS NOT NULL;

-- Versions that came before their predecessor.
CREATE TABLE notification.held (
    tenant_id text NOT NULL,
    object_id text NOT NULL,
    version bigint NOT NULL,
    change_id text NOT NULL,
    body jsonb NOT NULL,
    held_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, object_id, version)
);

-- What subscribers read, and nothing else.
CREATE TABLE notification.log (
    tenant_id text NOT NULL,
    position bigint NOT NULL,
    object_id text NOT NULL,
    version bigint NOT NULL,
    change_id text NOT NULL,                        -- equal for every delivery of the same change
    body jsonb NOT NULL,
    appended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, position),
    UNIQUE (tenant_id, object_id, version)
);
CREATE INDEX log_age ON notification.log (appended_at);
