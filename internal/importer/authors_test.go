package importer

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// rich serves a rich source and makes a repository for it.
func (w *world) rich(format string) (r rehome.Repository, url, from string) {
	w.t.Helper()
	url, from = serveRich(w.t, format)
	return w.repository("new"), url, from
}

// author finds an identity by its name at the source.
func (w *world) author(r rehome.Repository, name string) rehome.Author {
	w.t.Helper()
	all, err := w.Authors(w.t.Context(), r.ID, 0, 0)
	must(w.t, err)
	for _, a := range all {
		if string(a.RemoteName) == name {
			return a
		}
	}
	w.t.Fatalf("no author %q among %v", name, all)
	return rehome.Author{}
}

// remap maps the author of that name at the source.
func (w *world) remap(r rehome.Repository, from, name, email string) {
	w.t.Helper()
	_, err := w.MapAuthor(w.t.Context(), r.ID, w.author(r, from).ID, &name, &email)
	must(w.t, err)
}

// commitMap reads the import's commit map.
func (w *world) commitMap(r rehome.Repository) map[string]string {
	w.t.Helper()
	text, size, err := w.CommitMap(w.t.Context(), r.ID)
	must(w.t, err)
	defer text.Close()
	b, err := io.ReadAll(text)
	must(w.t, err)
	if int64(len(b)) != size {
		w.t.Errorf("the commit map has %d bytes, not %d", len(b), size)
	}
	commits, err := testenv.ReadCommitMap(b)
	must(w.t, err)
	return commits
}

// wantRewritten holds what is on the host against the source, with people mapped.
func (w *world) wantRewritten(r rehome.Repository, from string, people map[string]string) testenv.Compared {
	w.t.Helper()
	commits := w.commitMap(r)
	did, err := testenv.Rewritten{People: people, Commits: commits}.Compare(w.t.Context(), from, w.hosted(r))
	must(w.t, err)
	testenv.Git(w.t, w.hosted(r), "fsck", "--full", "--strict")
	var gone strings.Builder
	for old, became := range commits {
		if old != became {
			gone.WriteString(old + "\n")
		}
	}
	for line := range strings.Lines(testenv.GitIn(w.t, w.hosted(r), strings.NewReader(gone.String()), "cat-file", "--batch-check")) {
		if !strings.HasSuffix(strings.TrimSpace(line), "missing") {
			w.t.Errorf("of the old history there is still %s", line)
		}
	}
	return did
}

const ada, hubot = "Ada Lovelace <ada@example.com>", "Hubot <hubot@example.com>"

func TestMapBeforeAndAfterThePush(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			w := newWorld(t)
			r, url, from := w.rich(format)
			i := w.start(r, StartRequest{URL: url})
			if i.Changes != (rehome.Changes{}) || len(w.commitMap(r)) == 0 {
				t.Errorf("without a map %+v changed", i.Changes)
			}
			w.wantRewritten(r, from, nil)
			for _, c := range []struct{ from, name, email, becomes string }{
				{"Ada Lovelace", "Hubot", "hubot@example.com", hubot},
				{"Ada Lovelace", "J\u00f6rg", "", "J\u00f6rg <>"},
			} {
				w.remap(r, c.from, c.name, c.email)
				if now := w.get(r); now.State.Status != rehome.Mapping {
					t.Errorf("after a map the status is %s", now.State.Status)
				}
				w.work()
				i = w.get(r)
				wantStatus(t, i, rehome.Complete, "", "")
				did := w.wantRewritten(r, from, map[string]string{ada: c.becomes})
				w.wantReceipt(r, did, 1)
				if i.Done.Plan != i.Wanted.Plan || i.Changes.Commits != did.CommitsChanged {
					t.Errorf("after %v: %+v, compared %+v", c, i, did)
				}
			}
			w.remap(r, "Ada Lovelace", "Ada Lovelace", "ada@example.com")
			w.work()
			w.wantRewritten(r, from, nil)
			w.wantMoved(r, from)
			wantOnly(t, filepath.Join(w.data, "final"))
		})
	}
}

