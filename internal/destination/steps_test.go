package destination

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// TestNamesOfStepsStay pushes from where refs of an interrupted push were left: there they are refs like all others, and
// stay when they have arrived, whatever else goes in how many steps.
func TestNamesOfStepsStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	whole := w.mustPush(w.first())
	w.empty("sha1")
	for name, of := range map[string]string{"refs/heads/rehome-part-1": "trunk~2", "refs/tags/rehome-part-2": "trunk~4"} {
		testenv.Git(t, w.source, "update-ref", name, of)
		must(t, w.from.Update([]repo.Update{{Name: name, New: parse(t, testenv.Git(t, w.source, "rev-parse", of))}}))
	}
	p := w.first()
	p.Limit = whole.Bytes / 10
	w.mustPush(p)
	w.arrived()
	p.Updates, p.Whole = nil, false
	w.mustPush(p)
	w.arrived()
	testenv.Grow(t, w.source, "refs/heads/trunk", "src/new.txt", 150)
	w.take(w.from, "refs/heads/trunk", "^refs/heads/trunk~150")
	p.Updates, p.Limit = w.updates(), 4000
	w.pushes()
	w.mustPush(p)
	w.arrived()
	if n := w.pushes(); len(n) < 3 {
		t.Errorf("pushes of %d bytes", n)
	}
}

// TestProgressOfRefs: a push in portions of refs says how many are done.
func TestProgressOfRefs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	tip, tags := parse(t, testenv.Git(t, w.source, "rev-parse", "trunk")), []repo.Update{}
	for n := range 2 * together {
		tags = append(tags, repo.Update{Name: fmt.Sprintf("refs/tags/many-%d", n), New: tip})
	}
	must(t, w.from.Update(tags))
	p := w.first()
	p.Updates = append(p.Updates, tags...)
	all := int64(len(p.Updates))
	var got []Progress
	p.Progress = func(now Progress) {
		if now.Sent {
			got = append(got, Progress{Refs: now.Refs, AllRefs: now.AllRefs})
		}
	}
	w.mustPush(p)
	if want := []Progress{{AllRefs: all}, {Refs: together, AllRefs: all}, {Refs: 2 * together, AllRefs: all}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestStepsWithoutThinPacks measures steps as they are sent to a destination that completes no packs.
func TestStepsWithoutThinPacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	grown := func() Push {
		w.empty("sha1")
		testenv.Git(t, w.source, "push", "-q", w.to, "trunk~60:refs/heads/trunk")
		had := testenv.Objects(t, w.to)
		p := w.first()
		p.Has = func(id []byte) bool {
			_, is := slices.BinarySearch(had, object.FromBytes(object.SHA1, id).String())
			return is
		}
		return p
	}
	w.all = func(out http.ResponseWriter, r *http.Request, onward http.Handler) {
		if r.URL.Query().Get("service") != "git-receive-pack" {
			onward.ServeHTTP(out, r)
			return
		}
		told := httptest.NewRecorder()
		onward.ServeHTTP(told, r)
		maps.Copy(out.Header(), told.Header())
		out.WriteHeader(told.Code)
		out.Write(bytes.Replace(told.Body.Bytes(), []byte("quiet atomic"), []byte("no-thin atom"), 1)) //nolint:errcheck // it would be missed
	}
	whole := w.mustPush(grown())
	one := w.pushes()
	p := grown()
	p.Limit, p.Whole = whole.Bytes-1, false
	w.config("receive.maxInputSize", fmt.Sprint(p.Limit))
	w.mustPush(p)
	w.arrived()
	if sizes := w.pushes(); len(sizes) < 2 || slices.Max(sizes) >= one[0] {
		t.Errorf("pushes of %d bytes instead of %d", sizes, one)
	}
}
