package importer

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// late is an import whose worker's push is on its way for so long that another process has the import by now.
type late struct {
	*elsewhere
	other *world
	r     rehome.Repository
	ended chan error // of that worker
	goOn  chan struct{}
}

// newLate has a push on its way that maps an author, to a destination that has the history unmapped, or nothing yet.
func newLate(t *testing.T, first bool) *late {
	t.Helper()
	where := testenv.Postgres(t).NewDatabase(t)
	l := &late{elsewhere: newElsewhere(t, onPostgres(t, where, store.Limits{})), ended: make(chan error, 1), goOn: make(chan struct{})}
	l.other = newWorld(t, onPostgres(t, where, store.Limits{}), func(o *Options) { o.Host, o.Seal, o.LFS = l.Host, l.Seal, l.LFS })
	l.other.Folder.KeepOn(l.Folder.shelf)
	l.r = l.repository("a")
	_, err := l.SetDestination(t.Context(), l.r.ID, DestinationRequest{URL: l.url})
	must(t, err)
	_, err = l.Start(t.Context(), l.r, StartRequest{URL: l.source})
	must(t, err)
	if !first {
		l.work()
		wantStatus(t, l.get(l.r), rehome.Complete, "", "")
	}
	l.holding = holding{leaseFor: time.Hour, renewEvery: time.Hour} // it notices nothing by itself
	l.mapTo(l.world, "Hubot <hubot@example.com> <author0@example.com>")
	asked := make(chan struct{})
	l.before = func() {
		l.before = func() {}
		close(asked)
		<-l.goOn
	}
	go func() { l.ended <- l.Work(context.Background(), 0) }()
	<-asked
	must(t, l.DB.ReleaseFolder(t.Context(), l.Folder.id)) // as the clock does with a lease that has expired
	return l
}

func (l *late) mapTo(w *world, lines string) {
	l.t.Helper()
	_, err := w.MapAuthors(l.t.Context(), l.r.ID, AuthorMap{Text: []byte(lines + "\n")})
	must(l.t, err)
}

// arrives lets the push go on, and waits for its worker to end.
func (l *late) arrives() {
	l.t.Helper()
	close(l.goOn)
	must(l.t, <-l.ended)
	if log := l.log(); !strings.Contains(log, "hubot@") {
		l.t.Error("the late push has changed nothing")
	}
}

func (l *late) log() string { return testenv.Git(l.t, l.to, "log", "--all", "--format=%ae") }

// A push that arrives while the successor is about to write something else is known for ours, and replaced.
func TestLatePushBetweenLookAndPush(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		t.Run(fmt.Sprint("first ", first), func(t *testing.T) {
			t.Parallel()
			newLate(t, first).between()
		})
	}
}

func (l *late) between() {
	t := l.t
	l.mapTo(l.other, "Ada <ada@example.com> <author0@example.com>")
	once := false
	l.other.fault = func(point string) {
		if point == "before publishing" && !once {
			once = true
			l.arrives()
		}
	}
	l.other.work()
	wantStatus(t, l.other.get(l.r), rehome.Complete, "", "")
	if log := l.log(); !once || strings.Contains(log, "hubot@") || strings.Contains(log, "author0@") || !strings.Contains(log, "ada@") {
		t.Errorf("it is not what the successor's plan made:\n%.200s", log)
	}
	for name, w := range l.written() {
		if w.Earlier != "" {
			t.Errorf("of %s it stays noted what is not to come any more: %+v", name, w)
		}
	}
}

func (l *late) written() map[string]store.WrittenRef {
	l.t.Helper()
	all, err := l.DB.WrittenRefs(l.t.Context(), l.r.ID)
	must(l.t, err)
	return all
}

// Where the successor's plan leaves refs where they are, a push that arrives before it reads them back is undone, and so is one
// that arrives when the successor is done, with the next sync.
func TestLatePushOfRefsThatStay(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before it reads back", "later"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			l := newLate(t, false)
			l.mapTo(l.other, "# nobody")
			once := false
			l.other.fault = func(point string) {
				if point == "published" && !once && when != "later" {
					once = true
					l.arrives()
				}
			}
			l.other.work()
			wantStatus(t, l.other.get(l.r), rehome.Complete, "", "")
			if when == "later" {
				l.wantArrived()
				l.arrives()
				l.other.again(l.r)
				wantStatus(t, l.other.get(l.r), rehome.Complete, "", "")
			}
			l.wantArrived()
		})
	}
}

// What others do to a ref while a late push is on its way stays theirs.
func TestLatePushMeetsOthers(t *testing.T) {
	t.Parallel()
	l := newLate(t, false)
	l.mapTo(l.other, "Ada <ada@example.com> <author0@example.com>")
	theirs := ""
	l.other.fault = func(point string) {
		if point == "before publishing" && theirs == "" {
			theirs = testenv.Git(t, l.to, "commit-tree", "-p", "refs/heads/trunk", "-m", "mine", "refs/heads/trunk^{tree}")
			testenv.Git(t, l.to, "update-ref", "refs/heads/trunk", theirs)
			l.arrives()
		}
	}
	l.other.work()
	wantStatus(t, l.other.get(l.r), rehome.Failed, rehome.StepPush, rehome.DestinationMoved)
	if is := l.atDestination("refs/heads/trunk"); is != theirs {
		t.Errorf("trunk is %s, not their %s", is, theirs)
	}
}
