-- sync-worker owns this schema alone: one row per link, and the watch channels at Google.
CREATE SCHEMA IF NOT EXISTS sync;

CREATE TABLE sync.calendars (
    calendar_id uuid PRIMARY KEY,            -- the id of the link it serves
    tenant_id text NOT NULL,
    resource_email text NOT NULL,
    horizon_days integer NOT NULL,
    state text NOT NULL DEFAULT 'open',      -- open | closing | closed; a closed calendar keeps its row
    closing_since timestamptz,

    -- The claim. Dirty is generation_done < generation_wanted; one epoch is one listing is one Apply.
    generation_wanted bigint NOT NULL DEFAULT 0,
    generation_done bigint NOT NULL DEFAULT 0,
    full_wanted bigint NOT NULL DEFAULT 0,   -- a full sync is asked for while full_done is behind
    full_done bigint NOT NULL DEFAULT 0,
    cursor text,                             -- Google's sync token; without one: full sync
    epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    next_attempt_at timestamptz NOT NULL DEFAULT '-infinity',
    sweep_after timestamptz NOT NULL DEFAULT '-infinity',

    -- What went wrong last, in a row without a success between.
    failures integer NOT NULL DEFAULT 0,
    not_found integer NOT NULL DEFAULT 0,
    access_role text,                        -- as last reported; NULL after the link was reported failed

    -- When the oldest push not yet applied was received: waiting, and in work.
    pushed_at timestamptz,
    pushing_at timestamptz,

    next_poll_at timestamptz NOT NULL DEFAULT now(),
    last_check_at timestamptz,
    last_full_sync_at timestamptz,
    coverage_at timestamptz NOT NULL DEFAULT '-infinity',

    channel_due_at timestamptz NOT NULL DEFAULT '-infinity',
    push_refused_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (state IN ('open', 'closing', 'closed')),
    CHECK (generation_done <= generation_wanted),
    CHECK (full_done <= full_wanted)
);
CREATE INDEX calendars_tenant ON sync.calendars (tenant_id) WHERE state = 'open';
CREATE INDEX calendars_dirty ON sync.calendars (next_attempt_at) WHERE state = 'open' AND generation_done < generation_wanted;
CREATE INDEX calendars_poll ON sync.calendars (next_poll_at) WHERE state = 'open';
CREATE INDEX calendars_channel ON sync.calendars (channel_due_at) WHERE state = 'open';

CREATE TABLE sync.channels (
    channel_id uuid PRIMARY KEY,
    calendar_id uuid NOT NULL REFERENCES sync.calendars,
    state text NOT NULL DEFAULT 'opening',   -- opening | open | stopping | stopped | failed
    subject text NOT NULL,                   -- only the same one can stop it
    resource_id text,                        -- Google's; from the watch answer or the first push
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (state IN ('opening', 'open', 'stopping', 'stopped', 'failed'))
);
CREATE INDEX channels_calendar ON sync.channels (calendar_id);

-- Work that one replica does for all, when it is due.
CREATE TABLE sync.jobs (
    job text PRIMARY KEY,
    due_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO sync.jobs (job) VALUES ('compare_links');
