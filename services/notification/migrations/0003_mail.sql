-- Mails that wait to be sent. Who they go to and what they say is asked for when they are sent: no row holds
-- a person.
CREATE TABLE notification.mails (
    mail_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id text NOT NULL,
    kind text NOT NULL,                      -- room_lost | booking_refused | booking_declined | connection_lost | connection_active
    booking_id uuid,                         -- of several, the one that starts first
    cause text,                              -- why the booking ended
    several boolean NOT NULL DEFAULT false,  -- the notice is about several dates of one series
    -- One mail for one change of one series: equal keys are one mail.
    dedup text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,                     -- sent, or nobody to send it to
    outcome text,                            -- sent | nobody | refused | given_up | outdated | off
    UNIQUE (tenant_id, dedup)
);
CREATE INDEX mails_age ON notification.mails (created_at);

-- The state of each tenant's connection, as it was last heard: "works again" is told only after "lost".
CREATE TABLE notification.connections (
    tenant_id text PRIMARY KEY,
    state text NOT NULL,
    changed_at timestamptz NOT NULL          -- by booking-command's clock
);
