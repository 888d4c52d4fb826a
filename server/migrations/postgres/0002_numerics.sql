-- As for SQLite, without what that had to mend: here there are no trials from before.
ALTER TABLE trials ADD COLUMN numerics BIGINT NOT NULL DEFAULT 1;
ALTER TABLE leases ADD COLUMN numerics BIGINT NOT NULL DEFAULT 1;
