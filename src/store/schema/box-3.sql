-- box.sqlite, version 3: what is passed on, untouched, to a PACS of the hospital.

-- One row an instance of a source that is passed on, written with the
-- instance's own row. Its identified file stays until it is done.
CREATE TABLE pass_on (
    file        TEXT    NOT NULL PRIMARY KEY,
    key         TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    instance    TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    next_try    INTEGER NOT NULL,
    failure     TEXT,
    done        INTEGER,
    FOREIGN KEY (key, generation) REFERENCES study (key, generation)
) STRICT, WITHOUT ROWID;
CREATE INDEX pass_on_open ON pass_on (next_try) WHERE done IS NULL;
CREATE INDEX pass_on_by_instance ON pass_on (instance);