// wantReceipt holds the receipt against what a comparison found.
func (w *world) wantReceipt(r rehome.Repository, did testenv.Compared, mapped int64) {
	w.t.Helper()
	text, err := w.Receipt(w.t.Context(), r.ID)
	must(w.t, err)
	var got struct {
		Commits     int64 `json:"commits"`
		Changed     int64 `json:"commits_changed"`
		Tags        int64 `json:"tags_changed"`
		Signatures  int64 `json:"signatures_dropped"`
		Engine      int   `json:"engine"`
		Authors     rehome.ReceiptAuthors
		Destination struct{ DefaultBranch string }
		Refs        []rehome.ReceiptRef
	}
	must(w.t, json.Unmarshal(text, &got))
	if got.Commits != did.Commits || got.Changed != did.CommitsChanged || got.Tags != did.TagsChanged || got.Signatures != did.SignaturesDropped ||
		got.Engine != rehome.Engine || got.Authors.Mapped != mapped {
		w.t.Errorf("receipt %+v\ncompared %+v", got, did)
	}
	for _, ref := range got.Refs {
		if ref.Destination != ref.Final {
			w.t.Errorf("the receipt has %+v", ref)
		}
	}
}

func TestMapWhileItRuns(t *testing.T) {
	t.Parallel()
	for _, at := range []rehome.Status{rehome.Importing, rehome.Mapping, rehome.Pushing} {
		t.Run(string(at), func(t *testing.T) {
			w := newWorld(t)
			r, url, from := w.rich("sha1")
			i, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
			must(t, err)
			point := map[rehome.Status]string{
				rehome.Importing: "raw received", rehome.Mapping: "final kept", rehome.Pushing: "before publishing",
			}[at]
			mapped, pushes := false, 0
			w.fault = func(reached string) {
				if reached == "published" {
					pushes++
				}
				if reached == point && !mapped {
					mapped = true
					w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
					if now := w.get(r).State.Status; now != at {
						t.Errorf("a map changed the status to %s", now)
					}
				}
			}
			must(t, w.Reconcile(t.Context(), i.ID))
			w.work()
			wantStatus(t, w.get(r), rehome.Complete, "", "")
			w.wantRewritten(r, from, map[string]string{ada: hubot})
			if want := map[rehome.Status]int{rehome.Importing: 1, rehome.Mapping: 1, rehome.Pushing: 2}[at]; pushes != want {
				t.Errorf("%d pushes, want %d", pushes, want)
			}
		})
	}
}

func TestMapOfNothingChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, _ := w.rich("sha1")
	before := w.start(r, StartRequest{URL: url})
	a := w.author(r, "Ada Lovelace")
	for _, c := range []struct{ name, email *string }{{nil, nil}, {&a.Name, nil}, {&a.Name, &a.Email}} {
		got, err := w.MapAuthor(t.Context(), r.ID, a.ID, c.name, c.email)
		must(t, err)
		if got.ID != a.ID || got.Name != a.Name || got.Email != a.Email {
			t.Errorf("got %+v, want %+v", got, a)
		}
	}
	if now := w.get(r); !reflect.DeepEqual(now, before) {
		t.Errorf("the import is now\n%+v, was\n%+v", now, before)
	}
	name, bad, empty := "x", "a\nb", ""
	for _, c := range []struct {
		id          int64
		name, email *string
		want        rehome.Code
		field       string
	}{
		{a.ID, &bad, nil, rehome.Invalid, "name"},
		{a.ID, &name, &bad, rehome.Invalid, "email"},
		{a.ID + 1000, &name, nil, rehome.NotFound, ""},
		{-1, &name, nil, rehome.NotFound, ""},
	} {
		_, err := w.MapAuthor(t.Context(), r.ID, c.id, c.name, c.email)
		if e := rehome.AsError(err); e.Code != c.want || e.Field != c.field {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if now := w.get(r); !reflect.DeepEqual(now, before) {
		t.Errorf("a refused map changed the import to %+v", now)
	}
	got, err := w.MapAuthor(t.Context(), r.ID, a.ID, nil, &empty)
	must(t, err)
	if got.Name != a.Name || got.Email != "" {
		t.Errorf("with an empty mail: %+v", got)
	}
}

// A name that is not UTF-8 keeps its bytes while only the mail is mapped.
func TestHalfAMapKeepsBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	w.start(r, StartRequest{URL: url})
	mail := "j@example.org"
	_, err := w.MapAuthor(t.Context(), r.ID, w.author(r, "J\xf6rg").ID, nil, &mail)
	must(t, err)
	w.work()
	w.wantRewritten(r, from, map[string]string{"J\xf6rg <joerg@example.com>": "J\xf6rg <j@example.org>"})
}

