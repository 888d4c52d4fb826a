-- What suggestions and pruning depend on, in the order in which it happened: numbered from 0 in each
-- study, without gaps. Studies from before get theirs when the database is opened.
CREATE TABLE events (
    study_id BIGINT NOT NULL REFERENCES studies (id),
    seq      BIGINT NOT NULL,
    event    TEXT   NOT NULL,
    PRIMARY KEY (study_id, seq)
);
