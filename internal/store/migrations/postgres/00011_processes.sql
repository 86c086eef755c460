-- +goose Up
-- The processes that work with this database, which say every few seconds that they live.
CREATE TABLE processes (
	id         TEXT PRIMARY KEY,    -- names its data folder, as leases do
	name       TEXT NOT NULL,       -- for people
	role       TEXT NOT NULL,
	workers    BIGINT NOT NULL,    -- imports that it works on at once; 0 for none
	rests      TEXT NOT NULL,       -- why it takes up none now; '' where it does
	settings   TEXT NOT NULL,       -- a JSON object: the names of flags, with fingerprints of what they are
	started_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);

ALTER TABLE imports ADD COLUMN lease_since BIGINT NOT NULL DEFAULT 0; -- when the lease was taken
ALTER TABLE imports ADD COLUMN left_by     TEXT NOT NULL DEFAULT '';   -- processes that could not do it, and left it to others: their ids, each between spaces
CREATE INDEX imports_left ON imports (id) WHERE left_by <> '';

-- +goose Down
DROP INDEX imports_left;
ALTER TABLE imports DROP COLUMN left_by;
ALTER TABLE imports DROP COLUMN lease_since;
DROP TABLE processes;
