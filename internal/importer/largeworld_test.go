package importer

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// film is a large file of the world that filmed makes.
var film = "a train arrives at a station" + strings.Repeat(".", 300)

// filmed is filmedIn with a folder of its own, and closes the world when the test ends.
func filmed(t testing.TB) (w *world, r rehome.Repository, url, from string) {
	t.Helper()
	w, r, url, from = filmedIn(t, t.TempDir())
	t.Cleanup(w.close)
	return w, r, url, from
}

// filmedIn is a world in which files of more than 100 bytes are large, and a source that has
// two of them, one twice, on trunk, none on side, and a tag of one.
func filmedIn(t testing.TB, data string) (w *world, r rehome.Repository, url, from string) {
	t.Helper()
	root := t.TempDir()
	from = filepath.Join(root, "old.git")
	blob := func(path, content string) string {
		return fmt.Sprintf("M 100644 inline %s\ndata %d\n%s\n", path, len(content), content)
	}
	who := func(name string, at int) string {
		return fmt.Sprintf("committer %s %d +0000\ndata 4\nwork\n", name, 1700000000+at)
	}
	testenv.FromStream(t, from, "sha1",
		"commit refs/heads/trunk\nmark :1\n"+who(ada, 1)+blob("notes.txt", "short")+
			"commit refs/heads/side\n"+who("Loner <alone@example.com>", 2)+"from :1\n"+blob("more.txt", "short, too")+
			"commit refs/heads/trunk\n"+who(ada, 3)+"from :1\n"+blob("film.bin", film)+blob("\"a b/copy.bin\"", film)+
			"commit refs/heads/trunk\n"+who(ada, 4)+blob("other.bin", film+"the end"))
	testenv.Git(t, from, "update-ref", "refs/tags/film", "refs/heads/trunk:film.bin")
	w, err := openWorld(t.Context(), data, func(o *Options) { o.LargeOver = 100 })
	must(t, err)
	w.t = t
	return w, w.repository("new"), testenv.ServeGit(t, root, testenv.Options{}) + "/old.git", from
}

// setLFS chooses and works until nothing is due.
func (w *world) setLFS(r rehome.Repository, choice rehome.LFSChoice, match ...string) rehome.Import {
	w.t.Helper()
	var patterns *[]string
	if len(match) > 0 {
		patterns = &match
	}
	_, err := w.SetLFS(w.t.Context(), r.ID, choice, patterns)
	must(w.t, err)
	w.work()
	i := w.get(r)
	wantStatus(w.t, i, rehome.Complete, "", "")
	return i
}

// has reports whether there is an object in the repository on the host.
func (w *world) has(r rehome.Repository, id string) bool {
	w.t.Helper()
	return !strings.HasSuffix(testenv.GitIn(w.t, w.hosted(r), strings.NewReader(id+"\n"), "cat-file", "--batch-check"), "missing")
}

// largeReceipt reads the receipt's parts on large files.
func (w *world) largeReceipt(r rehome.Repository) (got struct {
	Skipped  []rehome.SkippedRef      `json:"skipped_refs"`
	Large    rehome.ReceiptLargeFiles `json:"large_files"`
	LFS      rehome.ReceiptLFS        `json:"lfs"`
	Warnings []rehome.Warning         `json:"warnings"`
},
) {
	w.t.Helper()
	text, err := w.Receipt(w.t.Context(), r.ID)
	must(w.t, err)
	must(w.t, json.Unmarshal(text, &got))
	return got
}

// wantFilms holds what is on the host against what was chosen for the large files of from.
func (w *world) wantFilms(r rehome.Repository, from string, choice rehome.LFSChoice) {
	w.t.Helper()
	home := w.hosted(r)
	testenv.Git(w.t, home, "fsck", "--full", "--strict")
	old := []string{testenv.Git(w.t, from, "rev-parse", "trunk:film.bin"), testenv.Git(w.t, from, "rev-parse", "trunk:other.bin"), testenv.Git(w.t, from, "rev-parse", "trunk")}
	for _, id := range old {
		if got := w.has(r, id); got != (choice == rehome.LFSUndecided) {
			w.t.Errorf("%s: %s is there: %v", choice, id, got)
		}
	}
	row, err := w.DB.ImportOf(w.t.Context(), r.ID)
	must(w.t, err)
	if got, want := testenv.Git(w.t, home, "rev-parse", "side"), testenv.Git(w.t, from, "rev-parse", "side"); got != want && row.Mapped == 0 {
		w.t.Errorf("%s: side is %s, want %s", choice, got, want)
	}
	paths := strings.Split(testenv.Git(w.t, home, "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", "trunk"), "\n")
	got := w.largeReceipt(r)
	want := rehome.ReceiptLargeFiles{Over: 100, Choice: choice, Objects: 2, Bytes: int64(2*len(film) + len("the end"))}
	wantPaths := []string{"a b/copy.bin", "film.bin", "notes.txt", "other.bin"}
	switch choice {
	case rehome.LFSOptIn:
		wantPaths = slices.Insert(wantPaths, 0, ".gitattributes")
		for path, content := range map[string]string{"film.bin": film, "a b/copy.bin": film, "other.bin": film + "the end"} {
			w.wantLFS(r, testenv.Git(w.t, home, "cat-file", "blob", "trunk:"+path), content)
		}
		w.wantLFS(r, testenv.Git(w.t, home, "cat-file", "blob", "refs/tags/film"), film)
	case rehome.LFSOptOut:
		wantPaths = []string{"notes.txt"}
		want.Removed = []string{"a b/copy.bin", "film.bin", "other.bin"}
		if len(got.Skipped) != 1 || got.Skipped[0].Name != "refs/tags/film" || got.Skipped[0].Reason != reasonRemoved {
			w.t.Errorf("skipped refs %+v", got.Skipped)
		}
		if refs := testenv.Git(w.t, home, "for-each-ref", "refs/tags"); refs != "" {
			w.t.Errorf("a tag is left: %s", refs)
		}
	default:
		w.wantMoved(r, from)
	}
	if fmt.Sprint(got.Large) != fmt.Sprint(want) {
		w.t.Errorf("the receipt has %+v, want %+v", got.Large, want)
	}
	if !slices.Equal(paths, wantPaths) {
		w.t.Errorf("%s: trunk has %q, want %q", choice, paths, wantPaths)
	}
}

// wantLFS checks that a blob points to content, and that the repository has that.
func (w *world) wantLFS(r rehome.Repository, blob, content string) {
	w.t.Helper()
	o, ok := lfs.ParsePointer([]byte(blob + "\n"))
	if !ok {
		w.t.Fatalf("no pointer: %q", blob)
	}
	sizes, err := w.DB.LFSObjects(w.t.Context(), r.ID, []string{o.OID.String()})
	must(w.t, err)
	in, err := w.LFS.Open(w.t.Context(), o.OID, 0)
	must(w.t, err)
	defer in.Close()
	text, err := io.ReadAll(in)
	must(w.t, err)
	if sizes[o.OID.String()] != int64(len(content)) || string(text) != content {
		w.t.Errorf("object %s of %v bytes is %q", o.OID, sizes, text)
	}
}
