-- +goose Up
-- With which token one was made, 0 for none: who ends one may end what was made with it. What it is for, in somebody's words, and when it was
-- used last, to the hour; 0 for never.
ALTER TABLE tokens ADD COLUMN made_by BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN note    TEXT   NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX tokens_made_by ON tokens (made_by) WHERE made_by <> 0;

-- +goose Down
DROP INDEX tokens_made_by;
ALTER TABLE tokens DROP COLUMN used_at;
ALTER TABLE tokens DROP COLUMN note;
ALTER TABLE tokens DROP COLUMN made_by;
