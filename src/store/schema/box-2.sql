-- box.sqlite, version 2: who was turned away, and whom a person let in.
-- Titles of strangers stand here, because whoever lets a sender in must know
-- them. They go nowhere else: not into journal, log or JSON.

-- What the node turned away. Bounded: `store::callers`.
CREATE TABLE caller (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    rejection   TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    -- '': none was said, or none that is valid.
    calling     TEXT    NOT NULL,
    called      TEXT    NOT NULL,
    encrypted   INTEGER NOT NULL CHECK (encrypted IN (0, 1)),
    since       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    UNIQUE (rejection, address, calling, called, encrypted)
) STRICT;

-- Senders that a person let in. A row stays when it is withdrawn: the journal
-- names it by its number.
CREATE TABLE sender (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    calling     TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    -- 1: it may also send without TLS.
    plain       INTEGER NOT NULL CHECK (plain IN (0, 1)),
    allowed     INTEGER NOT NULL,
    withdrawn   INTEGER
) STRICT;
CREATE INDEX sender_by_title ON sender (calling);

-- What people ask for about senders. The dashboard writes, the pipeline acts.
CREATE TABLE sender_request (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    wish        TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    done        INTEGER
) STRICT;
