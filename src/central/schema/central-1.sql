-- What the central holds: one row an instance, written only after its file is
-- durable. The file's name is its digest.
CREATE TABLE instance (
    sop_instance TEXT PRIMARY KEY,
    sop_class    TEXT NOT NULL,
    study        TEXT NOT NULL,
    series       TEXT NOT NULL,
    pseudonym    TEXT NOT NULL,
    digest       TEXT NOT NULL,
    size         INTEGER NOT NULL,
    -- The box: the common name of its certificate.
    sender       TEXT NOT NULL,
    -- Microseconds since 1970-01-01 00:00 UTC.
    at           INTEGER NOT NULL
) STRICT;

CREATE INDEX instance_of_study ON instance (study);
