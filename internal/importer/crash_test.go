package importer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// A child process with these in its environment opens the world in the folder, works,
// and kills itself when it comes to the fail point for the nth time.
const (
	crashIn  = "REHOME_TEST_CRASH_IN"
	crashAt  = "REHOME_TEST_CRASH_AT"
	crashNth = "REHOME_TEST_CRASH_NTH"

	crashLimit = "REHOME_TEST_CRASH_LIMIT" // bytes of one push to a forge
)

// crash is the whole life of such a child.
func crash(dir string) {
	ctx := context.Background()
	nth, _ := strconv.Atoi(os.Getenv(crashNth))
	w, err := openWorld(ctx, dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	w.PushLimit, _ = strconv.ParseInt(os.Getenv(crashLimit), 10, 64)
	w.fault = func(point string) {
		if point != os.Getenv(crashAt) {
			return
		}
		if nth--; nth == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	ids, err := w.DB.Due(ctx, 100)
	for _, id := range ids {
		err = errors.Join(err, w.Reconcile(ctx, id))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(0)
}

// Killed at any point, an import ends complete after the next start, with nothing left
// over: one whose authors were mapped from the first, and one that is mapped again later.
func TestKilledAnywhereItGoesOn(t *testing.T) {
	url, from := serveRich(t, "sha1")
	later := []string{"before a change", "after a change", "rewritten", "final on the shelf", "final kept", "before publishing", "published"}
	for name, points := range map[string][]string{"first": append([]string{"raw received", "raw on the shelf", "raw kept"}, later...), "again": later} {
		k := killing{url: url, again: name == "again", begun: t.TempDir()}
		k.check = func(w *world) { w.wantRewritten(k.repository, from, map[string]string{ada: hubot}) }
		k.prepare(t)
		for _, point := range points {
			t.Run(name+"/"+point, func(t *testing.T) { k.everyTime(t, point) })
		}
	}
}

// Killed at any point, an import that is started again for what is new at its source ends with all of it, and with
// what is known of it being right.
func TestKilledAnywhereItTakesUpWhatIsNew(t *testing.T) {
	for name, people := range map[string]map[string]string{"mapped": {ada: hubot}, "as it is": nil} {
		url, from := serveRich(t, "sha1")
		k := killing{url: url, begun: t.TempDir(), unmapped: people == nil}
		k.prepare(t)
		w, err := openWorld(t.Context(), k.begun)
		must(t, err)
		w.t = t
		w.work()
		testenv.Grow(t, from, "refs/heads/trunk", "dir/new.txt", 3)
		testenv.Git(t, from, "tag", "-a", "-m", "late", "late", "refs/heads/trunk~2")
		growLarge(t, from, "refs/heads/other", "large.bin", 5000)
		_, err = w.Update(t.Context(), k.repository.ID, UpdateRequest{})
		must(t, err)
		w.close()
		k.check = func(w *world) {
			g := grown{world: w, r: k.repository, from: from, over: DefaultLargeOver}
			g.wantKnown()
			if n := g.packs(); n != 4 {
				t.Errorf("%d packs: not only what is new was fetched", n)
			}
			w.wantRewritten(k.repository, from, people)
		}
		for _, point := range []string{"raw received", "raw kept", "before a change", "after a change", "rewritten", "final kept", "before publishing", "published"} {
			if people == nil && (point == "rewritten" || point == "final kept") {
				continue
			}
			t.Run(name+"/"+point, func(t *testing.T) { k.everyTime(t, point) })
		}
	}
}

// Killed at any point, an import whose large files become Git LFS objects, or leave history, ends with
// all of that done.
func TestKilledAnywhereWithLargeFiles(t *testing.T) {
	for _, choice := range []rehome.LFSChoice{rehome.LFSOptIn, rehome.LFSOptOut} {
		begun := t.TempDir()
		w, r, url, from := filmedIn(t, begun)
		w.start(r, StartRequest{URL: url})
		if choice == rehome.LFSOptOut { // with Git LFS objects to go
			w.setLFS(r, rehome.LFSOptIn)
		}
		_, err := w.SetLFS(t.Context(), r.ID, choice, nil)
		must(t, err)
		w.close()
		k := killing{begun: begun, repository: r, check: func(w *world) { w.wantFilms(r, from, choice) }}
		for _, point := range []string{"before a change", "after a change", "rewritten", "final kept", "before publishing", "published"} {
			t.Run(string(choice)+"/"+point, func(t *testing.T) { k.everyTime(t, point) })
		}
	}
}

// killing is what is done to imports that are killed.
type killing struct {
	url        string
	again      bool   // they are complete, and mapped anew
	unmapped   bool   // nobody is mapped
	begun      string // a data folder with one that is due
	repository rehome.Repository
	limit      string       // bytes of one push; "" for any
	check      func(*world) // how they have to end
}

// everyTime is at each time that a run comes to the point.
func (k *killing) everyTime(t *testing.T, point string) {
	t.Parallel()
	nth := 1
	for k.at(t, point, nth) {
		nth++
	}
	if nth == 1 {
		t.Error("no run came there")
	}
}

// at runs an import in a child that kills itself at a fail point, then goes on with it.
// It returns false when the child came to the end before.
func (k *killing) at(t *testing.T, point string, nth int) (killed bool) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if out, err := exec.CommandContext(t.Context(), "cp", "-Rp", k.begun, dir).CombinedOutput(); err != nil {
		t.Fatalf("copy the data folder: %v: %s", err, out)
	}

	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), crashIn+"="+dir, crashAt+"="+point, crashNth+"="+strconv.Itoa(nth), crashLimit+"="+k.limit)
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
	default:
		t.Fatalf("child at %q %d: %v: %s", point, nth, err, out)
	}

	w, err := openWorld(t.Context(), dir)
	must(t, err)
	w.t = t
	defer w.close()
	w.PushLimit, _ = strconv.ParseInt(k.limit, 10, 64)
	w.work()
	r := k.repository
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	k.check(w)
	must(t, w.Cancel(t.Context(), r.ID, 0))
	w.wantNothingLeft()
	return true
}

