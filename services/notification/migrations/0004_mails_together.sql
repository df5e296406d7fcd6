-- Mails about bookings of one object that are called for within a short time are told together: the first one
-- has the message, the others wait for it. Whom they go to is found out then, one mail for each person.
ALTER TABLE notification.mails
    ADD COLUMN object_id text,                   -- of a mail about a booking
    ADD COLUMN gathers_until timestamptz,        -- others may join it until then; NULL: none
    ADD COLUMN told_with uuid REFERENCES notification.mails ON DELETE CASCADE;
CREATE INDEX mails_gathering ON notification.mails (tenant_id, object_id, kind, gathers_until)
    WHERE gathers_until IS NOT NULL;
CREATE INDEX mails_told_with ON notification.mails (told_with) WHERE told_with IS NOT NULL;
