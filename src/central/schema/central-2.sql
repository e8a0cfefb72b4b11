-- Patients who withdrew, by the box that said so: nothing of theirs is kept again.
CREATE TABLE withdrawn (
    pseudonym    TEXT NOT NULL,
    sender       TEXT NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (pseudonym, sender)
) STRICT, WITHOUT ROWID;
