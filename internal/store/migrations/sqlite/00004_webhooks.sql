-- +goose Up
ALTER TABLE imports ADD COLUMN started_by      INTEGER NOT NULL DEFAULT 0;  -- the owner who started it, or started it again; 0 for unknown
ALTER TABLE imports ADD COLUMN project_choices TEXT    NOT NULL DEFAULT ''; -- JSON array while the user has to choose one

-- repository_id and owner_id refer to nothing on purpose: what is due goes out even when
-- the repository it tells of was deleted meanwhile. One of the two is not 0.
CREATE TABLE hooks (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: receivers keep it
    repository_id INTEGER NOT NULL DEFAULT 0,
    owner_id      INTEGER NOT NULL DEFAULT 0,
    url           TEXT    NOT NULL,
    form          INTEGER NOT NULL,
    events        TEXT    NOT NULL, -- JSON array
    active        INTEGER NOT NULL,
    secret        BLOB,             -- sealed; NULL for none
    last_code     INTEGER NOT NULL DEFAULT 0,
    last_text     TEXT    NOT NULL DEFAULT '',
    failing       INTEGER NOT NULL DEFAULT 0, -- attempts in a row that failed
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
);
CREATE INDEX hooks_target ON hooks (repository_id, owner_id, id);

-- What may be large comes last: SQLite walks over all that stands before the column it reads.
CREATE TABLE deliveries (
    id               INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: clients keep it
    hook_id          INTEGER NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    guid             TEXT    NOT NULL,
    event            TEXT    NOT NULL,
    repository_id    INTEGER NOT NULL,
    redelivery       INTEGER NOT NULL,
    attempts         INTEGER NOT NULL DEFAULT 0,
    next_attempt_at  INTEGER NOT NULL, -- 0 when no other follows; while one runs, when it counts as lost
    created_at       INTEGER NOT NULL,
    delivered_at     INTEGER NOT NULL DEFAULT 0,
    duration_ms      INTEGER NOT NULL DEFAULT 0,
    code             INTEGER NOT NULL DEFAULT 0,
    answer           TEXT    NOT NULL DEFAULT '',
    request_url      TEXT    NOT NULL DEFAULT '',
    request_headers  TEXT    NOT NULL DEFAULT '{}', -- JSON object
    response_headers TEXT    NOT NULL DEFAULT '{}', -- JSON object
    payload          BLOB    NOT NULL,              -- JSON, the same for every attempt
    response_body    BLOB
);
CREATE INDEX deliveries_hook ON deliveries (hook_id, id);
CREATE INDEX deliveries_due ON deliveries (hook_id, next_attempt_at, id) WHERE next_attempt_at <> 0;
CREATE INDEX deliveries_done ON deliveries (created_at) WHERE next_attempt_at = 0;

-- +goose Down
DROP TABLE deliveries;
DROP TABLE hooks;
ALTER TABLE imports DROP COLUMN project_choices;
ALTER TABLE imports DROP COLUMN started_by;
