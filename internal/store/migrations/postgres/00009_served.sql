-- +goose Up
-- When an import whose turn is this owner's was taken up last, by the database's clock; later than all before. 0 for never.
ALTER TABLE owners ADD COLUMN served_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX owners_served ON owners (served_at);

-- To count imports at each status without reading their rows. What looks for some statuses has indexes of its own: it asks in
-- another collation, so that it never takes this one.
CREATE INDEX imports_count ON imports (status COLLATE "C") WHERE deleted_at = 0;

-- +goose Down
DROP INDEX imports_count;
DROP INDEX owners_served;
ALTER TABLE owners DROP COLUMN served_at;
