-- Times are milliseconds since 1970, hashes and tokens hexadecimal text, nested values JSON.
CREATE TABLE studies (
    id             BIGINT  NOT NULL PRIMARY KEY,
    name           TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    definition     TEXT    NOT NULL,
    data           TEXT    NOT NULL,
    created_millis BIGINT  NOT NULL
);

-- `trial` holds the trial; the other columns repeat what queries look for.
CREATE TABLE trials (
    study_id         BIGINT NOT NULL REFERENCES studies (id),
    number           BIGINT NOT NULL,
    state            TEXT   NOT NULL,
    trial            TEXT   NOT NULL,
    deadline_millis  BIGINT,
    checkpoint       TEXT,
    validation_score DOUBLE PRECISION,
    test_score       DOUBLE PRECISION,
    weights_sha256   TEXT,
    volunteer_id     BIGINT,
    changed_millis   BIGINT NOT NULL,
    PRIMARY KEY (study_id, number)
);
CREATE INDEX trials_by_state ON trials (study_id, state, number);
CREATE INDEX trials_by_deadline ON trials (deadline_millis) WHERE deadline_millis IS NOT NULL;
CREATE INDEX trials_by_score ON trials (study_id, validation_score) WHERE state = 'verified';
CREATE INDEX trials_by_checkpoint ON trials (checkpoint) WHERE checkpoint IS NOT NULL;
CREATE INDEX trials_by_weights ON trials (weights_sha256) WHERE weights_sha256 IS NOT NULL;

CREATE TABLE volunteers (
    id               BIGINT NOT NULL PRIMARY KEY,
    nickname         TEXT   NOT NULL,
    token_sha256     TEXT   NOT NULL UNIQUE,
    verified         BIGINT NOT NULL DEFAULT 0,
    rejected         BIGINT NOT NULL DEFAULT 0,
    registered_millis BIGINT NOT NULL,
    seen_millis      BIGINT NOT NULL
);

-- Every lease ever granted: fencing for late claims, and history.
CREATE TABLE leases (
    token          TEXT   NOT NULL PRIMARY KEY,
    study_id       BIGINT NOT NULL,
    number         BIGINT NOT NULL,
    attempt        BIGINT NOT NULL,
    volunteer_id   BIGINT NOT NULL REFERENCES volunteers (id),
    worker         TEXT   NOT NULL,
    granted_millis BIGINT NOT NULL,
    ended_millis   BIGINT,
    ended          TEXT,
    FOREIGN KEY (study_id, number) REFERENCES trials (study_id, number)
);
CREATE INDEX leases_by_trial ON leases (study_id, number, attempt);

CREATE TABLE epochs (
    study_id         BIGINT NOT NULL,
    number           BIGINT NOT NULL,
    epoch            BIGINT NOT NULL,
    step             BIGINT NOT NULL,
    validation_score DOUBLE PRECISION NOT NULL,
    mean_loss        DOUBLE PRECISION NOT NULL,
    state_sha256     TEXT   NOT NULL,
    attempt          BIGINT NOT NULL,
    reported_millis  BIGINT NOT NULL,
    PRIMARY KEY (study_id, number, epoch),
    FOREIGN KEY (study_id, number) REFERENCES trials (study_id, number)
);

-- Which lease uploaded which bytes; the bytes are in the blob folder.
CREATE TABLE uploads (
    token           TEXT   NOT NULL REFERENCES leases (token),
    sha256          TEXT   NOT NULL,
    bytes           BIGINT NOT NULL,
    uploaded_millis BIGINT NOT NULL,
    PRIMARY KEY (token, sha256)
);
CREATE INDEX uploads_by_hash ON uploads (sha256);
