-- The calendar "Flexopus" is made by one replica at a time.

ALTER TABLE booking.connections
    ADD COLUMN calendar_until timestamptz; -- the claim of whoever makes it
