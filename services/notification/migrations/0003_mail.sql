-- Mails that wait to be sent. Who they go to and what they say is asked for when they are sent: no row holds
-- a person.
CREATE TABLE notification.mails (
    mail_id uuid PRIMARY KEY,
    tenant_id text NOT NULL,
    kind text NOT NULL,                      -- room_lost | booking_refused | booking_declined | connection_lost | connection_active
    booking_id uuid,
    -- One mail for one change of one series: equal keys are one mail.
    dedup text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,                     -- sent, or nobody to send it to
    outcome text,                            -- sent | nobody | refused | given_up
    UNIQUE (tenant_id, dedup)
);
CREATE INDEX mails_waiting ON notification.mails (created_at) WHERE done_at IS NULL;
