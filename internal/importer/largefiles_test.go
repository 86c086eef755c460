package importer

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

func TestLargeFilesThereAndBackAgain(t *testing.T) {
	t.Parallel()
	w, r, url, from := filmed(t)
	w.start(r, StartRequest{URL: url})
	w.wantFilms(r, from, rehome.LFSUndecided)
	pushes := 0
	w.fault = func(point string) {
		if point == "published" {
			pushes++
		}
	}
	for n, choice := range []rehome.LFSChoice{rehome.LFSOptIn, rehome.LFSOptOut, rehome.LFSUndecided, rehome.LFSOptOut, rehome.LFSOptIn, rehome.LFSUndecided} {
		i, err := w.SetLFS(t.Context(), r.ID, choice, nil)
		must(t, err)
		if i.State.Status != rehome.Mapping || i.LFS != choice {
			t.Errorf("after the choice: %+v", i)
		}
		i = w.setLFS(r, choice)
		if want := (choice == rehome.LFSUndecided); pushes != n+1 || (i.Changes == rehome.Changes{}) != want || i.Done.Plan != i.Wanted.Plan {
			t.Errorf("%s: %d pushes, %+v", choice, pushes, i)
		}
		w.wantFilms(r, from, choice)
		again, err := w.SetLFS(t.Context(), r.ID, choice, nil)
		must(t, err)
		if !reflect.DeepEqual(again, i) {
			t.Errorf("the same choice again made %+v of %+v", again, i)
		}
		w.work()
	}
	wantOnly(t, filepath.Join(w.data, "final"))
	must(t, w.Cancel(t.Context(), r.ID, 0))
	w.work()
	w.wantNothingLeft()
}

func TestLargeFilesWhileItRuns(t *testing.T) {
	t.Parallel()
	for at, point := range map[rehome.Status]string{
		rehome.Importing: "raw received", rehome.Mapping: "final kept", rehome.Pushing: "before publishing",
	} {
		t.Run(string(at), func(t *testing.T) {
			w, r, url, from := filmed(t)
			i, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
			must(t, err)
			chosen, pushes := false, 0
			w.fault = func(reached string) {
				if reached == "published" {
					pushes++
				}
				if reached == point && !chosen {
					chosen = true
					now, err := w.SetLFS(t.Context(), r.ID, rehome.LFSOptIn, nil)
					if err != nil || now.State.Status != at {
						t.Errorf("the choice changed the status to %s: %v", now.State.Status, err)
					}
				}
			}
			must(t, w.Reconcile(t.Context(), i.ID))
			w.work()
			wantStatus(t, w.get(r), rehome.Complete, "", "")
			w.wantFilms(r, from, rehome.LFSOptIn)
			if want := map[rehome.Status]int{rehome.Importing: 1, rehome.Mapping: 1, rehome.Pushing: 2}[at]; pushes != want {
				t.Errorf("%d pushes, want %d", pushes, want)
			}
		})
	}
}

// With an author map it is one rewrite and one push, and a map on top converts nothing again.
func TestLargeFilesWithAuthors(t *testing.T) {
	t.Parallel()
	w, r, url, from := filmed(t)
	w.start(r, StartRequest{URL: url})
	reached := map[string]int{}
	w.fault = func(point string) { reached[point]++ }
	_, err := w.SetLFS(t.Context(), r.ID, rehome.LFSOptIn, nil)
	must(t, err)
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	w.work()
	if reached["rewritten"] != 1 || reached["published"] != 1 {
		t.Errorf("reached %v", reached)
	}
	w.wantFilms(r, from, rehome.LFSOptIn)
	people := func() string { return testenv.Git(t, w.hosted(r), "log", "--format=%an", "-1", "trunk") }
	if people() != "Hubot" {
		t.Errorf("the author is %s", people())
	}
	packs := func() []string {
		all, err := filepath.Glob(filepath.Join(w.hosted(r), "objects", "pack", "*.pack"))
		must(t, err)
		return all
	}
	before := packs()
	w.remap(r, "Ada Lovelace", "Other", "other@example.com")
	w.work()
	w.wantFilms(r, from, rehome.LFSOptIn)
	kept := 0
	for _, p := range packs() {
		if slices.Contains(before, p) {
			kept++
		}
	}
	if people() != "Other" || kept != 1 || len(packs()) != 2 {
		t.Errorf("the author is %s, packs %v became %v", people(), before, packs())
	}
}

func TestLargeFilesAreHeld(t *testing.T) {
	t.Parallel()
	w, r, url, from := filmed(t)
	yes := true
	i := w.start(r, StartRequest{URL: url, Choices: Choices{Hold: &yes}})
	for _, choice := range []rehome.LFSChoice{rehome.LFSOptOut, rehome.LFSOptIn} {
		_, err := w.SetLFS(t.Context(), r.ID, choice, nil)
		must(t, err)
		w.work()
		if i = w.get(r); i.State.Status != rehome.WaitingToPush || i.Changes.Files != 2 || i.Changes.Commits != 2 {
			t.Errorf("%s: %+v", choice, i)
		}
	}
	if n, _, err := w.DB.LFSCount(t.Context(), r.ID); n != 0 || err != nil {
		t.Errorf("before the push there are %d objects, %v", n, err)
	}
	_, err := w.Approve(t.Context(), r.ID)
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantFilms(r, from, rehome.LFSOptIn)
}

