package repo_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// layouts make what a developer may have on disk, each out of the repository at from, and return where to look.
var layouts = []struct {
	name string
	make func(t *testing.T, from, to string) string
}{
	{"bare", func(t *testing.T, from, to string) string {
		testenv.Git(t, filepath.Dir(to), "clone", "-q", "--bare", from, to)
		return to
	}},
	{"work tree", func(t *testing.T, from, to string) string {
		testenv.Git(t, filepath.Dir(to), "clone", "-q", from, to)
		return to
	}},
	{"folder in a work tree", func(t *testing.T, from, to string) string {
		testenv.Git(t, filepath.Dir(to), "clone", "-q", from, to)
		return filepath.Join(to, "dir", "sub")
	}},
	{"linked work tree", func(t *testing.T, from, to string) string {
		testenv.Git(t, filepath.Dir(to), "clone", "-q", from, to+".main")
		testenv.Git(t, to+".main", "worktree", "add", "-q", "-b", "linked", to)
		return to
	}},
	{"submodule", func(t *testing.T, from, to string) string {
		testenv.Git(t, filepath.Dir(to), "init", "-q", "--object-format="+testenv.Git(t, from, "rev-parse", "--show-object-format"), to)
		testenv.Git(t, to, "-c", "protocol.file.allow=always", "submodule", "add", "-q", from, "sub")
		return filepath.Join(to, "sub")
	}},
	{"shared", func(t *testing.T, from, to string) string {
		testenv.Git(t, filepath.Dir(to), "clone", "-q", "--shared", from, to)
		return to
	}},
	{"shared of shared", func(t *testing.T, from, to string) string {
		for i := range 4 {
			next := fmt.Sprintf("%s.%d", to, i)
			testenv.Git(t, filepath.Dir(to), "clone", "-q", "--shared", from, next)
			from = next
		}
		return from
	}},
	{"reference", func(t *testing.T, from, to string) string {
		testenv.Git(t, filepath.Dir(to), "clone", "-q", "--reference", from, "file://"+from, to)
		return to
	}},
	{"partial", func(t *testing.T, from, to string) string {
		testenv.Git(t, from, "config", "uploadpack.allowFilter", "true")
		testenv.Git(t, filepath.Dir(to), "clone", "-q", "--filter=blob:limit=1g", "file://"+from, to)
		return to
	}},
	{"moved, relative alternate", func(t *testing.T, from, to string) string {
		testenv.Git(t, filepath.Dir(to), "clone", "-q", "--shared", "--bare", from, to)
		rel, err := filepath.Rel(filepath.Join(to, "objects"), filepath.Join(from, "objects"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, "objects/info/alternates"), "# a comment\n\""+rel+"\"\n/nowhere\n")
		return to
	}},
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
		t.Fatal(err)
	}
}

// TestOpenClone opens what git opens: the same refs, HEAD and objects are found.
func TestOpenClone(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		from := filepath.Join(t.TempDir(), "from.git")
		testenv.Rich(t, from, format)
		for _, tt := range layouts {
			t.Run(format+" "+tt.name, func(t *testing.T) {
				at := tt.make(t, from, filepath.Join(t.TempDir(), "to"))
				r, err := repo.OpenClone(at)
				if err != nil {
					t.Fatal(err)
				}
				testenv.Git(t, at, "update-ref", "refs/heads/one-more", "HEAD")
				sameRefs(t, r, at)
				if head, err := r.Head(); err != nil || head != testenv.Git(t, at, "symbolic-ref", "HEAD") {
					t.Errorf("HEAD is %q, %v", head, err)
				}
				readAll(t, r, testenv.Objects(t, at))
				moveInClone(t, r, at)
			})
		}
	}
}

func sameRefs(t *testing.T, r *repo.Repo, at string) {
	t.Helper()
	refs, err := r.Refs()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ref := range refs {
		got = append(got, ref.ID.String()+" "+ref.Name)
	}
	if diff := cmp.Diff(testenv.ShowRefs(t, at), got); diff != "" {
		t.Errorf("refs (-git +ours):\n%s", diff)
	}
}

// moveInClone lets Update move a branch, while HEAD stays symbolic.
func moveInClone(t *testing.T, r *repo.Repo, at string) {
	t.Helper()
	old, err := object.ParseID(testenv.Git(t, at, "rev-parse", "refs/heads/one-more"))
	if err != nil {
		t.Fatal(err)
	}
	head, _ := r.Head()
	err = r.Update([]repo.Update{{Name: "refs/heads/one-more", Old: old}, {Name: "refs/heads/two-more", New: old}, {Name: head, Old: old, New: old}})
	if err != nil {
		t.Fatal(err)
	}
	sameRefs(t, r, at)
	if got := testenv.Git(t, at, "symbolic-ref", "HEAD"); got != head {
		t.Errorf("HEAD is %q, was %q", got, head)
	}
}

