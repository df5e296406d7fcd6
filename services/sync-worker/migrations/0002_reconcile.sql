-- The daily comparison without the cursor, and the pause between two looks at one calendar.
ALTER TABLE sync.calendars
    ADD COLUMN reconcile_wanted bigint NOT NULL DEFAULT 0, -- one is asked for while reconcile_done is behind
    ADD COLUMN reconcile_done bigint NOT NULL DEFAULT 0,
    ADD COLUMN next_reconcile_at timestamptz NOT NULL DEFAULT now(),
    -- One that failed is put off on its own: not before this, while pulls go on.
    ADD COLUMN reconcile_attempt_at timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN reconcile_failures integer NOT NULL DEFAULT 0, -- in a row
    ADD COLUMN mirrored_until timestamptz,                 -- the end of the last window that was applied
    ADD COLUMN cursor_since timestamptz,                   -- when the cursor's chain began
    ADD CONSTRAINT calendars_reconcile CHECK (reconcile_done <= reconcile_wanted);
CREATE INDEX calendars_reconcile_due ON sync.calendars (next_reconcile_at) WHERE state = 'open';
CREATE INDEX calendars_reconcile_wanted ON sync.calendars (reconcile_attempt_at) WHERE state = 'open' AND reconcile_done < reconcile_wanted;
