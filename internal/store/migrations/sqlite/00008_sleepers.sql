-- +goose Up
ALTER TABLE imports ADD COLUMN taken INTEGER NOT NULL DEFAULT 0; -- the fence of the last lease that was taken from a holder who did not give it back
ALTER TABLE written_refs ADD COLUMN earlier TEXT NOT NULL DEFAULT ''; -- ids that pushes before may have written, or write yet, with spaces between

-- +goose Down
ALTER TABLE written_refs DROP COLUMN earlier;
ALTER TABLE imports DROP COLUMN taken;