// TestLoose finds the commits and tags among loose objects, as git does.
func TestLoose(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			from, to := filepath.Join(t.TempDir(), "from.git"), filepath.Join(t.TempDir(), "to")
			testenv.Rich(t, from, format)
			testenv.Git(t, filepath.Dir(to), "clone", "-q", "--shared", from, to)
			testenv.Git(t, to, "commit", "-q", "--allow-empty", "-m", "one")
			testenv.Git(t, to, "tag", "-a", "-m", "tag", "loose-tag")
			commit, tag := testenv.Git(t, to, "rev-parse", "HEAD"), testenv.Git(t, to, "rev-parse", "loose-tag")
			there := testenv.Git(t, from, "commit-tree", "-m", "in the alternate", testenv.Git(t, from, "rev-parse", "trunk^{tree}"))
			write(t, filepath.Join(to, ".git/objects/ab", strings.Repeat("0", len(tag)-2)), "")
			r, err := repo.OpenClone(to)
			if err != nil {
				t.Fatal(err)
			}
			o, err := r.Objects()
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			var got []string
			for id, err := range o.Loose() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, id.String())
			}
			want := []string{commit, tag, there}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("loose (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAlternatesAreBounded lets alternates lie in a loop, deep and wide.
func TestAlternatesAreBounded(t *testing.T) {
	dir := t.TempDir()
	var repos []*repo.Repo
	for i := range 9 {
		r, err := repo.Init(filepath.Join(dir, fmt.Sprint(i)), object.SHA1)
		if err != nil {
			t.Fatal(err)
		}
		repos = append(repos, r)
		write(t, filepath.Join(r.Dir(), "objects/info/alternates"), fmt.Sprintf("../../%d/objects\n../../%d/objects\n../../0/objects\n", i+1, i))
	}
	written := testenv.GitIn(t, repos[6].Dir(), strings.NewReader("six"), "hash-object", "-w", "--stdin")
	deeper := testenv.GitIn(t, repos[7].Dir(), strings.NewReader("seven"), "hash-object", "-w", "--stdin")
	o, err := repos[0].Objects()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for text, want := range map[string]bool{written: true, deeper: false} {
		id, _ := object.ParseID(text)
		_, gitErr := testenv.Run(t.Context(), repos[0].Dir(), nil, "cat-file", "-e", text)
		if o.Has(id) != want || (gitErr == nil) != want {
			t.Errorf("%s: found %v, git: %v", text, o.Has(id), gitErr)
		}
	}
	var wide strings.Builder
	for i := range 1001 {
		folder := filepath.Join(dir, "wide", fmt.Sprint(i))
		if err := os.MkdirAll(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&wide, folder)
	}
	write(t, filepath.Join(repos[8].Dir(), "objects/info/alternates"), wide.String())
	if o, err := repos[8].Objects(); err == nil {
		o.Close()
		t.Error("borrowed from more than a thousand folders")
	}
}

func TestOpenCloneRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"nowhere/.git": "gitdir: gone\n", "words/.git": "what?\n"} {
		write(t, filepath.Join(dir, name), text)
		if _, err := repo.OpenClone(filepath.Dir(filepath.Join(dir, name))); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if _, err := repo.OpenClone(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "plain"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.OpenClone(filepath.Join(dir, "plain")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestLinkedRefs refuses refs that are another repository's: a loose one would be missed, a write would part the two.
func TestLinkedRefs(t *testing.T) {
	from := filepath.Join(t.TempDir(), "from.git")
	testenv.Rich(t, from, "sha1")
	for _, linked := range []string{"refs", "packed-refs"} {
		dir := filepath.Join(t.TempDir(), "r.git")
		testenv.Git(t, filepath.Dir(dir), "clone", "-q", "--mirror", from, dir)
		if err := errors.Join(os.RemoveAll(filepath.Join(dir, linked)), os.Symlink(filepath.Join(from, linked), filepath.Join(dir, linked))); err != nil {
			t.Fatal(err)
		}
		if _, err := repo.OpenClone(dir); err == nil || !strings.Contains(err.Error(), linked+" is a link") {
			t.Errorf("%s: %v", linked, err)
		}
	}
}

func TestCloneConfig(t *testing.T) {
	for text, want := range map[string]string{
		"": "sha1",
		"[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256 ; as git writes it\n": "sha256",
		"[EXTENSIONS] objectformat=\"sha256\"":                                                             "sha256",
		"[extensions]\n\tobjectformat = sha2\\\n56\n\tpartialClone = origin\n\tworktreeConfig\n":           "sha256",
		"[branch \"ex]ten\\\"sions\"]\n\tobjectformat = x\n[alias]\n\tl = \"!f() { x; }; [extensions]\"\n": "sha1",
		"[extensions \"x\"]\n\trefstorage = reftable\n":                                                    "sha1",
		"[extensions]\n\trefStorage = files\n":                                                             "sha1",
		"[extensions]\n\trefStorage = reftable\n":                                                          "",
		"[extensions]\n\tobjectformat = md5\n":                                                             "",
		"[extensions]\n\tnewLayout = true\n":                                                               "",
		"garbage ] = [\n[unclosed\n= x\n\"":                                                                "sha1",
	} {
		dir := filepath.Join(t.TempDir(), "r.git")
		if _, err := repo.Init(dir, object.SHA1); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "config"), text)
		r, err := repo.OpenClone(dir)
		got := ""
		if err == nil {
			got = r.Format().String()
		}
		if got != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}
