package main

import (
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"rehome/internal/testenv/hostile"
)

// stage is what a hostile source is set up on, in place of a test. Safe for concurrent use.
type stage struct {
	testing.TB // nil: sources ask a test for no more than what is here

	mu   sync.Mutex
	ends []func() // guarded by mu, as the next
	said []string // what would fail a test
}

// broken ends the setting up of a source.
type broken string

func (s *stage) Helper() {}

func (s *stage) Cleanup(end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, end)
}

func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp("", "rehome-bench-hostile-")
	if err != nil {
		panic(broken(err.Error()))
	}
	s.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (s *stage) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, text)
}

func (s *stage) Error(args ...any)                 { s.note(fmt.Sprint(args...)) }
func (s *stage) Errorf(format string, args ...any) { s.note(fmt.Sprintf(format, args...)) }
func (s *stage) Fatal(args ...any)                 { panic(broken(fmt.Sprint(args...))) }
func (s *stage) Fatalf(format string, args ...any) { panic(broken(fmt.Sprintf(format, args...))) }

// close ends what was set up, the latest first.
func (s *stage) close() {
	s.mu.Lock()
	ends := slices.Clone(s.ends)
	s.ends = nil
	s.mu.Unlock()
	for _, end := range slices.Backward(ends) {
		end()
	}
}

// open sets a source up and returns its URL, and whether something of it was run is to be seen at the marker.
func (s *stage) open(c hostile.Case, at hostile.Ground) (url, marker string, err error) {
	defer func() {
		switch said := recover().(type) {
		case nil:
		case broken:
			err = fmt.Errorf("set up %q: %s", c.Name, string(said))
		default:
			panic(said)
		}
	}()
	dir := s.TempDir()
	at.Dir, at.Marker = filepath.Join(dir, "from"), filepath.Join(dir, "marker")
	if err := os.Mkdir(at.Dir, 0o700); err != nil {
		return "", "", err
	}
	from := c.Open(s, at)
	if from.Handler == nil {
		return from.URL, at.Marker, nil
	}
	server := httptest.NewUnstartedServer(from.Handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // whoever is hung up on says so
	server.Start()
	s.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL + "/r.git", at.Marker, nil
}
