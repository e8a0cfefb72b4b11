-- box.sqlite, version 4: accounts of the people who use the dashboard, and who
-- asked for something.

CREATE TABLE account (
    name        TEXT    PRIMARY KEY,
    role        TEXT    NOT NULL CHECK (role IN
        ('radiographer', 'service', 'administrator', 'auditor')),
    -- Argon2id in PHC form.
    password    TEXT    NOT NULL,
    made        INTEGER NOT NULL,
    -- 1: nobody can sign in with it.
    closed      INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1))
) STRICT, WITHOUT ROWID;

-- One-time codes: who has one sets a password. The code itself is not kept.
CREATE TABLE code (
    digest      TEXT    PRIMARY KEY,
    -- For which account; none: the first, whose name its owner chooses.
    name        TEXT,
    role        TEXT    NOT NULL,
    expires     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE request ADD COLUMN who TEXT;

-- Why an instance is held apart; that a person released it, or that it was
-- dropped: then its file is gone.
ALTER TABLE instance ADD COLUMN reason TEXT;
CREATE INDEX instance_apart ON instance (at) WHERE quarantined = 1;
ALTER TABLE instance ADD COLUMN released INTEGER NOT NULL DEFAULT 0 CHECK (released IN (0, 1));
ALTER TABLE instance ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0 CHECK (dropped IN (0, 1));
