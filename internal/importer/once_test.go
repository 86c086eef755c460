package importer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rehome"
	"rehome/internal/remote"
	"rehome/internal/source/git"
	"rehome/internal/testenv"
)

func onceFrom(path, dir string) OnceOptions {
	return OnceOptions{Source: git.New(git.Options{}), Location: remote.Location{Path: path}, Dir: dir, Version: "0.0.0-test"}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		root := t.TempDir()
		from, dir := filepath.Join(root, "old.git"), filepath.Join(root, "deep", "er", "new.git")
		richAt(t, from, format)
		o := onceFrom(from, dir)
		var kinds []rehome.EventKind
		var statuses []rehome.Status
		o.Event = func(e rehome.Event) {
			if e.Kind == rehome.EventStatus {
				statuses = append(statuses, e.Status)
			}
			if e.At.IsZero() {
				t.Errorf("event without a time: %+v", e)
			}
			kinds = append(kinds, e.Kind)
		}
		r, err := Once(t.Context(), o)
		must(t, err)
		wantSame(t, dir, from)
		want := []rehome.Status{rehome.Importing, rehome.Mapping, rehome.Pushing, rehome.Complete}
		if !slices.Equal(statuses, want) || kinds[len(kinds)-1] != rehome.EventDone || !slices.Contains(kinds, rehome.EventAuthor) {
			t.Errorf("statuses %v, events %v", statuses, kinds)
		}
		if len(r.Refs.Refs) != len(testenv.ShowRefs(t, dir)) || len(r.Refs.Skipped) != len(testenv.RichSkipped(t, from)) {
			t.Errorf("receipt has %d refs and %d skipped", len(r.Refs.Refs), len(r.Refs.Skipped))
		}
		if r.Head.Source.ObjectFormat != format || r.Head.Commits == 0 || r.Body.Authors.Identities == 0 || r.Head.Source.DefaultBranch != "trunk" {
			t.Errorf("receipt: %+v", r.Head)
		}
		wantOnly(t, filepath.Dir(dir), "new.git")
	}
}

func wantOnly(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if !slices.Equal(have, names) {
		t.Errorf("%s holds %v, want %v", dir, have, names)
	}
}

func TestOnceIntoAnEmptyFolder(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	from, dir := filepath.Join(root, "old.git"), filepath.Join(root, "new")
	testenv.Empty(t, from, "sha1")
	must(t, os.Mkdir(dir, 0o755))
	_, err := Once(t.Context(), onceFrom(from, dir))
	must(t, err)
	testenv.Git(t, dir, "fsck")
}

func TestOnceRefusesWhatIsThere(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	from, dir := filepath.Join(root, "old.git"), filepath.Join(root, "new")
	testenv.Empty(t, from, "sha1")
	must(t, os.Mkdir(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "mine"), nil, 0o644))
	for _, dest := range []string{dir, filepath.Join(dir, "mine")} {
		if _, err := Once(t.Context(), onceFrom(from, dest)); rehome.CodeOf(err) != rehome.AlreadyExists {
			t.Errorf("into %s: %v", dest, err)
		}
	}
	wantOnly(t, root, "new", "old.git")
	wantOnly(t, dir, "mine")
}

func TestOnceLeavesNothingAfterAnError(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	_, err := Once(t.Context(), onceFrom(filepath.Join(root, "missing"), filepath.Join(root, "a", "b", "new")))
	if rehome.CodeOf(err) != rehome.NotARepository {
		t.Errorf("a missing source: %v", err)
	}
	wantOnly(t, root)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	testenv.Empty(t, filepath.Join(root, "old.git"), "sha1")
	_, err = Once(ctx, onceFrom(filepath.Join(root, "old.git"), filepath.Join(root, "new")))
	if rehome.CodeOf(err) != rehome.Cancelled {
		t.Errorf("interrupted: %v", err)
	}
	wantOnly(t, root, "old.git")
}

func TestOnceClearsWhatAKilledRunLeft(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	from, dir := filepath.Join(root, "old.git"), filepath.Join(root, "new")
	richAt(t, from, "sha1")
	left := filepath.Join(root, ".new.rehome-incoming", "repository", "objects")
	must(t, os.MkdirAll(left, 0o755))
	_, err := Once(t.Context(), onceFrom(from, dir))
	must(t, err)
	wantOnly(t, root, "new", "old.git")
}

func TestOnceRefusesBesideAnother(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	from, dir := filepath.Join(root, "old.git"), filepath.Join(root, "new")
	testenv.Empty(t, from, "sha1")
	p, err := claimPlace(dir)
	must(t, err)
	if _, err := Once(t.Context(), onceFrom(from, dir)); rehome.CodeOf(err) != rehome.AlreadyExists {
		t.Errorf("beside another run: %v", err)
	}
	must(t, p.leave())
	_, err = Once(t.Context(), onceFrom(from, dir))
	must(t, err)
}

// A step's time is by the clock that was given.
func TestOnceTimesItsSteps(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	from := filepath.Join(root, "old.git")
	testenv.Empty(t, from, "sha1")
	o := onceFrom(from, filepath.Join(root, "new"))
	now := time.Unix(1700000000, 0)
	o.Clock = func() time.Time { return now }
	o.Event = func(e rehome.Event) {
		if e.Kind == rehome.EventStatus && e.Status == rehome.Importing {
			now = now.Add(1500 * time.Millisecond)
		}
	}
	r, err := Once(t.Context(), o)
	must(t, err)
	if want := (rehome.ReceiptTiming{Raw: 1.5}); r.Body.Timing != want {
		t.Errorf("timing %+v, want %+v", r.Body.Timing, want)
	}
	if errors.Is(err, context.Canceled) || !r.Head.CompletedAt.Equal(time.Unix(1700000001, 0)) {
		t.Errorf("completed at %v", r.Head.CompletedAt)
	}
}
