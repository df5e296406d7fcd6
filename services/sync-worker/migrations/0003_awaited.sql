-- Somebody waits for what a look will show: a booking made in Flexopus whose room has not answered. It is
-- woken as after a push, until a pull that began later is through.
ALTER TABLE sync.calendars
    ADD COLUMN awaited boolean NOT NULL DEFAULT false;
