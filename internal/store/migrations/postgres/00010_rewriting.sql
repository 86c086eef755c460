-- +goose Up
-- How far the rewrite at hand is, for those who watch it from another process.
ALTER TABLE imports ADD COLUMN rewrite_percent BIGINT NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN rewrite_commits BIGINT NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN rewrite_bytes   BIGINT NOT NULL DEFAULT 0; -- of files that became Git LFS objects

-- +goose Down
ALTER TABLE imports DROP COLUMN rewrite_bytes;
ALTER TABLE imports DROP COLUMN rewrite_commits;
ALTER TABLE imports DROP COLUMN rewrite_percent;
