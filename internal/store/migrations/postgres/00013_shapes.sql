-- +goose Up
-- What the history of an import looks like from afar, as the importer writes it. There is none until the whole of it came once more.
CREATE TABLE shapes (
    import_id BIGINT  PRIMARY KEY REFERENCES imports (id) ON DELETE CASCADE,
    body      BYTEA NOT NULL
);

-- +goose Down
DROP TABLE shapes;
