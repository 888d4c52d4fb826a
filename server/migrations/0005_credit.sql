-- Where each lease began, and under which lease the checkpoint was made that it went on from: a
-- verified trial's work is credited back along that line, up to what is credited already.
ALTER TABLE leases ADD COLUMN from_step BIGINT NOT NULL DEFAULT 0;
ALTER TABLE leases ADD COLUMN from_lease TEXT;
ALTER TABLE leases ADD COLUMN credited_step BIGINT NOT NULL DEFAULT 0;

-- Multiply-adds of verified work.
ALTER TABLE volunteers ADD COLUMN credit BIGINT NOT NULL DEFAULT 0;
CREATE INDEX volunteers_by_credit ON volunteers (credit);
