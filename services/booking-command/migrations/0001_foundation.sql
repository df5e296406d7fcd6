-- booking-command owns this schema alone. Every key and every query has the tenant.
CREATE SCHEMA IF NOT EXISTS booking;
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

CREATE TABLE booking.inbox (
    message_id uuid NOT NULL,
    consumer text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, consumer)
);

CREATE TABLE booking.outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id uuid NOT NULL UNIQUE,
    message_type text NOT NULL,
    exchange text NOT NULL,
    body jsonb NOT NULL,
    traceparent text,
    publish_after timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_due ON booking.outbox (publish_after, position);

CREATE TABLE booking.tenants (
    tenant_id text PRIMARY KEY,
    module_enabled boolean NOT NULL,
    decline_allowed boolean NOT NULL DEFAULT false,
    read_only boolean NOT NULL DEFAULT false,
    horizon_days integer NOT NULL DEFAULT 400,
    store_titles boolean NOT NULL DEFAULT false,
    neutral_title text NOT NULL DEFAULT '',
    anonymise_after_days integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- One row per tenant, from the first connecting on. `connected_at` moves with every connecting, so
-- that a fault of an older key is never taken for one of the newer.
CREATE TABLE booking.connections (
    tenant_id text PRIMARY KEY REFERENCES booking.tenants,
    connection_id uuid NOT NULL,
    state text NOT NULL,                     -- connecting | active | lost | disconnecting | disconnected
    reason text,
    domain text NOT NULL,
    project text NOT NULL,                   -- budget key of the Google Cloud project
    service_account text NOT NULL,           -- client_email of the key
    directory_subject text NOT NULL,
    rooms_subject text NOT NULL,
    sealed_key bytea NOT NULL,               -- the key file, AES-256-GCM
    sealed_with text NOT NULL,               -- id of the sealing key
    connected_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Access tokens, one per subject and purpose, sealed like the key.
CREATE TABLE booking.access_tokens (
    tenant_id text NOT NULL REFERENCES booking.tenants,
    purpose text NOT NULL,                   -- rooms | directory
    subject text NOT NULL,
    sealed_token bytea,                      -- NULL until the first one is there
    sealed_with text,
    minted_at timestamptz,
    refresh_at timestamptz,                  -- from then on a new one is fetched
    expires_at timestamptz,
    refreshing_until timestamptz,            -- the claim of whoever fetches a new one
    PRIMARY KEY (tenant_id, purpose, subject)
);

-- The budget: one bucket per (API, quota user) and one per (API, project).
CREATE TABLE booking.buckets (
    bucket text PRIMARY KEY,
    tokens double precision NOT NULL,
    refilled_at timestamptz NOT NULL,
    closed_until timestamptz,                -- Google asked us to stay away until then
    closings integer NOT NULL DEFAULT 0,     -- in a row: each one without Retry-After lasts longer
    -- The next slot that is promised to a waiter, for each lane.
    slot_interactive timestamptz,
    slot_live timestamptz,
    slot_background timestamptz
);

CREATE TABLE booking.objects (
    tenant_id text NOT NULL REFERENCES booking.tenants,
    object_id text NOT NULL,
    name text NOT NULL,
    location text NOT NULL DEFAULT '',
    time_zone text NOT NULL,
    capacity integer NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,       -- gapless; taken under this row's lock
    deleted_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, object_id)
);

CREATE TABLE booking.object_blocks (
    tenant_id text NOT NULL,
    object_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, object_id) REFERENCES booking.objects ON DELETE CASCADE,
    CHECK (ends_at > starts_at)
);
CREATE INDEX object_blocks_object ON booking.object_blocks (tenant_id, object_id, starts_at);

CREATE TABLE booking.users (
    tenant_id text NOT NULL REFERENCES booking.tenants,
    user_id text NOT NULL,
    locale text NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id)
);

-- Every address of a user, lower case. The key refuses an alias held by two users.
CREATE TABLE booking.user_mails (
    tenant_id text NOT NULL,
    mail text NOT NULL,
    user_id text NOT NULL,
    is_alias boolean NOT NULL,
    PRIMARY KEY (tenant_id, mail),
    FOREIGN KEY (tenant_id, user_id) REFERENCES booking.users ON DELETE CASCADE
);
CREATE INDEX user_mails_user ON booking.user_mails (tenant_id, user_id);

CREATE TABLE booking.links (
    link_id uuid PRIMARY KEY,
    tenant_id text NOT NULL,
    object_id text NOT NULL,
    resource_email text NOT NULL,            -- as entered
    state text NOT NULL,                     -- pending | verified | failed | closing | removed
    reason text,
    capabilities text[] NOT NULL DEFAULT '{}',
    access_role text,
    epoch bigint NOT NULL DEFAULT 0,         -- of the last accepted Apply
    requested_at timestamptz NOT NULL DEFAULT now(),
    last_attempt_at timestamptz,
    verified_at timestamptz,
    imported_at timestamptz,
    removed_at timestamptz,
    -- Coverage, as sync-worker reported it.
    channel_state text NOT NULL DEFAULT 'none',
    channel_expires_at timestamptz,
    last_change_at timestamptz,
    last_check_at timestamptz,
    last_full_sync_at timestamptz,
    poll_interval_seconds bigint NOT NULL DEFAULT 0,
    FOREIGN KEY (tenant_id, object_id) REFERENCES booking.objects
);
-- A resource belongs to one object of a tenant, compared without case; an object has one link.
CREATE UNIQUE INDEX links_resource ON booking.links (tenant_id, lower(resource_email)) WHERE state <> 'removed';
CREATE UNIQUE INDEX links_object ON booking.links (tenant_id, object_id) WHERE state <> 'removed';
