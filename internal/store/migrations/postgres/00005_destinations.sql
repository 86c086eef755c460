-- +goose Up
ALTER TABLE imports ADD COLUMN prune          BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE imports ADD COLUMN refs           TEXT    NOT NULL DEFAULT ''; -- patterns, one a line
ALTER TABLE imports ADD COLUMN exclude_refs   TEXT    NOT NULL DEFAULT '';
ALTER TABLE imports ADD COLUMN default_branch TEXT    NOT NULL DEFAULT '';
ALTER TABLE imports ADD COLUMN sync_ms        BIGINT  NOT NULL DEFAULT 0; -- from one sync to the next; 0 for none by a clock
ALTER TABLE imports ADD COLUMN verify         TEXT    NOT NULL DEFAULT '';
ALTER TABLE imports ADD COLUMN ssh_key        BYTEA;                        -- sealed; NULL for none
ALTER TABLE imports ADD COLUMN ssh_public_key TEXT    NOT NULL DEFAULT '';
ALTER TABLE imports ADD COLUMN finishing      BOOLEAN NOT NULL DEFAULT FALSE; -- the last sync was asked for
ALTER TABLE imports ADD COLUMN next_sync_at   BIGINT  NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN closed_at      BIGINT  NOT NULL DEFAULT 0;
CREATE INDEX imports_sync ON imports (next_sync_at)
    WHERE next_sync_at <> 0 AND deleted_at = 0 AND closed_at = 0 AND status IN ('complete', 'error');

-- Where a repository's imports push to instead of the built-in host. It stays when an import is deleted.
CREATE TABLE destinations (
    repository_id  BIGINT  PRIMARY KEY REFERENCES repositories (id) ON DELETE CASCADE,
    url            TEXT    NOT NULL,
    credentials    BYTEA,             -- sealed; NULL for none
    ssh_key        BYTEA,             -- sealed; NULL for none
    ssh_public_key TEXT    NOT NULL,
    make           BOOLEAN NOT NULL, -- it is made when it is missing
    visibility     TEXT    NOT NULL,
    on_divergence  TEXT    NOT NULL,
    changed_at     BIGINT  NOT NULL
);

-- +goose Down
DROP TABLE destinations;
DROP INDEX imports_sync;
ALTER TABLE imports DROP COLUMN closed_at;
ALTER TABLE imports DROP COLUMN next_sync_at;
ALTER TABLE imports DROP COLUMN finishing;
ALTER TABLE imports DROP COLUMN ssh_public_key;
ALTER TABLE imports DROP COLUMN ssh_key;
ALTER TABLE imports DROP COLUMN verify;
ALTER TABLE imports DROP COLUMN sync_ms;
ALTER TABLE imports DROP COLUMN default_branch;
ALTER TABLE imports DROP COLUMN exclude_refs;
ALTER TABLE imports DROP COLUMN refs;
ALTER TABLE imports DROP COLUMN prune;
