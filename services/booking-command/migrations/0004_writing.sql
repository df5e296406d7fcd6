-- Bookings made in Flexopus, and what Google has to be told.
ALTER TABLE booking.bookings
    -- Where we made its event: user_calendar | shared_calendar | room_calendar. NULL: made in Google.
    ADD COLUMN placement text,
    ADD COLUMN event_calendar text,          -- address of the calendar with the main copy; only of ours
    ADD COLUMN event_etag text,              -- of the main copy, as we wrote it
    ADD COLUMN at_google boolean NOT NULL DEFAULT true,  -- false: Google does not have the event yet
    ADD COLUMN event_kept boolean NOT NULL DEFAULT false,
    -- What Google has to be told: insert | undo | decline | decline_series. NULL: nothing.
    ADD COLUMN google_write text,
    ADD COLUMN write_epoch bigint NOT NULL DEFAULT 0,    -- rises with every claim: who was overtaken writes nothing
    ADD COLUMN write_until timestamptz,      -- the claim of whoever is writing
    ADD COLUMN write_attempted boolean NOT NULL DEFAULT false, -- an insert may have reached Google
    ADD COLUMN write_message uuid,           -- the waiting outbox message of the write
    ADD COLUMN give_up_at timestamptz,       -- a request that Google has not taken by then is rejected
    -- While the room has not answered.
    ADD COLUMN look_at timestamptz,          -- when its calendar is looked at next
    ADD COLUMN looks integer NOT NULL DEFAULT 0,
    ADD COLUMN answer_due_at timestamptz,    -- undecided from then on
    -- Who declined it in Flexopus: user | device | administrator.
    ADD COLUMN declined_by_kind text,
    ADD COLUMN declined_by_id text,
    ADD CHECK (placement IN ('user_calendar', 'shared_calendar', 'room_calendar')),
    ADD CHECK (google_write IN ('insert', 'undo', 'decline', 'decline_series'));
CREATE INDEX bookings_look ON booking.bookings (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX bookings_to_write ON booking.bookings (link_id, event_id) WHERE google_write IS NOT NULL;

-- One booking per request id, for as long as a caller may repeat it.
CREATE TABLE booking.create_requests (
    tenant_id text NOT NULL REFERENCES booking.tenants,
    request_id text NOT NULL,
    booking_id uuid NOT NULL,
    fingerprint bytea NOT NULL,              -- SHA-256 of object, window and booker
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, request_id)
);
CREATE INDEX create_requests_age ON booking.create_requests (created_at);

-- Users whom Google does not know: their bookings take the other placement until then (D22).
CREATE TABLE booking.unknown_bookers (
    tenant_id text NOT NULL,
    user_id text NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES booking.users ON DELETE CASCADE
);

-- Every change of a booking (B12); anonymised with it.
CREATE TABLE booking.history (
    tenant_id text NOT NULL,
    booking_id uuid NOT NULL,
    object_version bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    actor_kind text NOT NULL,                -- google | user | device | administrator | system | anonymous
    actor_id text,
    state text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    cause text,
    PRIMARY KEY (tenant_id, booking_id, object_version)
);
CREATE INDEX history_actor ON booking.history (tenant_id, actor_id) WHERE actor_id IS NOT NULL;

ALTER TABLE booking.links
    ADD COLUMN declined_while_free bigint NOT NULL DEFAULT 0;
ALTER TABLE booking.objects
    ADD COLUMN read_only boolean NOT NULL DEFAULT false;