// prepare makes an import that is due.
func (k *killing) prepare(t *testing.T) {
	t.Helper()
	w, err := openWorld(t.Context(), k.begun)
	must(t, err)
	w.t = t
	defer w.close()
	r := w.repository("new")
	k.repository = r
	_, err = w.Start(t.Context(), r, StartRequest{URL: k.url})
	must(t, err)
	if k.again {
		_, err = w.MapAuthors(t.Context(), r.ID, AuthorMap{Text: []byte("Other <other@example.com> <ada@example.com>\n")})
		must(t, err)
		w.work()
	}
	if k.unmapped {
		return
	}
	_, err = w.MapAuthors(t.Context(), r.ID, AuthorMap{Text: []byte(hubot + " <ada@example.com>\n")})
	must(t, err)
}

func TestTwoOnOneFolderAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := Claim(w.data); err == nil || !strings.Contains(err.Error(), "in use by another rehome") {
		t.Errorf("a second claim on the same folder: %v", err)
	}
}

func TestOpenRemovesWhatNobodyOwns(t *testing.T) {
	dir := t.TempDir()
	w, err := openWorld(t.Context(), dir)
	must(t, err)
	w.t = t
	r := w.repository("new")
	i, err := w.Start(t.Context(), r, StartRequest{URL: "https://old.example/old.git"})
	must(t, err)
	w.close()
	for _, name := range []string{w.Folder.raw(i.ID), w.Folder.raw(i.ID + 1), w.Folder.work(i.ID, 1), filepath.Join(dir, "raw", "odd"), w.Folder.final(i.ID), w.Folder.final(i.ID + 1)} {
		must(t, os.MkdirAll(name, 0o700))
	}
	w, err = openWorld(t.Context(), dir)
	must(t, err)
	w.t = t
	defer w.close()
	for name, want := range map[string]bool{
		w.Folder.raw(i.ID): true, w.Folder.raw(i.ID + 1): false, w.Folder.work(i.ID, 1): false, filepath.Join(dir, "raw", "odd"): false,
		w.Folder.final(i.ID): true, w.Folder.final(i.ID + 1): false,
	} {
		if _, err := os.Stat(name); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
}
