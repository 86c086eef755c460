package shelf

import (
	"context"
	"fmt"
	"strings"
)

// Prefixes returns what comes between prefix with a slash and the next slash in the keys of what is kept, each once.
func (s *Shelf) Prefixes(ctx context.Context, prefix string) (all []string, err error) {
	for f, err := range s.in.List(ctx, prefix+"/") {
		if err != nil {
			return nil, fmt.Errorf("list %s in the bucket: %w", prefix, err)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(f.Key, prefix+"/"), "/")
		if len(all) == 0 || all[len(all)-1] != name { // they come in order
			all = append(all, name)
		}
	}
	return all, nil
}

// Has reports whether all files that the list at key names are there, with their sizes.
func (s *Shelf) Has(ctx context.Context, key string) (bool, error) {
	whole := true
	err := s.Check(ctx, key, false, func(string, error) { whole = false })
	return whole && err == nil, err
}