func TestMapSurvivesRestartsOfBoth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	w.start(r, StartRequest{URL: url})
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	_, err := w.MapAuthors(t.Context(), r.ID, AuthorMap{Text: []byte(hubot + " <ada@example.com>\nNewcomer <new@example.org> <new@example.com>\n")})
	must(t, err)
	w.work()
	before, err := w.Authors(t.Context(), r.ID, 0, 0)
	must(t, err)
	addCommit(t, from, "trunk", "New <new@example.com>", "from refs/heads/trunk^0\n")
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	after, err := w.Authors(t.Context(), r.ID, 0, 0)
	must(t, err)
	if !slices.EqualFunc(before, after[:len(before)], func(a, b rehome.Author) bool { return a.ID == b.ID && a.Name == b.Name && a.Email == b.Email }) {
		t.Errorf("authors were\n%v, are\n%v", before, after)
	}
	if last := after[len(after)-1]; last.Name != "Newcomer" || last.Email != "new@example.org" {
		t.Errorf("the newcomer is %+v", last)
	}
	w.wantRewritten(r, from, map[string]string{ada: hubot, "New <new@example.com>": "Newcomer <new@example.org>"})
}

// What is lost of the rewritten history is made again.
func TestLostFinalRepositoryIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	i := w.start(r, StartRequest{URL: url})
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	lost := 0
	w.fault = func(point string) {
		if point == "after a change" && lost == 0 && w.get(r).State.Status == rehome.Pushing {
			lost++
			w.lose(i.ID, kindFinal)
		}
	}
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if lost != 1 {
		t.Error("nothing was lost")
	}
	w.wantRewritten(r, from, map[string]string{ada: hubot})
}

func TestTrailersAreMappedOnRequest(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	from := filepath.Join(root, "old.git")
	testenv.FromStream(t, from, "sha1", "commit refs/heads/trunk\ncommitter A <a@x> 1700000000 +0000\ndata <<EOF\nwork\n\n"+
		"Co-authored-by: A <a@x>\nSigned-off-by: Never Seen <never@x>\nReviewed-by: B <b@x>\nEOF\n")
	r := w.repository("new")
	yes := true
	w.start(r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"})
	_, err := w.MapAuthors(t.Context(), r.ID, AuthorMap{Text: []byte("AA <aa@y> <a@x>\nNN <nn@y> <never@x>\n")})
	must(t, err)
	w.work()
	message := func() string { return testenv.Git(t, w.hosted(r), "log", "-1", "--format=%an %B", "refs/heads/trunk") }
	if got := message(); !strings.HasPrefix(got, "AA ") || !strings.Contains(got, "Co-authored-by: A <a@x>") {
		t.Errorf("not asked for: %s", got)
	}
	i, err := w.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{MapTrailers: &yes}})
	must(t, err)
	if i.State.Status != rehome.Mapping || !i.Options.MapTrailers {
		t.Errorf("after the option: %+v", i)
	}
	again, err := w.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{MapTrailers: &yes}})
	must(t, err)
	if !reflect.DeepEqual(again, i) {
		t.Errorf("the option again: %+v, was %+v", again, i)
	}
	w.work()
	if got := message(); !strings.Contains(got, "Co-authored-by: AA <aa@y>\nSigned-off-by: NN <nn@y>\nReviewed-by: B <b@x>") {
		t.Errorf("trailers: %s", got)
	}
}

func TestNewCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, _ := w.rich("sha1")
	_, err := w.Start(t.Context(), r, StartRequest{URL: url})
	must(t, err)
	if _, _, err := w.CommitMap(t.Context(), r.ID); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("before the first rewrite: %v", err)
	}
	w.work()
	for range 2 {
		for old, want := range w.commitMap(r) {
			got, err := w.NewCommit(context.Background(), r.ID, hexID(t, old))
			if err != nil || got.String() != want {
				t.Errorf("%s became %s, want %s: %v", old, got, want, err)
			}
		}
		tree := testenv.Git(t, w.hosted(r), "rev-parse", "refs/heads/trunk^{tree}")
		for _, none := range []string{tree, strings.Repeat("0", 40), strings.Repeat("f", 40), strings.Repeat("1", 64)} {
			if _, err := w.NewCommit(t.Context(), r.ID, hexID(t, none)); rehome.CodeOf(err) != rehome.NotFound {
				t.Errorf("%s: %v", none, err)
			}
		}
		w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
		w.work()
	}
}
