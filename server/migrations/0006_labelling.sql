-- Labelling jobs: a model and the pictures that it is applied to, cut into chunks.
CREATE TABLE jobs (
    id             BIGINT NOT NULL PRIMARY KEY,
    state          TEXT   NOT NULL,
    weight         DOUBLE PRECISION NOT NULL,
    definition     TEXT   NOT NULL,
    pictures       BIGINT NOT NULL,
    created_millis BIGINT NOT NULL,
    ended_millis   BIGINT
);
CREATE INDEX jobs_by_state ON jobs (state);

-- Pictures whose bytes are kept, each once, whatever jobs it is in.
CREATE TABLE pictures (
    sha256          TEXT   NOT NULL PRIMARY KEY,
    bytes           BIGINT NOT NULL,
    uploaded_millis BIGINT NOT NULL
);

-- The pictures of a job, numbered from 0. Those that could not even be uploaded have no hash.
CREATE TABLE job_pictures (
    job_id BIGINT NOT NULL REFERENCES jobs (id),
    number BIGINT NOT NULL,
    name   TEXT   NOT NULL,
    sha256 TEXT,
    PRIMARY KEY (job_id, number)
);

-- `chunk` holds the chunk; the other columns repeat what queries look for.
CREATE TABLE chunks (
    job_id          BIGINT NOT NULL REFERENCES jobs (id),
    number          BIGINT NOT NULL,
    state           TEXT   NOT NULL,
    chunk           TEXT   NOT NULL,
    bytes           BIGINT NOT NULL,
    deadline_millis BIGINT,
    opinion_millis  BIGINT,
    changed_millis  BIGINT NOT NULL,
    PRIMARY KEY (job_id, number)
);
CREATE INDEX chunks_by_state ON chunks (job_id, state, number);
CREATE INDEX chunks_by_deadline ON chunks (deadline_millis) WHERE deadline_millis IS NOT NULL;
CREATE INDEX chunks_to_check ON chunks (changed_millis) WHERE state = 'checking';

-- Every lease on a chunk ever granted: fencing for late claims, and history.
CREATE TABLE chunk_leases (
    token          TEXT   NOT NULL PRIMARY KEY,
    job_id         BIGINT NOT NULL,
    number         BIGINT NOT NULL,
    attempt        BIGINT NOT NULL,
    volunteer_id   BIGINT NOT NULL REFERENCES volunteers (id),
    worker         TEXT   NOT NULL,
    granted_millis BIGINT NOT NULL,
    ended_millis   BIGINT,
    ended          TEXT,
    FOREIGN KEY (job_id, number) REFERENCES chunks (job_id, number)
);

-- Which of them uploaded which answers.
CREATE TABLE chunk_uploads (
    token           TEXT   NOT NULL REFERENCES chunk_leases (token),
    sha256          TEXT   NOT NULL,
    bytes           BIGINT NOT NULL,
    uploaded_millis BIGINT NOT NULL,
    PRIMARY KEY (token, sha256)
);
CREATE INDEX chunk_uploads_by_hash ON chunk_uploads (sha256);

-- What the model says of each picture; no class where the picture can't be read.
CREATE TABLE labels (
    job_id  BIGINT NOT NULL REFERENCES jobs (id),
    picture BIGINT NOT NULL,
    class   BIGINT,
    answer  TEXT   NOT NULL,
    PRIMARY KEY (job_id, picture)
);
CREATE INDEX labels_by_class ON labels (job_id, class, picture);