// A choice for nothing is carried out, and the receipt says that it came to nothing.
func TestNoLargeFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	w.start(r, StartRequest{URL: url})
	for _, choice := range []rehome.LFSChoice{rehome.LFSOptIn, rehome.LFSOptOut} {
		if i := w.setLFS(r, choice); i.Changes != (rehome.Changes{}) {
			t.Errorf("%s changed %+v", choice, i.Changes)
		}
		w.wantMoved(r, from)
		got := w.largeReceipt(r)
		at := slices.IndexFunc(got.Warnings, func(w rehome.Warning) bool { return w.Kind == warnNoLarge })
		if at < 0 || got.Large.Choice != choice || got.Large.Objects != 0 {
			t.Errorf("the receipt has %+v and warns of %v", got.Large, got.Warnings)
		}
	}
}

func TestSetLFSRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repository("new")
	if _, err := w.SetLFS(t.Context(), r.ID, rehome.LFSOptIn, nil); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("without an import: %v", err)
	}
	_, err := w.Start(t.Context(), r, StartRequest{URL: "https://old.example/old.git"})
	must(t, err)
	for _, bad := range []rehome.LFSChoice{"", "OPT_IN", "true"} {
		if _, err := w.SetLFS(t.Context(), r.ID, bad, nil); rehome.AsError(err).Field != "use_lfs" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := w.SetLFS(t.Context(), r.ID, rehome.LFSOptIn, &[]string{"a\nb"}); err == nil {
		t.Error("a pattern of two lines was taken")
	}
	i, err := w.SetLFS(t.Context(), r.ID, rehome.LFSOptOut, &[]string{"*.psd", "/a b/"})
	if err != nil || i.LFS != rehome.LFSOptOut || i.Options.LargeMatch != "*.psd\n/a b/" || i.State.Status != rehome.Detecting {
		t.Errorf("before anything was fetched: %+v, %v", i, err)
	}
}

// A choice that would have to move a ref which somebody else moved is refused, and nothing else is.
func TestLargeFilesOfMovedRefs(t *testing.T) {
	t.Parallel()
	w, r, url, from := filmed(t)
	w.start(r, StartRequest{URL: url})
	home := w.hosted(r)
	push := func(ref string) (theirs string) {
		theirs = testenv.Git(t, home, "commit-tree", "-p", ref, "-m", "mine", ref+"^{tree}")
		testenv.Git(t, home, "update-ref", "refs/heads/"+ref, theirs)
		return theirs
	}
	set := func(choice rehome.LFSChoice) rehome.Code {
		_, err := w.SetLFS(t.Context(), r.ID, choice, nil)
		if err == nil {
			w.work()
			wantStatus(t, w.get(r), rehome.Complete, "", "")
			return ""
		}
		return rehome.CodeOf(err)
	}
	mine := map[string]string{"side": push("side")} // has no large file
	if code := set(rehome.LFSOptIn); code != "" {
		t.Errorf("with side moved: %s", code)
	}
	mine["trunk"] = push("trunk")
	before := w.get(r)
	for _, choice := range []rehome.LFSChoice{rehome.LFSOptOut, rehome.LFSUndecided} {
		if code := set(choice); code != rehome.DestinationMoved {
			t.Errorf("%s with trunk moved: %q", choice, code)
		}
	}
	made := filepath.Join(w.Folder.final(before.ID), madeFile)
	must(t, os.Rename(made, made+".kept"))
	must(t, os.WriteFile(made, []byte("damaged"), 0o600))
	if code := set(rehome.LFSOptOut); code != rehome.DestinationMoved {
		t.Errorf("with a damaged file: %q", code)
	}
	must(t, os.Rename(made+".kept", made))
	if code := set(rehome.LFSOptIn); code != "" || !reflect.DeepEqual(w.get(r), before) {
		t.Errorf("the same choice with trunk moved: %q, %+v", code, w.get(r))
	}
	name := "Somebody"
	if _, err := w.MapAuthor(t.Context(), r.ID, w.author(r, "Ada Lovelace").ID, &name, nil); rehome.CodeOf(err) != rehome.DestinationMoved {
		t.Errorf("a map that would move trunk: %v", err)
	}
	testenv.Git(t, home, "update-ref", "refs/heads/side", testenv.Git(t, from, "rev-parse", "side"))
	w.remap(r, "Loner", "Two", "two@example.com") // not on trunk
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if got := testenv.Git(t, home, "rev-parse", "trunk"); got != mine["trunk"] {
		t.Errorf("trunk is at %s, not %s", got, mine["trunk"])
	}
	wantOnly(t, filepath.Join(w.data, "work"))
}

