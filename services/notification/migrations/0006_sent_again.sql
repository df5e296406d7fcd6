-- What was sent can be sent again. A replay sets an object's place back; it is through when the place is where
-- it was.
ALTER TABLE notification.webhook_objects
    ADD COLUMN replay_to bigint;
-- Safe: a row for each object of a webhook, some ten thousand at most; and it finds none of them.
CREATE INDEX webhook_objects_replay ON notification.webhook_objects (tenant_id, webhook_id)
    WHERE replay_to IS NOT NULL;
