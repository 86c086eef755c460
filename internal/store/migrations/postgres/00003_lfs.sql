-- +goose Up
ALTER TABLE imports ADD COLUMN lfs_match         TEXT    NOT NULL DEFAULT ''; -- patterns, one a line
ALTER TABLE imports ADD COLUMN allow_missing_lfs BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE imports ADD COLUMN changed_files     BIGINT  NOT NULL DEFAULT 0; -- large files, by the last rewrite
ALTER TABLE imports ADD COLUMN changed_bytes     BIGINT  NOT NULL DEFAULT 0;

-- The Git LFS objects that were uploaded to a repository, or came with an import into it.
-- Bytes are shared between repositories; who may see them is not.
CREATE TABLE lfs_objects (
    repository_id BIGINT  NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    oid           TEXT    NOT NULL CHECK (length(oid) = 64), -- SHA-256, lower-case hex
    size          BIGINT  NOT NULL,
    converted     BOOLEAN NOT NULL DEFAULT FALSE, -- only a rewrite made it; nobody uploaded it, no source has it
    PRIMARY KEY (repository_id, oid)
);

-- +goose Down
DROP TABLE lfs_objects;
ALTER TABLE imports DROP COLUMN changed_bytes;
ALTER TABLE imports DROP COLUMN changed_files;
ALTER TABLE imports DROP COLUMN allow_missing_lfs;
ALTER TABLE imports DROP COLUMN lfs_match;