// A tag of a file that leaves history goes while it is ours, and comes back with the file.
func TestTagsOfRemovedFiles(t *testing.T) {
	t.Parallel()
	w, r, url, from := filmed(t)
	w.start(r, StartRequest{URL: url})
	home := w.hosted(r)
	trunk := testenv.Git(t, home, "rev-parse", "side")
	testenv.Git(t, home, "update-ref", "refs/tags/film", trunk)
	if _, err := w.SetLFS(t.Context(), r.ID, rehome.LFSOptOut, nil); rehome.CodeOf(err) != rehome.DestinationMoved {
		t.Errorf("with the tag moved: %v", err)
	}
	testenv.Git(t, home, "update-ref", "refs/tags/film", testenv.Git(t, from, "rev-parse", "refs/tags/film"))
	w.setLFS(r, rehome.LFSOptOut)
	w.wantFilms(r, from, rehome.LFSOptOut)
	testenv.Git(t, home, "update-ref", "refs/tags/film", trunk) // a tag of their own
	w.remap(r, "Loner", "One", "one@example.com")
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if got := testenv.Git(t, home, "rev-parse", "refs/tags/film"); got != trunk {
		t.Errorf("the tag is at %s", got)
	}
	before := w.get(r)
	for _, choice := range []rehome.LFSChoice{rehome.LFSUndecided, rehome.LFSOptIn} {
		_, err := w.SetLFS(t.Context(), r.ID, choice, nil)
		if e := rehome.AsError(err); err == nil || e.Code != rehome.DestinationMoved || e.Hint != "Rename or remove it there, and ask again." {
			t.Errorf("%s, which would bring the tag back: %v", choice, err)
		}
	}
	if now := w.get(r); !reflect.DeepEqual(now, before) {
		t.Errorf("refused choices made %+v of %+v", now, before)
	}
	testenv.Git(t, home, "update-ref", "-d", "refs/tags/film")
	w.remap(r, "Loner", "Loner", "alone@example.com")
	w.setLFS(r, rehome.LFSUndecided)
	w.wantFilms(r, from, rehome.LFSUndecided)
}

func TestPatternsOf(t *testing.T) {
	t.Parallel()
	for match, want := range map[string][]string{"": nil, "a": {"a"}, "a b\n*.c": {"a b", "*.c"}} {
		if got := patternsOf(match); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", match, got, want)
		}
	}
}

func TestMadeFiles(t *testing.T) {
	t.Parallel()
	m := madeLarge{Refs: [][]byte{[]byte("refs/tags/\xff")}, Removed: [][]byte{[]byte("a\xff"), []byte("b")}}
	text, err := json.Marshal(m)
	must(t, err)
	var back madeLarge
	must(t, json.Unmarshal(text, &back))
	if got := slices.Collect(maps.Keys(back.removes())); !slices.Equal(got, []string{"refs/tags/\xff"}) {
		t.Errorf("refs %q", got)
	}
	if got := back.paths(); !slices.Equal(got.Removed, []string{"a\ufffd", "b"}) || len(got.Exact) != 2 || string(got.Exact[0]) != "a\xff" || got.Exact[1] != nil {
		t.Errorf("paths %q", got)
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, madeFile), text[1:], 0o600))
	if _, err := readMade(dir); err == nil {
		t.Error("a damaged file was read")
	}
	none, err := readMade(t.TempDir())
	if err != nil || len(none.Objects) != 0 || none.Files != 0 {
		t.Errorf("without the file: %+v, %v", none, err)
	}
}

// From which size files are large is what it was at the first raw step.
func TestLimitOfLargeFilesIsPinned(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	w, r, url, from := filmedIn(t, data)
	w.start(r, StartRequest{URL: url})
	w.close()
	w, err := openWorld(t.Context(), data, func(o *Options) { o.LargeOver = 1 })
	must(t, err)
	w.t = t
	defer w.close()
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	w.wantFilms(r, from, rehome.LFSUndecided)
	w.setLFS(r, rehome.LFSOptIn)
	w.wantFilms(r, from, rehome.LFSOptIn)
}

// Files of any size become Git LFS objects by their paths.
func TestLargeFilesByPath(t *testing.T) {
	t.Parallel()
	w, r, url, from := filmed(t)
	w.start(r, StartRequest{URL: url})
	i := w.setLFS(r, rehome.LFSOptIn, "more.*", "other.bin")
	if got := w.largeReceipt(r).Large; i.Changes.Files != 3 || got.Objects != 3 {
		t.Errorf("changes %+v, receipt %+v", i.Changes, got)
	}
	w.wantLFS(r, testenv.Git(t, w.hosted(r), "cat-file", "blob", "side:more.txt"), "short, too")
	i = w.setLFS(r, rehome.LFSOptIn, "*.none")
	if i.Changes.Files != 2 {
		t.Errorf("changes %+v", i.Changes)
	}
	w.wantFilms(r, from, rehome.LFSOptIn)
}
