-- The numeric contract of each trial, and of each lease. Until now there was only version 1.
ALTER TABLE trials ADD COLUMN numerics BIGINT NOT NULL DEFAULT 1;
UPDATE trials SET trial = json_set(trial, '$.numerics', 1);
ALTER TABLE leases ADD COLUMN numerics BIGINT NOT NULL DEFAULT 1;
