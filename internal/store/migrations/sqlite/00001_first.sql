-- Times are milliseconds since 1970 in UTC, 0 for never. Booleans are 0 or 1.

-- +goose Up
CREATE TABLE owners (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    login      TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    admin      INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX owners_login ON owners (lower(login));

CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id   INTEGER NOT NULL REFERENCES owners (id) ON DELETE CASCADE,
    hash       BLOB    NOT NULL UNIQUE, -- SHA-256 of the token; the token itself is kept nowhere
    scopes     TEXT    NOT NULL,        -- JSON array
    owners     TEXT    NOT NULL,        -- JSON array of logins
    created_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE repositories (
    id             INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: clients keep it
    owner_id       INTEGER NOT NULL REFERENCES owners (id),
    name           TEXT    NOT NULL,
    description    TEXT    NOT NULL DEFAULT '',
    private        INTEGER NOT NULL DEFAULT 1,
    default_branch TEXT    NOT NULL DEFAULT 'main',
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    pushed_at      INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX repositories_name ON repositories (owner_id, lower(name));

-- repository_id refers to nothing on purpose: a deleted import outlives its
-- repository until its folders are gone.
CREATE TABLE imports (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL,
    vcs           TEXT    NOT NULL,
    vcs_given     INTEGER NOT NULL,
    url           TEXT    NOT NULL,
    tfvc_project  TEXT    NOT NULL,
    credentials   BLOB,             -- sealed; NULL for none

    wanted_raw    INTEGER NOT NULL,
    wanted_plan   INTEGER NOT NULL,
    done_raw      INTEGER NOT NULL DEFAULT 0,
    done_plan     INTEGER NOT NULL DEFAULT 0,

    status        TEXT    NOT NULL,
    failed_step   TEXT    NOT NULL DEFAULT '',
    error_code    TEXT    NOT NULL DEFAULT '',
    error_message TEXT    NOT NULL DEFAULT '',
    error_hint    TEXT    NOT NULL DEFAULT '',
    note          TEXT    NOT NULL DEFAULT '',

    percent       INTEGER NOT NULL DEFAULT -1,
    push_percent  INTEGER NOT NULL DEFAULT -1,
    commits_seen  INTEGER NOT NULL DEFAULT -1,
    bytes_seen    INTEGER NOT NULL DEFAULT 0,

    commits       INTEGER NOT NULL DEFAULT 0,
    authors       INTEGER NOT NULL DEFAULT 0,
    large_known   INTEGER NOT NULL DEFAULT 0,
    large_files   INTEGER NOT NULL DEFAULT 0,
    large_size    INTEGER NOT NULL DEFAULT 0,
    lfs           TEXT    NOT NULL DEFAULT 'undecided',

    raw_bytes     INTEGER NOT NULL DEFAULT 0,
    raw_ms        INTEGER NOT NULL DEFAULT 0,
    rewrite_ms    INTEGER NOT NULL DEFAULT 0,
    push_ms       INTEGER NOT NULL DEFAULT 0,

    attempts      INTEGER NOT NULL DEFAULT 0,
    due_at        INTEGER NOT NULL DEFAULT 0,
    lease_owner   TEXT    NOT NULL DEFAULT '',
    lease_expires INTEGER NOT NULL DEFAULT 0,
    fence         INTEGER NOT NULL DEFAULT 0,

    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    completed_at  INTEGER NOT NULL DEFAULT 0,
    raw_expires   INTEGER NOT NULL DEFAULT 0,
    deleted_at    INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX imports_repository ON imports (repository_id) WHERE deleted_at = 0;
CREATE INDEX imports_due ON imports (due_at)
    WHERE deleted_at <> 0 OR status IN ('detecting', 'importing', 'mapping', 'pushing');

CREATE TABLE import_authors (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    import_id   INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    remote_name BLOB    NOT NULL, -- the source's exact bytes
    remote_mail BLOB    NOT NULL,
    name        TEXT    NOT NULL,
    email       TEXT    NOT NULL,
    UNIQUE (import_id, remote_name, remote_mail)
);
CREATE INDEX import_authors_list ON import_authors (import_id, id);

CREATE TABLE large_files (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    import_id INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    ref       TEXT    NOT NULL,
    path      BLOB    NOT NULL,
    oid       TEXT    NOT NULL,
    size      INTEGER NOT NULL
);
CREATE INDEX large_files_import ON large_files (import_id, id);

-- What the last raw step found, beyond the counters: one JSON document, read once per receipt.
CREATE TABLE raw_facts (
    import_id INTEGER PRIMARY KEY REFERENCES imports (id) ON DELETE CASCADE,
    body      BLOB NOT NULL
);

CREATE TABLE receipts (
    import_id INTEGER PRIMARY KEY REFERENCES imports (id) ON DELETE CASCADE,
    body      BLOB NOT NULL
);

-- What imports wrote to the destination, ref by ref. It stays with the repository, so
-- that an import that follows a deleted one knows which refs are nobody else's.
CREATE TABLE written_refs (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    name          BLOB    NOT NULL,
    wrote         TEXT    NOT NULL DEFAULT '', -- id the ref had after our last proven push
    writing       TEXT    NOT NULL DEFAULT '', -- id a push that has begun may have left there
    PRIMARY KEY (repository_id, name)
);

-- +goose Down
DROP TABLE written_refs;
DROP TABLE receipts;
DROP TABLE raw_facts;
DROP TABLE large_files;
DROP TABLE import_authors;
DROP TABLE imports;
DROP TABLE repositories;
DROP TABLE tokens;
DROP TABLE owners;
