package lfs

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Stored is an object that is in a store, and since when.
type Stored struct {
	Object
	Since time.Time // UTC; in a folder, since when its bytes are on a disk
}

// Each calls visit with every object that is in the store, in order of their ids. What comes or goes meanwhile may be among them or not.
func (s *Store) Each(ctx context.Context, visit func(Stored) error) error {
	for first := range 256 { // what else is in the bucket is not even listed
		if err := s.each(ctx, fmt.Sprintf("%02x/", first), visit); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) each(ctx context.Context, prefix string, visit func(Stored) error) error {
	for f, err := range s.bucket.List(ctx, prefix) {
		if err != nil {
			return fmt.Errorf("list LFS objects: %w", err)
		}
		oid, err := ParseOID(f.Key[strings.LastIndexByte(f.Key, '/')+1:])
		if err != nil || key(oid) != f.Key {
			continue
		}
		if err := visit(Stored{Object{oid, f.Size}, f.Modified}); err != nil {
			return err
		}
	}
	return nil
}

// Tidy removes from the spool what processes that died left there.
func (s *Store) Tidy() error {
	if err := sweep(s.spool); err != nil {
		return fmt.Errorf("tidy the spool of LFS objects: %w", err)
	}
	return nil
}
