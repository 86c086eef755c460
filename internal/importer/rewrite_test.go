package importer

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/testenv"
)

// unwritable starts an import of one commit in Latin-1 and maps its author to a name that has none of its letters.
func (w *world) unwritable() rehome.Repository {
	w.t.Helper()
	root := w.t.TempDir()
	from := filepath.Join(root, "old.git")
	testenv.FromStream(w.t, from, "sha1", "commit refs/heads/trunk\ncommitter A <a@x> 1700000000 +0000\nencoding ISO-8859-1\ndata 5\nwork\n\n")
	r := w.repository("new")
	w.start(r, StartRequest{URL: testenv.ServeGit(w.t, root, testenv.Options{}) + "/old.git"})
	w.remap(r, "A", "\u042f", "a@y")
	return r
}

// A name that the encoding of a commit lacks fails the rewrite and says whom it is about;
// another name mends it.
func TestNameThatAnEncodingLacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.unwritable()
	w.work()
	i := w.get(r)
	wantStatus(t, i, rehome.Failed, rehome.StepRewrite, rehome.Invalid)
	if i.State.Err != nil && !strings.Contains(i.State.Err.Message, "\u042f") {
		t.Errorf("the message does not say who: %s", i.State.Err.Message)
	}
	wantOnly(t, filepath.Join(w.data, "work"))
	w.remap(r, "A", "\u00c4", "a@y")
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if raw := testenv.Git(t, w.hosted(r), "cat-file", "commit", "refs/heads/trunk"); !strings.Contains(raw, "author \xc4 <a@y> ") {
		t.Errorf("the commit is %q", raw)
	}
}

// Who mends a map while the one before is carried out does not have to ask for a restart when that fails.
func TestMapMendedWhileItFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.unwritable()
	changes := 0
	w.fault = func(point string) {
		if point != "before a change" {
			return
		}
		if changes++; changes == 2 { // the first asks whether the plan has settled, this one records the failure
			w.remap(r, "A", "B", "b@y")
		}
	}
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if who := testenv.Git(t, w.hosted(r), "log", "-1", "--format=%an", "refs/heads/trunk"); who != "B" {
		t.Errorf("the author is %q", who)
	}
}

func TestRewriteTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.peopled("Ada <ada@x>")
	events, err := w.Watch(t.Context(), r.ID)
	must(t, err)
	<-events // where it stands
	now := time.Unix(1700000000, 0)
	one := &worker{Importer: w.Importer}
	one.Clock = func() time.Time { return now }
	one.row, err = w.DB.ImportByID(t.Context(), w.get(r).ID)
	must(t, err)
	told := one.newRewriteMeter()
	told.commits(1, 100) // too soon
	now = now.Add(time.Minute)
	told.commits(0, 0) // nothing is known
	told.commits(50, 100)
	e := <-events
	if e.Kind != rehome.EventProgress || e.Step != rehome.StepRewrite || e.Status != rehome.Mapping || *e.Percent != 49 || e.ProgressEvent.Authors != 1 {
		t.Errorf("event %+v, %+v", e, e.ProgressEvent)
	}
	for _, c := range []struct{ bytes, want int }{{10, 49}, {900, 85}} { // it never falls
		now = now.Add(time.Minute)
		told.bytes(int64(c.bytes), 1000)
		if e := <-events; *e.Percent != c.want || e.ProgressEvent.Bytes != int64(c.bytes) || *e.BytesTotal != 1000 || e.Commits != 50 {
			t.Errorf("event %+v, %+v", e, e.ProgressEvent)
		}
	}
}
