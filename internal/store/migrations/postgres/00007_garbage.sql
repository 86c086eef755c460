-- +goose Up
-- What a rewrite made for an import, whether or not it was published: its bytes are needed.
CREATE TABLE lfs_made (
    import_id BIGINT  NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    oid       TEXT    NOT NULL CHECK (length(oid) = 64),
    PRIMARY KEY (import_id, oid)
);
CREATE INDEX lfs_made_oid ON lfs_made (oid);
CREATE INDEX lfs_objects_oid ON lfs_objects (oid);

-- Git LFS objects in the bucket that no row named when somebody looked. docs/decisions/0031 says how they go.
CREATE TABLE lfs_garbage (
    oid          TEXT    NOT NULL PRIMARY KEY,
    marked_at    BIGINT  NOT NULL,
    condemned_at BIGINT  NOT NULL DEFAULT 0 -- since when its bytes are being removed; 0 while they are not
);
CREATE INDEX lfs_garbage_due ON lfs_garbage (marked_at);

-- What one process at a time does now and then.
CREATE TABLE chores (
    name   TEXT    NOT NULL PRIMARY KEY,
    due_at BIGINT  NOT NULL DEFAULT 0,
    done   BIGINT  NOT NULL DEFAULT 0, -- times that it changed anything
    token  TEXT    NOT NULL DEFAULT ''
);
INSERT INTO chores (name) VALUES ('remove lfs');

UPDATE imports SET raw_used_at = updated_at WHERE done_raw > 0 AND raw_used_at = 0;
UPDATE imports SET disk_bytes = raw_bytes WHERE disk_bytes = 0;
CREATE INDEX imports_expire ON imports (raw_expires)
    WHERE raw_expires <> 0 AND deleted_at = 0 AND status NOT IN ('detecting', 'importing', 'mapping', 'pushing');

-- +goose Down
DROP INDEX imports_expire;
DROP TABLE chores;
DROP TABLE lfs_garbage;
DROP INDEX lfs_objects_oid;
DROP TABLE lfs_made;
