package survey

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// fetched fetches a repository whole, and surveys it on the way.
func fetched(t testing.TB, from string, o Options) (Result, *repo.Repo) {
	t.Helper()
	into, err := repo.Init(filepath.Join(t.TempDir(), "raw"), o.Format)
	if err != nil {
		t.Fatal(err)
	}
	look := New(o)
	defer look.Close()
	stream := testenv.Git(t, from, "pack-objects", "--all", "--stdout", "--delta-base-offset", "-q")
	for range 2 { // Git leaves the last line feed off
		if _, err = into.Receive(t.Context(), strings.NewReader(stream), repo.ReceiveOptions{Visit: look.Visit, Workers: 2}); err == nil {
			break
		}
		stream += "\n"
	}
	if err != nil {
		t.Fatal(err)
	}
	objects, err := into.Objects()
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	r, err := look.Finish(t.Context(), objects, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return r, into
}

// checkSums wants each commit and each blob to be in exactly one place.
func checkSums(t *testing.T, r Result, into *repo.Repo) {
	t.Helper()
	commits := r.Shape.Undated + commitsIn(r.Shape.Rest.Months)
	for _, a := range r.Shape.Authors {
		commits += commitsIn(a.Months)
	}
	if commits != r.Commits {
		t.Errorf("the shape has %d of %d commits", commits, r.Commits)
	}
	var files, bytes int64
	for _, f := range r.Shape.Folders {
		files, bytes = files+f.Files, bytes+f.Bytes
	}
	if files != r.Blobs {
		t.Errorf("the shape has %d of %d blobs", files, r.Blobs)
	}
	if want := stored(t, into.Dir(), blobs(t, into.Dir())); bytes != want {
		t.Errorf("the shape has %d bytes of blobs, Git says %d", bytes, want)
	}
}

// blobs returns the ids of all blobs.
func blobs(t testing.TB, dir string) (ids []string) {
	for _, line := range strings.Split(testenv.Git(t, dir, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"), "\n") {
		if id, ok := strings.CutPrefix(line, "blob "); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// stored is how many bytes objects take in their packs, as Git says.
func stored(t testing.TB, dir string, ids []string) (sum int64) {
	t.Helper()
	out := testenv.GitIn(t, dir, strings.NewReader(strings.Join(ids, "\n")+"\n"), "cat-file", "--batch-check=%(objectsize:disk)")
	for _, line := range strings.Fields(out) {
		n, err := strconv.ParseInt(line, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// gitMonths is who committed when, as Git says.
func gitMonths(t testing.TB, dir string) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	for _, line := range strings.Split(testenv.Git(t, dir, "--no-replace-objects", "log", "--all", "--format=%at%x00%an%x00%ae"), "\n") {
		parts := strings.SplitN(line, "\x00", 3)
		at, err := strconv.ParseInt(parts[0], 10, 64)
		if err != nil || len(parts) != 3 {
			t.Fatalf("line %q: %v", line, err)
		}
		all[fmt.Sprintf("%s <%s> %d", parts[1], parts[2], monthOf(at))]++
	}
	return all
}

func shapeMonths(s *rehome.Shape) map[string]int64 { // as gitMonths has them
	all := map[string]int64{}
	for _, a := range s.Authors {
		for _, m := range a.Months {
			all[fmt.Sprintf("%s %d", a.Identity, m.Month)] += m.Commits
		}
	}
	return all
}

// gitFolders is what blobs take by the path that Git names first for each; those that have several places are in odd.
func gitFolders(t testing.TB, dir string, depth int) (sure map[string][]string) {
	t.Helper()
	places := map[string]map[string]bool{}
	for _, commit := range strings.Fields(testenv.Git(t, dir, "log", "--all", "--format=%H")) {
		for _, line := range strings.Split(testenv.Git(t, dir, "ls-tree", "-r", "-z", commit), "\x00") {
			what, name, ok := strings.Cut(line, "\t")
			fields := strings.Fields(what)
			if !ok || fields[1] != "blob" {
				continue
			}
			in := strings.Split(path.Dir(name), "/")
			folder := strings.Join(in[:min(len(in), depth)], "/")
			if folder == "." {
				folder = ""
			}
			if places[fields[2]] == nil {
				places[fields[2]] = map[string]bool{}
			}
			places[fields[2]][folder] = true
		}
	}
	sure = map[string][]string{}
	for id, in := range places {
		if len(in) != 1 {
			t.Fatalf("the blob %s has several places: %v", id, in)
		}
		for folder := range in {
			sure[folder] = append(sure[folder], id)
		}
	}
	return sure
}

// oddStream is a history of folders and people that are easily taken for others. Each file lies in one folder only, and no
// two have the same content.
func oddStream() string {
	var b strings.Builder
	commit := func(n int, who string, date string, files ...string) {
		fmt.Fprintf(&b, "commit refs/heads/main\nmark :%d\nauthor %s %s\ncommitter C <c@x> 1700000000 +0000\ndata 1\nx", n, who, date)
		if n > 1 {
			fmt.Fprintf(&b, "\nfrom :%d", n-1)
		}
		b.WriteString("\n")
		for i, f := range files {
			text := strings.Repeat(fmt.Sprintf("%d %d %s\n", n, i, f), 3+7*i+n%3)
			fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", quoted(f), len(text), text)
		}
	}
	commit(1, "A <a@x>", "0 +0000", "top", "a/b", "a.d/c/c", "deep/1/2/3/4/5/6/f", "deep/1/2/3/4/other")
	commit(2, "A <A@x>", "2678399 +0000", "\xff\xfe/x", "\xff\xfe/\"quoted\"/y", "new\nline/z", "a b/ c/f", "a-/f")
	commit(3, "A <a@x>", "2678400 -1200", "top", "a.b/c", "a-b/c", "a.c/b.c/d", "deep/1/f")
	commit(4, "\xe4 <>", "253402300799 +0000", "src/src/src/src/src/src", "src/src/x")
	commit(5, "<only@mail>", "1700000000 +1400", "a/b2")
	commit(6, "A <a@x>", "1 +0000", "top", "deep/1/2/3/again")
	return b.String()
}

func quoted(name string) string {
	if strings.ContainsAny(name, "\"\n") {
		return `"` + strings.NewReplacer("\"", "\\\"", "\n", "\\n").Replace(name) + `"`
	}
	return name
}

// TestShapeAgreesWithGit counts as Git does, folder by folder and month by month.
func TestShapeAgreesWithGit(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		from := filepath.Join(t.TempDir(), "from")
		testenv.FromStream(t, from, format, oddStream())
		f, err := object.ParseFormat(format)
		if err != nil {
			t.Fatal(err)
		}
		r, into := fetched(t, from, Options{Format: f, Shape: true})
		checkSums(t, r, into)
		want := gitMonths(t, from)
		if got := shapeMonths(r.Shape); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: months are\n%v, Git has\n%v", format, got, want)
		}
		folders := gitFolders(t, from, folderDepth)
		for _, have := range r.Shape.Folders {
			ids := folders[have.Path]
			if want := (rehome.FolderBytes{Path: have.Path, Bytes: stored(t, into.Dir(), ids), Files: int64(len(ids))}); have != want {
				t.Errorf("%s: folder %+v, Git has %+v", format, have, want)
			}
			delete(folders, have.Path)
		}
		for name := range folders {
			t.Errorf("%s: the folder %q is not in the shape", format, name)
		}
	}
}

// TestShapeOfRich has what repositories may have, and every kind of ref.
func TestShapeOfRich(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		from := filepath.Join(t.TempDir(), "from")
		testenv.Rich(t, from, format)
		f, _ := object.ParseFormat(format)
		r, into := fetched(t, from, Options{Format: f, Shape: true})
		checkSums(t, r, into)
		want := gitMonths(t, from)
		if got := shapeMonths(r.Shape); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: months are\n%v, Git has\n%v", format, got, want)
		}
	}
}

// TestNoShape wants none where nobody asked.
func TestNoShape(t *testing.T) {
	from := filepath.Join(t.TempDir(), "from")
	testenv.FromStream(t, from, "sha1", oddStream())
	if r, _ := fetched(t, from, Options{}); r.Shape != nil {
		t.Errorf("shape: %+v", r.Shape)
	}
}

// TestShapeOfSteps wants a repository that came in steps to look as one that came at once.
func TestShapeOfSteps(t *testing.T) {
	from := filepath.Join(t.TempDir(), "from")
	testenv.FromStream(t, from, "sha1", oddStream())
	whole, _ := fetched(t, from, Options{Shape: true})
	s := newSteps(t, from)
	s.shape = true
	var without []string
	var sum rehome.Shape
	tip := testenv.Git(t, from, "rev-parse", "refs/heads/main")
	for _, at := range []string{"main~4", "main~2", tip} {
		testenv.Git(t, from, "update-ref", "refs/heads/main", testenv.Git(t, from, "rev-parse", strings.Replace(at, "main", tip, 1)))
		r, err := s.next(without...)
		if err != nil {
			t.Fatal(err)
		}
		sum = JoinShapes(sum, *r.Shape)
		without = s.tips()
	}
	sum = FitShape(sum, Shown)
	want := FitShape(*whole.Shape, Shown)
	if got, once := shapeMonths(&sum), shapeMonths(&want); fmt.Sprint(got) != fmt.Sprint(once) || sum.Undated != want.Undated {
		t.Errorf("months in steps are\n%v, at once\n%v", got, once)
	}
	byPath := func(s rehome.Shape) (list []string) { // deltas differ, and so do bytes
		for _, f := range s.Folders {
			list = append(list, fmt.Sprintf("%q %d", f.Path, f.Files))
		}
		slices.Sort(list)
		return list
	}
	if got, want := byPath(sum), byPath(want); !slices.Equal(got, want) {
		t.Errorf("folders in steps are\n%q, at once\n%q", got, want)
	}
}
