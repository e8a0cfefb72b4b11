-- outbox.sqlite, version 2: patients who withdrew, on their way to the central.

CREATE TABLE withdrawal (
    pseudonym   TEXT    NOT NULL,
    project     TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    put         INTEGER NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    next_try    INTEGER NOT NULL,
    failure     TEXT,
    -- When the central said that it has erased what it held.
    confirmed   INTEGER,
    PRIMARY KEY (pseudonym, project)
) STRICT, WITHOUT ROWID;
