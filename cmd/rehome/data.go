package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// data is the folder a server keeps everything in. docs/formats.md draws it.
type data string

func (d data) database() string { return filepath.Join(string(d), "rehome.db") }
func (d data) queue() string    { return filepath.Join(string(d), "queue.db") }
func (d data) host() string     { return filepath.Join(string(d), "host") }
func (d data) lfs() string      { return filepath.Join(string(d), "lfs") }
func (d data) bucket() string   { return filepath.Join(string(d), "bucket") }
func (d data) spool() string    { return filepath.Join(string(d), "spool") }
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

// moveObjects moves Git LFS objects to where the bucket has them: they lay in a folder of their own before there was one.
func (d data) moveObjects() error {
	before, now := filepath.Join(d.lfs(), "objects"), d.bucket()
	if _, err := os.Lstat(before); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Lstat(now); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(before, now); err != nil {
		return fmt.Errorf("move Git LFS objects into the bucket: %w", err)
	}
	return nil
}
