package survey

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// steps is a repository that is received in steps, each surveyed by itself.
type steps struct {
	t     testing.TB
	from  string
	into  *repo.Repo
	refs  []repo.Ref
	depth int
	shape bool
}

func newSteps(t testing.TB, from string) *steps {
	format, err := object.ParseFormat(testenv.Git(t, from, "rev-parse", "--show-object-format"))
	if err != nil {
		t.Fatal(err)
	}
	into, err := repo.Init(filepath.Join(t.TempDir(), "raw"), format)
	if err != nil {
		t.Fatal(err)
	}
	return &steps{t: t, from: from, into: into}
}

// next receives all, without what these revisions reach, each as ^<revision>, and ends the survey of it.
func (s *steps) next(without ...string) (Result, error) {
	s.t.Helper()
	old, err := s.into.Objects()
	if err != nil {
		s.t.Fatal(err)
	}
	defer old.Close()
	look := New(Options{Format: s.into.Format(), LargeOver: 5000, Known: old.Has, Depth: s.depth, Shape: s.shape})
	defer look.Close()
	var revs strings.Builder
	for _, rev := range append(testenv.ShowRefs(s.t, s.from), without...) {
		hex, _, _ := strings.Cut(rev, " ")
		revs.WriteString(hex + "\n")
	}
	stream := testenv.GitIn(s.t, s.from, strings.NewReader(revs.String()), "pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q")
	for range 2 { // as receive does
		if _, err = s.into.Receive(s.t.Context(), strings.NewReader(stream), repo.ReceiveOptions{Visit: look.Visit, Workers: 2}); err == nil {
			break
		}
		stream += "\n"
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.refs = nil
	for _, line := range testenv.ShowRefs(s.t, s.from) {
		hex, name, _ := strings.Cut(line, " ")
		id, err := object.ParseID(hex)
		if err != nil {
			s.t.Fatal(err)
		}
		s.refs = append(s.refs, repo.Ref{Name: name, ID: id})
	}
	objects, err := s.into.Objects()
	if err != nil {
		s.t.Fatal(err)
	}
	defer objects.Close()
	return look.Finish(s.t.Context(), objects, s.refs, "refs/heads/trunk")
}

// tips excludes what the source has now.
func (s *steps) tips() (without []string) {
	for _, line := range testenv.ShowRefs(s.t, s.from) {
		hex, _, _ := strings.Cut(line, " ")
		without = append(without, "^"+hex)
	}
	return without
}

// add sums up what steps found.
func (r *Result) add(more Result) {
	r.Commits, r.Tags, r.Trees, r.Blobs = r.Commits+more.Commits, r.Tags+more.Tags, r.Trees+more.Trees, r.Blobs+more.Blobs
	r.LargeFiles, r.Pointers = append(r.LargeFiles, more.LargeFiles...), append(r.Pointers, more.Pointers...)
}

// Whatever a source sends again, steps find together what one survey of all finds.
func TestStepsFindWhatOneSurveyFinds(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		for _, repeats := range []bool{false, true} {
			from := filepath.Join(t.TempDir(), "a.git")
			testenv.Rich(t, from, format)
			s := newSteps(t, from)
			sum, err := s.next()
			if err != nil {
				t.Fatal(err)
			}
			large := strings.Repeat("a line of a large file\n", 400)
			for _, change := range []func(){
				func() { testenv.Grow(t, from, "refs/heads/trunk", "dir/new.txt", 5) },
				func() { grow(t, from, "refs/heads/trunk", testenv.Inline("films/big.bin", large)) },
				func() { grow(t, from, "refs/heads/other", testenv.Inline("again.bin", large)) },
				func() {
					grow(t, from, "refs/heads/other", testenv.Inline("p.bin", string(lfs.AppendPointer(nil, lfs.Object{OID: lfs.OID{1}, Size: 12345}))))
				},
				func() { testenv.Git(t, from, "tag", "-a", "-m", "late", "late", "refs/heads/trunk~3") },
				func() { testenv.Git(t, from, "update-ref", "refs/heads/trunk", "refs/heads/trunk~4") },
				func() { testenv.Grow(t, from, "refs/heads/trunk", "README", 2) },
				func() {},
			} {
				without := s.tips()
				if repeats {
					without = nil
				}
				change()
				more, err := s.next(without...)
				if err != nil {
					t.Fatal(err)
				}
				sum.add(more)
			}
			testenv.Git(t, s.into.Dir(), "fsck", "--full", "--no-dangling")
			count := testenv.Git(t, s.into.Dir(), "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
			for kind, got := range map[string]int64{"commit": sum.Commits, "tag": sum.Tags, "tree": sum.Trees, "blob": sum.Blobs} {
				if want := strings.Count(count+"\n", kind+"\n"); got != int64(want) {
					t.Errorf("%s, again %v: %d %ss, want %d", format, repeats, got, kind, want)
				}
			}
			if len(sum.LargeFiles) != 1 || string(sum.LargeFiles[0].Path) != "films/big.bin" || sum.LargeFiles[0].Ref != "refs/heads/trunk" {
				t.Errorf("%s, again %v: large files %+v", format, repeats, sum.LargeFiles)
			}
			if len(sum.Pointers) != 1 || sum.Pointers[0].Size != 12345 {
				t.Errorf("%s, again %v: pointers %+v", format, repeats, sum.Pointers)
			}
		}
	}
}

func grow(t testing.TB, from, ref, change string) {
	t.Helper()
	at := testenv.Git(t, from, "rev-parse", ref)
	testenv.GitIn(t, from, strings.NewReader("commit "+ref+"\ncommitter Later <later@example.com> 1720000000 +0000\ndata 2\nx\nfrom "+at+"\n"+change), "fast-import", "--quiet")
}

// A step that needs what is not there is refused, whatever is known.
func TestStepWithoutWhatItNeeds(t *testing.T) {
	from := filepath.Join(t.TempDir(), "a.git")
	testenv.Rich(t, from, "sha1")
	s := newSteps(t, from)
	testenv.Grow(t, from, "refs/heads/trunk", "new.txt", 1)
	_, err := s.next("^refs/heads/trunk~1")
	if rehome.CodeOf(err) != rehome.CorruptObject {
		t.Errorf("%v", err)
	}
}

// Folders may not become too deep step by step.
func TestStepsBecomeNoDeeper(t *testing.T) {
	from := filepath.Join(t.TempDir(), "a.git")
	testenv.FromStream(t, from, "sha1", "commit refs/heads/trunk\ncommitter A <a@example.com> 1700000000 +0000\ndata 0\n"+
		testenv.Inline(strings.Repeat("d/", 1000)+"f", "x"))
	s := newSteps(t, from)
	r, err := s.next()
	if err != nil || r.Depth != 1001 {
		t.Fatalf("%d deep, %v", r.Depth, err)
	}
	s.depth = r.Depth
	for _, depth := range []int{1000, 1047, 1048} {
		without := s.tips()
		tree := testenv.Git(t, from, "rev-parse", "refs/heads/trunk^{tree}")
		grow(t, from, "refs/heads/trunk", "deleteall\nM 040000 "+tree+" "+strings.Repeat("e/", depth-1)+"e\n")
		_, err = s.next(without...)
		if passed := rehome.CodeOf(err) == rehome.LimitPassed; passed != (depth > 1047) || err != nil && !passed {
			t.Errorf("%d more: %v", depth, err)
		}
		testenv.Git(t, from, "update-ref", "refs/heads/trunk", "refs/heads/trunk~1")
	}
}

// What was told in one step is told again in another that has it: whoever keeps identities knows them.
func TestStepsTellIdentities(t *testing.T) {
	from := filepath.Join(t.TempDir(), "a.git")
	testenv.Rich(t, from, "sha1")
	s := newSteps(t, from)
	if _, err := s.next(); err != nil {
		t.Fatal(err)
	}
	without := s.tips()
	testenv.Grow(t, from, "refs/heads/trunk", "new.txt", 2)
	r, err := s.next(without...)
	if err != nil || !slices.Equal(namesOf(r.Identities), []string{"Later <later@example.com>"}) {
		t.Errorf("%s, %v", namesOf(r.Identities), err)
	}
}
