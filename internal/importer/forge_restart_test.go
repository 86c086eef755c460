package importer

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// elsewhere is a Git server to which a world pushes.
type elsewhere struct {
	*world
	from    string // folder of the source
	source  string // its URL
	to      string // folder of the destination
	url     string // of the destination, with credentials
	pushed  atomic.Int32
	bytes   atomic.Int64 // of the requests of pushes
	refuses atomic.Bool  // it answers pushes with an error
	before  func()       // a push comes in; set while nothing runs, as the next

	read func(path string) // anything else comes in, whoever asks
	lfs  testenv.LFS       // the destination's objects
}

func newElsewhere(t *testing.T, change ...func(*Options)) *elsewhere {
	t.Helper()
	root := t.TempDir()
	e := &elsewhere{from: filepath.Join(root, "old.git"), to: filepath.Join(root, "new.git"), before: func() {}, read: func(string) {}}
	testenv.Synthetic(t, e.from, "sha1", testenv.Size{Commits: 120, Files: 20})
	testenv.Empty(t, e.to, "sha1")
	server := testenv.NewServer(t, root, testenv.Options{Push: true, User: "u", Password: "hunter2", Wrap: func(h http.Handler) http.Handler { return e.lfs.Before(e.wrap(h)) }})
	e.source = strings.Replace(server.URL, "://", "://u:hunter2@", 1) + "/old.git"
	e.url = strings.Replace(e.source, "old.git", "new.git", 1)
	e.world = newWorld(t, change...)
	return e
}

func (e *elsewhere) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			e.before()
			if e.refuses.Load() {
				http.Error(w, "not now", http.StatusServiceUnavailable)
				return
			}
			e.pushed.Add(1)
			e.bytes.Add(r.ContentLength)
		} else {
			e.read(r.URL.Path)
		}
		h.ServeHTTP(w, r)
	})
}

// begin sets the destination and starts the import.
func (e *elsewhere) begin(r rehome.Repository) rehome.Import {
	e.t.Helper()
	_, err := e.SetDestination(e.t.Context(), r.ID, DestinationRequest{URL: e.url})
	must(e.t, err)
	return e.start(r, StartRequest{URL: e.source})
}

func (e *elsewhere) wantArrived() {
	e.t.Helper()
	if got, want := testenv.ShowRefs(e.t, e.to), testenv.ShowRefs(e.t, e.from); !slices.Equal(got, want) {
		e.t.Errorf("refs:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	testenv.Git(e.t, e.to, "fsck", "--full", "--strict")
}

// A first push in several steps that was cut off between two of them is finished by the next try, and what it left at
// the destination is nobody else's.
func TestRestartOfAPushInSeveral(t *testing.T) {
	e := newElsewhere(t, func(o *Options) { o.PushLimit = 24 << 10 })
	e.before = func() {
		if e.pushed.Load() == 2 {
			e.refuses.Store(true)
		}
	}
	r := e.repository("a")
	wantStatus(t, e.begin(r), rehome.Failed, rehome.StepPush, rehome.DestinationCutOff)
	if e.pushed.Load() != 2 || len(testenv.ShowRefs(t, e.to)) == 0 {
		t.Fatalf("%d pushes arrived, with refs %q", e.pushed.Load(), testenv.ShowRefs(t, e.to))
	}
	e.before = func() {}
	e.refuses.Store(false)
	e.again(r)
	e.wantArrived()
}

// A destination that was deleted and made anew gets everything once more: nobody deleted its refs one by one.
func TestDestinationMadeAnew(t *testing.T) {
	e := newElsewhere(t)
	r := e.repository("a")
	wantStatus(t, e.begin(r), rehome.Complete, "", "")
	must(t, os.RemoveAll(e.to))
	testenv.Empty(t, e.to, "sha1")
	e.again(r)
	e.wantArrived()
}

// Where a push that failed put nothing, another destination may be given; where one is under way, none.
func TestAnotherDestination(t *testing.T) {
	e := newElsewhere(t)
	r := e.repository("a")
	other := strings.Replace(e.url, "new.git", "other.git", 1)
	e.refuses.Store(true)
	e.before = func() {
		_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: other})
		if rehome.CodeOf(err) != rehome.Invalid {
			t.Errorf("another destination during a push: %v", err)
		}
	}
	wantStatus(t, e.begin(r), rehome.Failed, rehome.StepPush, rehome.DestinationCutOff)

	e.refuses.Store(false)
	e.before = func() {}
	e.to = filepath.Join(filepath.Dir(e.to), "other.git")
	testenv.Empty(t, e.to, "sha1")
	_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: other})
	must(t, err)
	e.work()
	wantStatus(t, e.get(r), rehome.Complete, "", "")
	e.wantArrived()
	_, err = e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: e.url})
	if rehome.CodeOf(err) != rehome.Invalid {
		t.Errorf("another destination after a push: %v", err)
	}
}

// Credentials that are given while a push fails for want of them are tried, and another destination that is set while
// the one before is read gets the push.
func TestDestinationSetMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name  string
		first string // the destination that the import starts with
		given string // the one that is set while it is read
	}{
		{"credentials", "u:other@", "u:hunter2@"},
		{"address", "u:hunter2@", "u:hunter2@"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newElsewhere(t)
			r := e.repository("a")
			right := e.url
			first := strings.Replace(right, "u:hunter2@", c.first, 1)
			if c.name == "address" {
				first = strings.Replace(first, "new.git", "wrong.git", 1)
				testenv.Empty(t, filepath.Join(filepath.Dir(e.to), "wrong.git"), "sha1")
			}
			var set atomic.Bool
			e.read = func(path string) {
				if strings.Contains(path, "old.git") || set.Swap(true) {
					return
				}
				_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: right})
				must(t, err)
			}
			e.url = first
			wantStatus(t, e.begin(r), rehome.Complete, "", "")
			e.wantArrived()
		})
	}
}
