-- Since when no push tells of changes although a channel is open. A nullable column: no row is written, and a
-- replica of the version before leaves it as it is.
ALTER TABLE sync.calendars
    ADD COLUMN push_silent_since timestamptz;
