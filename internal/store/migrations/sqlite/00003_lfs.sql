-- +goose Up
ALTER TABLE imports ADD COLUMN lfs_match         TEXT    NOT NULL DEFAULT ''; -- patterns, one a line
ALTER TABLE imports ADD COLUMN allow_missing_lfs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN changed_files     INTEGER NOT NULL DEFAULT 0; -- large files, by the last rewrite
ALTER TABLE imports ADD COLUMN changed_bytes     INTEGER NOT NULL DEFAULT 0;

-- The Git LFS objects that were uploaded to a repository, or came with an import into it.
-- Bytes are shared between repositories; who may see them is not.
CREATE TABLE lfs_objects (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    oid           TEXT    NOT NULL CHECK (length(oid) = 64), -- SHA-256, lower-case hex
    size          INTEGER NOT NULL,
    converted     INTEGER NOT NULL DEFAULT 0, -- 1: only a rewrite made it; nobody uploaded it, no source has it
    PRIMARY KEY (repository_id, oid)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE lfs_objects;
ALTER TABLE imports DROP COLUMN changed_bytes;
ALTER TABLE imports DROP COLUMN changed_files;
ALTER TABLE imports DROP COLUMN allow_missing_lfs;
ALTER TABLE imports DROP COLUMN lfs_match;
