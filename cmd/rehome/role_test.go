package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// What a server cannot be started with is refused before anything is opened.
func TestServeRefuses(t *testing.T) {
	const pg, s3 = "postgres://u@h/d", "s3://b"
	for _, c := range []struct {
		name   string
		change func(*serveFlags)
		want   string // "" where it is taken
	}{
		{"nothing", func(*serveFlags) {}, ""},
		{"no workers", func(f *serveFlags) { f.workers = 0 }, "leaves nobody to work"},
		{"too many workers", func(f *serveFlags) { f.workers = 10_001 }, "more than one process can have"},
		{"as many as there may be", func(f *serveFlags) { f.workers = 10_000 }, ""},
		{"no role", func(f *serveFlags) { f.role.role = "host" }, "is none"},
		{"less than no limit", func(f *serveFlags) { f.role.queued = -1 }, "cannot be negative"},
		{"a path", func(f *serveFlags) { f.places.database = "rehome.db" }, "not the URL of a Postgres database"},
		{"another kind", func(f *serveFlags) { f.places.database = "mysql://u@h/d" }, "not the URL of a Postgres database"},
		{"the other name", func(f *serveFlags) { f.places.database = "postgresql://u@h/d" }, ""},
		{"rows here", func(f *serveFlags) { f.role.role, f.places.bucket = roleAPI, s3 }, "shares its rows"},
		{"objects here", func(f *serveFlags) { f.role.role, f.places.database = roleWorker, pg }, "shares what imports leave"},
		{"a worker", func(f *serveFlags) { f.role.role, f.places.database, f.places.bucket = roleWorker, pg, s3 }, ""},
	} {
		f := serveFlags{workers: defaultWorkers, door: doorFlags{listen: "127.0.0.1:0"}, limits: limitFlags{repository: 1, objects: 1, refs: 1}}
		f.add(new(cobra.Command))
		c.change(&f)
		err := f.check()
		var usage *usageError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
