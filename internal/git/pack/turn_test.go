package pack

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"

	"rehome/internal/compute"
	"rehome/internal/testenv"
)

// Whatever happens to a pass, its turns are given back: one that is not is a processor less until the process ends.
func TestTurnsAreGivenBack(t *testing.T) {
	compute.Limit(1) // who waited for another while holding it would wait for ever
	defer compute.Limit(0)
	dir := filepath.Join(t.TempDir(), "source.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 50})
	in := packOf(t, dir, "--delta-base-offset")
	broken := errors.New("broken")
	gone, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		in     []byte
		change func(*Options)
	}{
		{"well", t.Context(), in, func(*Options) {}},
		{"cut off", t.Context(), in[:len(in)/2], func(*Options) {}},
		{"empty", t.Context(), nil, func(*Options) {}},
		{"called off", gone, in, func(*Options) {}},
		{"visitor fails", t.Context(), in, func(o *Options) { o.Visit = func(*Object) error { return broken } }},
		{"visitor panics", t.Context(), in, func(o *Options) { o.Visit = func(*Object) error { panic(broken) } }},
		{"visitor of deltas panics", t.Context(), in, func(o *Options) {
			o.Visit = func(one *Object) error {
				if one.Delta != nil {
					panic(broken)
				}
				return nil
			}
		}},
		{"scratch panics", t.Context(), in, func(o *Options) {
			o.Storage.Scratch = func(int64) ([]byte, func(), error) { panic(broken) }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{Workers: 3, Storage: inMemory()}
			c.change(&o)
			func() {
				defer func() { _ = recover() }()
				_, err := Receive(c.ctx, bytes.NewReader(c.in), o)
				if (err == nil) != (c.name == "well") {
					t.Error(err)
				}
			}()
			compute.Take().Give() // waits for ever when one is held
		})
	}
}
