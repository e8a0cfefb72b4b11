-- outbox.sqlite, version 1: what the box hands to the forwarder, and back.
-- A bundle is named by its digest; the same bundle is put in once.

CREATE TABLE bundle (
    digest      TEXT    PRIMARY KEY,
    body        TEXT    NOT NULL,
    put         INTEGER NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    next_try    INTEGER NOT NULL,
    failure     TEXT,
    receipt     TEXT,
    taken       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX bundle_due ON bundle (next_try) WHERE receipt IS NULL;
