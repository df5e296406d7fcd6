-- Webhooks that take nothing for days are disabled, and what was sent can be sent again. Nullable columns and
-- constant defaults only: no row is written, and a replica of the version before goes on beside this one.
ALTER TABLE notification.webhooks
    ADD COLUMN failing_since timestamptz,        -- the first failure after the last success; counts only if it is later
    ADD COLUMN disabled_at timestamptz,          -- counts only while it is disabled, as does the next one
    ADD COLUMN disabled_because text NOT NULL DEFAULT '';

-- A replay sets an object's place back; it is through when the place is where it was.
ALTER TABLE notification.webhook_objects
    ADD COLUMN replay_to bigint;
-- Safe: a row for each object of a webhook, some ten thousand at most; and it finds none of them.
CREATE INDEX webhook_objects_replay ON notification.webhook_objects (tenant_id, webhook_id)
    WHERE replay_to IS NOT NULL;

-- Administrators are told of a webhook that was disabled.
ALTER TABLE notification.mails
    ADD COLUMN webhook_id uuid;                  -- of a mail about a webhook
