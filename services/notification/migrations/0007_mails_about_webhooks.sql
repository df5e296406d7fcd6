-- Administrators are told of a webhook that was disabled.
ALTER TABLE notification.mails
    ADD COLUMN webhook_id uuid;                  -- of a mail about a webhook
