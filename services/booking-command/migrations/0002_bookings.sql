-- Who occupies which object when. Removed and rejected rows stay as tombstones.
CREATE TABLE booking.bookings (
    booking_id uuid PRIMARY KEY,
    tenant_id text NOT NULL,
    object_id text NOT NULL,
    link_id uuid NOT NULL REFERENCES booking.links,
    event_id text NOT NULL,                  -- Google's id of the event or instance
    series_id text,                          -- the series it belongs to
    original_start timestamptz,              -- its slot in the series; NULL exactly for one-off events
    state text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    all_day boolean NOT NULL DEFAULT false,
    -- The slot held for a booking made in Flexopus; NULL for imported ones. Google's times can never
    -- be refused, ours can: by this constraint.
    held tstzrange,
    booker_kind text NOT NULL,               -- user | device | anonymous
    booker_id text,
    organizer_mail text,                     -- lower case; finds the owner when a user appears later
    private boolean NOT NULL DEFAULT false,
    title text,                              -- only when the tenant stores titles
    flags text[] NOT NULL DEFAULT '{}',
    cause text,
    object_version bigint NOT NULL,          -- of the object when this last changed
    written_at timestamptz,                  -- when we last wrote the event to Google
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (ends_at > starts_at),
    CHECK ((series_id IS NULL) = (original_start IS NULL)),
    CHECK ((booker_kind = 'anonymous') = (booker_id IS NULL)),
    FOREIGN KEY (tenant_id, object_id) REFERENCES booking.objects,
    EXCLUDE USING gist (tenant_id WITH =, object_id WITH =, held WITH &&) WHERE (held IS NOT NULL)
);
-- An occurrence is (event or series, original start): one live booking each on one calendar.
CREATE UNIQUE INDEX bookings_occurrence ON booking.bookings
    (link_id, coalesce(series_id, event_id), original_start) NULLS NOT DISTINCT
    WHERE state NOT IN ('removed', 'rejected');
CREATE INDEX bookings_object_time ON booking.bookings (tenant_id, object_id, starts_at, booking_id);
-- What overlaps a window, among those that block.
CREATE INDEX bookings_live_window ON booking.bookings
    USING gist (tenant_id, object_id, tstzrange(starts_at, ends_at))
    WHERE state NOT IN ('removed', 'rejected');
-- What we wrote to Google since a listing began, also if it ended since.
CREATE INDEX bookings_written ON booking.bookings (link_id, written_at) WHERE written_at IS NOT NULL;
CREATE INDEX bookings_user_time ON booking.bookings (tenant_id, booker_id, starts_at) WHERE booker_kind = 'user';
CREATE INDEX bookings_organizer ON booking.bookings (tenant_id, organizer_mail) WHERE booker_kind = 'anonymous';

-- Every version of every object, as published: what ListChanges reads. Kept as long as the log.
CREATE TABLE booking.changes (
    tenant_id text NOT NULL,
    object_id text NOT NULL,
    version bigint NOT NULL,
    message_id uuid NOT NULL,
    body jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, object_id, version)
);
CREATE INDEX changes_age ON booking.changes (changed_at);
