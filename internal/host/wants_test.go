package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome/internal/git/object"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// TestOnlyWhatIsPublishedIsGivenOut publishes a part of a pack: what only other refs of the
// raw repository reached is in the host's store, and must stay there.
func TestOnlyWhatIsPublishedIsGivenOut(t *testing.T) {
	for _, f := range formats {
		hm, from := newHome(t), raw(t, f)
		hm.create(7, object.SHA1)
		revision := func(s string) string { return testenv.Git(t, from.Dir(), "rev-parse", s) }
		var updates []repo.Update
		for _, u := range creations(t, from) {
			switch {
			case u.Name == "refs/heads/side" || u.Name == "refs/tags/nested":
				updates = append(updates, u)
			case u.Name == "refs/pull/1/head":
				updates = append(updates, repo.Update{Name: "refs/rehome/kept/pull", New: u.New})
			}
		}
		if err := hm.Publish(t.Context(), 7, Publication{From: from, Updates: updates, Head: "refs/heads/side"}); err != nil {
			t.Fatal(err)
		}
		tests := []struct {
			name, id string
			want     bool
		}{
			{"tip", revision("refs/heads/side"), true},
			{"what a tag stands for", revision("refs/tags/nested^{}"), true},
			{"reachable commit", revision("refs/heads/side~1"), true},
			{"behind a tag only", revision("refs/heads/other"), true},
			{"unpublished branch", revision("refs/heads/feature/#1-ü"), false},
			{"hidden ref", revision("refs/pull/1/head"), false},
			{"reachable blob", revision("refs/heads/side:side.txt"), false},
			{"unpublished blob", revision("refs/pull/1/head:only-here"), false},
			{"unpublished tree", revision("refs/pull/1/head^{tree}"), false},
			{"no object", strings.Repeat("12", f.Size()), false},
		}
		for _, version := range versions {
			for _, tt := range tests {
				t.Run(f.String()+" v"+version+" "+tt.name, func(t *testing.T) {
					err := hm.fetchID(f, version, tt.id)
					if (err == nil) != tt.want {
						t.Errorf("got %v", err)
					}
					if err != nil && !strings.Contains(err.Error(), "not our ref "+tt.id) {
						t.Errorf("got %v", err)
					}
				})
			}
		}
	}
}

// fetchID asks repository 7 for one object as a client that does not care what is advertised.
func (hm *home) fetchID(f object.Format, version, id string) error {
	var body bytes.Buffer
	out := protocol.NewWriter(&body)
	if version == "2" {
		out.Line("command=fetch")
		out.Line("object-format=%s", f)
		out.Delim()
		out.Line("want %s", id)
		out.Line("done")
		out.Flush()
	} else {
		out.Line("want %s side-band-64k ofs-delta object-format=%s", id, f)
		out.Flush()
		out.Line("done")
	}
	_, text := hm.postAs("version="+version, body.Bytes(), "identity")
	if bytes.Contains(text, []byte("PACK")) {
		return nil
	}
	return fmt.Errorf("answer %q", text)
}

// TestMovedRefBetweenTwoRequests is the race the walk is for: a client that asks for the
// tip it was told, after that tip moved on, still gets it.
func TestMovedRefBetweenTwoRequests(t *testing.T) {
	hm := newHome(t)
	hm.publish(7, raw(t, object.SHA1))
	told := testenv.Git(t, hm.path(7), "rev-parse", "trunk")
	dir := hm.worktree(7)
	commit(t, dir, "more", []byte("more\n"))
	testenv.Git(t, dir, "push", "-q", "origin", "HEAD:trunk")
	testenv.Git(t, hm.path(7), "update-ref", "-d", "refs/tags/v1.0")
	if err := hm.fetchID(object.SHA1, "2", told); err != nil {
		t.Error(err)
	}
}

func TestWalkIsBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 60, Files: 2, Lines: 2})
	r, err := repo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := r.Objects()
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	refs, err := r.Refs()
	if err != nil {
		t.Fatal(err)
	}
	root, err := object.ParseID(testenv.Git(t, dir, "rev-list", "--max-parents=0", "trunk"))
	if err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int]bool{10: false, 1000: true} {
		err := walk(t.Context(), objects, refs, map[object.ID]bool{root: true}, most)
		if refused := (*notOurRef)(nil); errors.As(err, &refused) == want || err != nil && refused == nil {
			t.Errorf("at most %d: %v", most, err)
		}
	}
}

// What is not for others must not show in how an answer is cut off either.
func TestHiddenRefsCutNothingOff(t *testing.T) {
	hm := newHome(t)
	hm.publish(7, raw(t, object.SHA1))
	trunk := testenv.Git(t, hm.path(7), "rev-parse", "trunk")
	testenv.Git(t, hm.path(7), "update-ref", "refs/rehome/kept/x", trunk+"~1")
	for _, version := range versions {
		for _, name := range []string{"refs/rehome/kept/x", "rehome/kept/x", "refs/rehome/none"} {
			var body bytes.Buffer
			out := protocol.NewWriter(&body)
			if version == "2" {
				out.Line("command=fetch")
				out.Delim()
			}
			out.Line("want %s", trunk)
			out.Line("deepen-not %s", name)
			if version != "2" {
				out.Flush()
			}
			out.Line("done")
			if version == "2" {
				out.Flush()
			}
			_, text := hm.postAs("version="+version, body.Bytes(), "identity")
			if !strings.Contains(string(text), "ERR upload-pack: not our ref "+name) {
				t.Errorf("version %s, %s: got %.80q", version, name, text)
			}
		}
	}
}

// A walk holds many ids in memory: there is one at a time, and who leaves does not wait for it.
func TestOneWalkAtATime(t *testing.T) {
	hm := newHome(t)
	hm.publish(7, raw(t, object.SHA1))
	if err := hm.walks.Acquire(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	defer hm.walks.Release(1)
	r, err := hm.open(7)
	if err != nil {
		t.Fatal(err)
	}
	refs, err := r.Refs()
	if err != nil {
		t.Fatal(err)
	}
	old, err := object.ParseID(testenv.Git(t, hm.path(7), "rev-parse", "trunk~1"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := hm.checkReach(ctx, r, refs, []object.ID{old}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func FuzzReadRequest(f *testing.F) {
	id := strings.Repeat("1", 40)
	f.Add([]byte("0011command=fetch0001"+"0032want "+id+"\n"+"0009done\n0000"), true)
	f.Add([]byte("0014command=ls-refs\n0000"), true)
	f.Add([]byte("0012command=fetch\n00010016want-ref refs/x\n0002"), true)
	f.Add([]byte("0041want "+id+" side-band-64k\n0032want "+id+"\n00000009done\n"), false)
	f.Fuzz(func(t *testing.T, in []byte, second bool) {
		version := 0
		if second {
			version = 2
		}
		var out, again bytes.Buffer
		q, err := readRequest(bytes.NewReader(in), &out, version, object.SHA1)
		if err != nil {
			return
		}
		q2, err := readRequest(&out, &again, version, object.SHA1)
		if err != nil || q2.command != q.command || len(q2.wants) != len(q.wants) {
			t.Errorf("%q was read as %+v and, as git gets it, as %+v, %v", in, q, q2, err)
		}
	})
}
