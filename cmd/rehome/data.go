package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rehome"
	"rehome/internal/store"
)

// data is the folder a server keeps everything in. docs/formats.md draws it.
type data string

func (d data) database() string { return filepath.Join(string(d), "rehome.db") }
func (d data) queue() string    { return filepath.Join(string(d), "queue.db") }
func (d data) host() string     { return filepath.Join(string(d), "host") }
func (d data) lfs() string      { return filepath.Join(string(d), "lfs") }
func (d data) key() string      { return filepath.Join(string(d), "key") }

// knownHosts is where the keys of SSH servers met first are noted.
func (d data) knownHosts() string { return filepath.Join(string(d), "known_hosts") }

// make makes the folder, readable by its owner only.
func (d data) make() error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	return nil
}

// open opens the database of a folder that a server or token create has made.
func (d data) open(ctx context.Context) (*store.DB, error) {
	_, err := os.Stat(d.database())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &rehome.Error{
			Code:    rehome.NotFound,
			Message: fmt.Sprintf("there is no database in the data folder %q", string(d)),
			Hint:    "Give --data the folder rehome serve uses.",
		}
	}
	if err != nil {
		return nil, fmt.Errorf("find the database: %w", err)
	}
	return store.Open(ctx, d.database())
}
