-- +goose Up
ALTER TABLE imports ADD COLUMN rewritten_plan BIGINT  NOT NULL DEFAULT 0; -- the plan that the rewritten history stands for
ALTER TABLE imports ADD COLUMN settle_since   BIGINT  NOT NULL DEFAULT 0; -- the first of the changes that come close together
ALTER TABLE imports ADD COLUMN settle_until   BIGINT  NOT NULL DEFAULT 0; -- no rewrite begins before
ALTER TABLE imports ADD COLUMN hold           BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE imports ADD COLUMN approved       BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE imports ADD COLUMN map_trailers   BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE imports ADD COLUMN map_hashes     BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE imports ADD COLUMN engine         BIGINT  NOT NULL DEFAULT 1; -- of the rewrite, as of the import's start
ALTER TABLE imports ADD COLUMN changed_commits    BIGINT  NOT NULL DEFAULT 0; -- by the last rewrite
ALTER TABLE imports ADD COLUMN changed_tags       BIGINT  NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN changed_signatures BIGINT  NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN mapped_authors     BIGINT  NOT NULL DEFAULT 0; -- in the last rewrite

-- Imports that were pushed before there was a rewrite were pushed as they were.
UPDATE imports SET rewritten_plan = done_plan;

-- The whole map as it was given last, for identities still to come. Its version grows with
-- each, so that whoever has read it knows whether to read it again.
CREATE TABLE author_maps (
    import_id BIGINT  PRIMARY KEY REFERENCES imports (id) ON DELETE CASCADE,
    version   BIGINT  NOT NULL,
    kind      TEXT    NOT NULL, -- the importer's name for how body is written
    body      BYTEA    NOT NULL
);

-- The id of the source behind what was written: a map changes ids, and a ref that was
-- forced at the source is known by the source's.
ALTER TABLE written_refs ADD COLUMN source TEXT NOT NULL DEFAULT '';
UPDATE written_refs SET source = wrote;

-- +goose Down
ALTER TABLE written_refs DROP COLUMN source;
DROP TABLE author_maps;
ALTER TABLE imports DROP COLUMN mapped_authors;
ALTER TABLE imports DROP COLUMN changed_signatures;
ALTER TABLE imports DROP COLUMN changed_tags;
ALTER TABLE imports DROP COLUMN changed_commits;
ALTER TABLE imports DROP COLUMN engine;
ALTER TABLE imports DROP COLUMN map_hashes;
ALTER TABLE imports DROP COLUMN map_trailers;
ALTER TABLE imports DROP COLUMN approved;
ALTER TABLE imports DROP COLUMN hold;
ALTER TABLE imports DROP COLUMN settle_until;
ALTER TABLE imports DROP COLUMN settle_since;
ALTER TABLE imports DROP COLUMN rewritten_plan;
