-- Pretrained models. A bundle is named by the hash of its three files, which are blobs; what pages and
-- jobs want to know of them is here too.
CREATE TABLE bundles (
    sha256             TEXT   NOT NULL PRIMARY KEY,
    description        TEXT   NOT NULL,
    description_sha256 TEXT   NOT NULL,
    labels_sha256      TEXT   NOT NULL,
    weights_sha256     TEXT   NOT NULL,
    weights_bytes      BIGINT NOT NULL,
    classes            BIGINT NOT NULL,
    added_millis       BIGINT NOT NULL
);

CREATE INDEX bundles_by_description ON bundles (description_sha256);
CREATE INDEX bundles_by_labels ON bundles (labels_sha256);
CREATE INDEX bundles_by_weights ON bundles (weights_sha256);
