-- vault.sqlite, version 1: who a pseudonym is. Nothing in it is readable
-- without the box's key: digests are keyed, people are sealed.

CREATE TABLE link (
    project     TEXT    NOT NULL,
    pseudonym   TEXT    NOT NULL,
    -- Keyed digest of issuer and ID, normalized: finds a person's pseudonyms.
    person      BLOB    NOT NULL,
    sealed      BLOB    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (project, pseudonym)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_by_person ON link (person);

-- People who withdrew: what comes of them again is not processed.
CREATE TABLE withdrawn (
    person      BLOB    PRIMARY KEY,
    at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
