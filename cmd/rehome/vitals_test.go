package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome/internal/store"
	"rehome/internal/testenv"
)

// readable is a log that is read while it is written.
type readable struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (k *readable) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.Write(p)
}

func (k *readable) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.String()
}

// await waits until the log has some words.
func (k *readable) await(words string) {
	for !strings.Contains(k.String(), words) {
		time.Sleep(10 * time.Millisecond)
		runtime.Gosched()
	}
}

// An outage of the database is told of once, with its cause once, and its end; a start and a stop say what and where.
func TestOutageIsToldOnce(t *testing.T) {
	t.Parallel()
	server := testenv.OwnPostgres(t)
	where := server.NewDatabase(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	said, out := io.Pipe()
	var log readable
	ended := make(chan int)
	dir := filepath.Join(t.TempDir(), "data")
	go func() {
		m := &Main{Stdin: os.Stdin, Stdout: out, Stderr: &log, Getenv: func(string) string { return "" }}
		code := m.Run(ctx, []string{"serve", "--listen", "127.0.0.1:0", "--data", dir, "--database", where, "--workers", "3"})
		out.Close()
		ended <- code
	}()
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "listening on ") {
			break
		}
	}
	go io.Copy(io.Discard, said)
	server.Kill(t)
	log.await("the database does not answer")
	server.Start(t)
	log.await("the database is back")
	stop()
	if code := <-ended; code != exitDone {
		t.Errorf("it ended with %d", code)
	}
	text := log.String()
	for words, want := range map[string]int{
		`level=WARN msg="the database does not answer" why=`: 1, `level=INFO msg="the database is back" away=`: 1, "level=ERROR": 0,
		"msg=started ": 1, "workers=3": 1, "role=all": 1, "msg=listening url=http://127.0.0.1:": 1,
		"msg=stopping": 1, `msg="imports were given back" count=0`: 1, "msg=stopped\n": 1, "postgres://": 0,
	} {
		if got := strings.Count(text, words); got != want {
			t.Errorf("%q is there %d times, not %d:\n%s", words, got, want, text)
		}
	}
	if why := text[strings.Index(text, "does not answer"):]; strings.Count(why[:strings.Index(why, "\n")], "127.0.0.1") > 1 {
		t.Errorf("the cause is told more than once: %s", why)
	}
}

// Imports that are not taken up are told of once, with how much room there is, and so is that they are again.
func TestRestIsToldOnce(t *testing.T) {
	var log bytes.Buffer
	var v vitals
	f := keepingFlags{minFree: 5 << 20}
	for _, why := range []string{"", "its disk is nearly full", "its disk is nearly full", "", ""} {
		v.sawRest(slog.New(slog.NewTextHandler(&log, nil)), why, f.floor(data(t.TempDir())))
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `level=WARN msg="no imports are taken up" why="its disk is nearly full" free=`) ||
		!strings.Contains(lines[0], "min_free=5MiB") || !strings.Contains(lines[1], `level=INFO msg="imports are taken up again"`) {
		t.Errorf("the log is\n%s", log.String())
	}
}

// among opens the rows of a process, where others have announced themselves.
func among(t *testing.T, role string, others ...store.Process) (*parts, *readable) {
	t.Helper()
	log := &readable{}
	p := &parts{told: told{log: slog.New(slog.NewTextHandler(log, nil))}}
	p.flags.role.role, p.flags.places = role, placesFlags{dir: data(t.TempDir()), database: testenv.Postgres(t).NewDatabase(t)}
	t.Cleanup(p.close)
	if err := p.openFolder(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.openRows(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, o := range others {
		if err := p.db.Announce(t.Context(), o, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	return p, log
}

// Flags that differ from those of others are named, and no value is.
func TestOtherFlags(t *testing.T) {
	t.Parallel()
	var theirs serveFlags
	theirs.role.role = roleWorker
	theirs.destination.template = "https://new.example/{owner}/{repo}.git"
	theirs.network.proxy = "http://ada:s3cret@proxy.example:3128"
	prints := theirs.fingerprints()
	p, log := among(t, roleWorker, store.Process{ID: "other", Name: "machine/data", Role: roleWorker, Workers: 8, Settings: prints})
	if err := p.compareFlags(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, `process=machine/data role=worker flags="--destination, --proxy"`) || strings.Contains(got, "new.example") {
		t.Errorf("it says %s", got)
	}
	without := theirs
	without.network.proxy = "http://proxy.example:3128"
	if differ := differing(prints, without.fingerprints()); differ != nil {
		t.Errorf("a password tells fingerprints apart: %q", differ)
	}
}

// A server with a host is no part of one without.
func TestNoHostAmongOthers(t *testing.T) {
	t.Parallel()
	api := store.Process{ID: "other", Name: "machine/data", Role: roleAPI}
	p, _ := among(t, roleAll, api)
	if err := p.holdHost(t.Context(), func(error) {}); err == nil || !strings.Contains(err.Error(), "which host nothing (one is machine/data)") {
		t.Errorf("it was let in: %v", err)
	}
	if err := p.db.Leave(t.Context(), api.ID); err != nil {
		t.Fatal(err)
	}
	if err := p.holdHost(t.Context(), func(error) {}); err != nil {
		t.Errorf("alone: %v", err)
	}
	if err := p.db.Announce(t.Context(), api, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := p.refuseAmong(t.Context()); err != nil {
		t.Errorf("it had the host before: %v", err)
	}
}
