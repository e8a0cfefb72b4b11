-- Version 2: previews of images that are held apart, sealed.
CREATE TABLE preview (
    instance    TEXT    PRIMARY KEY,
    sealed      BLOB    NOT NULL,
    at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
