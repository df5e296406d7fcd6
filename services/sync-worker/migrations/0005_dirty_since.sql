-- Since when something about a calendar is not reflected, for the age of the oldest such change. A nullable
-- column: no row is written. Means something only while the calendar is dirty; a replica of the version before
-- does not set it.
ALTER TABLE sync.calendars
    ADD COLUMN dirty_since timestamptz;
