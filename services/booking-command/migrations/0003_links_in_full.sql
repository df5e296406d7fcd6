-- Everything about a link beyond linking: hand-over, change of address, recheck, reconcile, synchronising by hand.
ALTER TABLE booking.links
    ADD COLUMN opened_at timestamptz,                -- the main app acknowledged the reset (D5)
    ADD COLUMN replaces_link_id uuid REFERENCES booking.links, -- whose place it takes with its import (D23)
    ADD COLUMN recheck_at timestamptz,               -- verify again: a verification before this does not count
    ADD COLUMN pending_since timestamptz NOT NULL DEFAULT now(), -- fails when it is not verified for too long
    ADD COLUMN answers_by_itself boolean,            -- NULL: Google has not told
    ADD COLUMN sync_asked_at timestamptz,            -- the last synchronisation by hand
    ADD COLUMN cursor_since timestamptz,
    ADD COLUMN last_reconcile_at timestamptz,
    ADD COLUMN drift_found integer NOT NULL DEFAULT 0,
    ADD COLUMN drift_total bigint NOT NULL DEFAULT 0;
UPDATE booking.links SET opened_at = imported_at, pending_since = requested_at;
-- While its address is changed an object has two links: the one in use, and the one that will replace it.
-- A closing one does not count: it closes while the one that took its place is in use.
DROP INDEX booking.links_object;
CREATE UNIQUE INDEX links_object ON booking.links (tenant_id, object_id)
    WHERE state NOT IN ('closing', 'removed') AND replaces_link_id IS NULL;
CREATE UNIQUE INDEX links_replacing ON booking.links (tenant_id, object_id)
    WHERE state NOT IN ('closing', 'removed') AND replaces_link_id IS NOT NULL;
-- All of them, closing ones included.
CREATE INDEX links_of_object ON booking.links (tenant_id, object_id) WHERE state <> 'removed';
CREATE INDEX links_pending ON booking.links (pending_since) WHERE state = 'pending';

-- The last synchronisation of all objects by hand.
ALTER TABLE booking.tenants ADD COLUMN sync_asked_at timestamptz;

-- An optional scope that was not granted is not asked for again before then.
ALTER TABLE booking.access_tokens ADD COLUMN refused_until timestamptz;
