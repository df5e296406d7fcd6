-- Webhooks that take nothing for days are disabled. Nullable columns and constant defaults only: no row is
-- written, and a replica of the version before goes on beside this one.
ALTER TABLE notification.webhooks
    ADD COLUMN failing_since timestamptz,        -- the first failure after the last success; counts only if it is later
    ADD COLUMN disabled_at timestamptz,          -- counts only while it is disabled, as does the next one
    ADD COLUMN disabled_because text NOT NULL DEFAULT '';
