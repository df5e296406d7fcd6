-- Background work that has begun has slots of its own: what it has read is not thrown away because a thousand
-- others wait to begin. A replica of the version before leaves the column alone.
ALTER TABLE booking.buckets
    ADD COLUMN slot_begun timestamptz;
