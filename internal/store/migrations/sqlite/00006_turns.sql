-- +goose Up
ALTER TABLE imports ADD COLUMN user_id     INTEGER NOT NULL DEFAULT 0; -- whose turn it takes: who started it, or else the repository's owner
ALTER TABLE imports ADD COLUMN raw_key     TEXT    NOT NULL DEFAULT ''; -- what is kept in the bucket: the raw repository, '' for nothing
ALTER TABLE imports ADD COLUMN final_key   TEXT    NOT NULL DEFAULT ''; -- what the plan made of it
ALTER TABLE imports ADD COLUMN pushed_key  TEXT    NOT NULL DEFAULT ''; -- what the destination has
ALTER TABLE imports ADD COLUMN raw_used_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN disk_bytes  INTEGER NOT NULL DEFAULT 0; -- that its folder takes
ALTER TABLE imports ADD COLUMN place       INTEGER NOT NULL DEFAULT 0; -- in the queue, as told last

UPDATE imports SET user_id = CASE WHEN started_by <> 0 THEN started_by
    ELSE coalesce((SELECT r.owner_id FROM repositories r WHERE r.id = imports.repository_id), 0) END;

CREATE INDEX imports_turns ON imports (user_id, due_at, id, lease_expires, lease_owner)
    WHERE deleted_at = 0 AND status IN ('detecting', 'importing', 'mapping', 'pushing');
CREATE INDEX imports_held ON imports (user_id, lease_expires) WHERE lease_owner <> '' AND deleted_at = 0;
CREATE INDEX imports_gone ON imports (due_at) WHERE deleted_at <> 0;
DROP INDEX imports_due;

-- +goose Down
CREATE INDEX imports_due ON imports (due_at)
    WHERE deleted_at <> 0 OR status IN ('detecting', 'importing', 'mapping', 'pushing');
DROP INDEX imports_gone;
DROP INDEX imports_held;
DROP INDEX imports_turns;
ALTER TABLE imports DROP COLUMN place;
ALTER TABLE imports DROP COLUMN disk_bytes;
ALTER TABLE imports DROP COLUMN raw_used_at;
ALTER TABLE imports DROP COLUMN pushed_key;
ALTER TABLE imports DROP COLUMN final_key;
ALTER TABLE imports DROP COLUMN raw_key;
ALTER TABLE imports DROP COLUMN user_id;
