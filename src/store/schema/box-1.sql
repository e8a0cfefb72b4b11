-- box.sqlite, version 1. Rows are the truth. No column holds a value that
-- identifies a person: studies and instances are named by keyed digests.

CREATE TABLE study (
    key         TEXT    NOT NULL,
    generation  INTEGER NOT NULL CHECK (generation >= 1),
    state       TEXT    NOT NULL CHECK (state IN
        ('received', 'spooled', 'deidentified', 'analyzed', 'forwarded', 'acknowledged')),
    source      TEXT    NOT NULL,
    opened      INTEGER NOT NULL,
    last_image  INTEGER NOT NULL,
    trouble     TEXT,
    -- 1: nothing remains to be done (a refusal sends nothing).
    settled     INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
    PRIMARY KEY (key, generation)
) STRICT, WITHOUT ROWID;
CREATE INDEX study_by_state ON study (state);
CREATE INDEX study_by_time ON study (opened);

-- One row an instance: an acknowledged instance is a row here.
CREATE TABLE instance (
    key         TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    instance    TEXT    NOT NULL,
    digest      TEXT    NOT NULL,
    size        INTEGER NOT NULL,
    file        TEXT    NOT NULL UNIQUE,
    facts       TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    -- 1: could not be de-identified with certainty; its file is kept.
    quarantined INTEGER NOT NULL DEFAULT 0 CHECK (quarantined IN (0, 1)),
    PRIMARY KEY (key, instance, digest),
    FOREIGN KEY (key, generation) REFERENCES study (key, generation)
) STRICT, WITHOUT ROWID;

-- Storage commitment asks for instances without their study.
CREATE INDEX instance_by_name ON instance (instance);

-- What proves each state, and how long the step to it took.
CREATE TABLE evidence (
    key         TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    started     INTEGER NOT NULL,
    finished    INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    PRIMARY KEY (key, generation, state),
    FOREIGN KEY (key, generation) REFERENCES study (key, generation)
) STRICT, WITHOUT ROWID;

-- Which artefacts a study owns; the bytes lie under artefacts/<digest>.
CREATE TABLE artefact (
    digest      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    PRIMARY KEY (digest, key, generation),
    FOREIGN KEY (key, generation) REFERENCES study (key, generation)
) STRICT, WITHOUT ROWID;

-- What people ask for. The dashboard writes, the pipeline acts.
CREATE TABLE request (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    key         TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    done        INTEGER,
    FOREIGN KEY (key, generation) REFERENCES study (key, generation)
) STRICT;

-- The journal: every change, sealed into a chain.
CREATE TABLE journal (
    number      INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    study       TEXT,
    event       TEXT    NOT NULL,
    seal        TEXT    NOT NULL
) STRICT;
CREATE INDEX journal_by_study ON journal (study);
