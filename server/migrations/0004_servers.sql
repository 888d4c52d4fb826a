-- Which server process has a trial in hand: its worker's socket while it runs, its claim while it is
-- checked; and what kind of claim that is. Trials from before get theirs when the database is opened.
ALTER TABLE trials ADD COLUMN server BIGINT;
ALTER TABLE trials ADD COLUMN claim TEXT;
CREATE INDEX trials_by_claim ON trials (claim, changed_millis) WHERE claim IS NOT NULL;

-- Server processes that share the database. One is alive while it holds the lock with its id.
CREATE TABLE servers (
    id BIGINT NOT NULL PRIMARY KEY
);

-- The one row says which server wrote last: what it remembers is still true.
CREATE TABLE turn (
    server BIGINT NOT NULL
);
INSERT INTO turn (server) VALUES (0);
