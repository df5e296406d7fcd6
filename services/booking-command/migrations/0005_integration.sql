-- The whole life of an integration: consent, delegation, disconnecting, what is kept without persons.
ALTER TABLE booking.connections
    ADD COLUMN way text NOT NULL DEFAULT 'key',          -- key | consent
    ALTER COLUMN service_account DROP NOT NULL,
    ALTER COLUMN sealed_key DROP NOT NULL,               -- the key file, or the refresh token; NULL once disconnected
    ALTER COLUMN sealed_with DROP NOT NULL,
    ADD COLUMN granted_scopes text[] NOT NULL DEFAULT '{}', -- of a consent
    ADD COLUMN account_id text,                          -- Google's stable id of who consented
    ADD COLUMN delegated boolean NOT NULL DEFAULT false, -- a consented connection may use the operator's service account
    ADD COLUMN shared_calendar text,                     -- id of the calendar "Flexopus", once it is made
    ADD COLUMN disconnecting_since timestamptz,
    ADD COLUMN disconnect_until timestamptz,             -- the claim of whoever goes on with disconnecting
    ADD COLUMN retry_at timestamptz,                     -- connecting: when the key is proved again, or the claim of whoever does
    ADD COLUMN retries integer NOT NULL DEFAULT 0;       -- connecting: how often it was

-- Consents that were begun. The state itself is not stored.
CREATE TABLE booking.consents (
    state_hash bytea PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES booking.tenants,
    nonce text NOT NULL,
    sealed_verifier bytea NOT NULL,                      -- of PKCE
    sealed_with text NOT NULL,
    redirect_uri text NOT NULL,
    expires_at timestamptz NOT NULL,
    claimed_until timestamptz,
    -- What the code was exchanged for: kept until it is proved, since a code works once.
    sealed_grant bytea,
    grant_sealed_with text,
    used_at timestamptz
);
CREATE INDEX consents_age ON booking.consents (expires_at);

ALTER TABLE booking.tenants
    ADD COLUMN administrator_mails text[] NOT NULL DEFAULT '{}',
    ADD COLUMN locale text NOT NULL DEFAULT 'de',
    ADD COLUMN module_disabled_at timestamptz;           -- since when the module is off; NULL while it is on
UPDATE booking.tenants SET module_disabled_at = now() WHERE NOT module_enabled;

-- A link whose address is kept when it closes, because its tenant disconnects.
ALTER TABLE booking.links
    ADD COLUMN keep_address boolean NOT NULL DEFAULT false,
    DROP COLUMN capabilities;                            -- follow from role, settings and connection

-- What analytics need of bookings that were removed with their link: no person, no event.
CREATE TABLE booking.occupancy_facts (
    fact_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id text NOT NULL,
    object_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    CHECK (ends_at > starts_at)
);
CREATE INDEX occupancy_facts_object ON booking.occupancy_facts (tenant_id, object_id, starts_at);

-- Whoever has to leave, when the time has come.
CREATE INDEX bookings_with_person ON booking.bookings (tenant_id, ends_at)
    WHERE booker_kind = 'user' OR organizer_mail IS NOT NULL OR title IS NOT NULL OR event_calendar IS NOT NULL
        OR declined_by_id IS NOT NULL AND declined_by_kind <> 'device';
CREATE INDEX bookings_undecided ON booking.bookings (tenant_id) WHERE state = 'undecided';
