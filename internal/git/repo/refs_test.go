package repo

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

// rich makes testenv's repository with one of everything.
func rich(t *testing.T, f object.Format) *Repo {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "rich.git")
	testenv.Rich(t, dir, f.String())
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// show returns r.Refs as testenv.ShowRefs does.
func show(t *testing.T, r *Repo) []string {
	t.Helper()
	refs, err := r.Refs()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, ref := range refs {
		lines = append(lines, ref.ID.String()+" "+ref.Name)
	}
	return lines
}

func TestRefsAgreeWithGit(t *testing.T) {
	for _, f := range formats {
		t.Run(f.String(), func(t *testing.T) {
			r := rich(t, f)
			agree := func(when string) {
				if diff := cmp.Diff(testenv.ShowRefs(t, r.Dir()), show(t, r)); diff != "" {
					t.Errorf("%s: git (-) and we (+) differ:\n%s", when, diff)
				}
			}
			agree("packed")
			first := testenv.Git(t, r.Dir(), "rev-parse", "side~1")
			testenv.Git(t, r.Dir(), "update-ref", "refs/heads/trunk", first)
			testenv.Git(t, r.Dir(), "update-ref", "refs/heads/new/deep", first)
			testenv.Git(t, r.Dir(), "update-ref", "-d", "refs/heads/side")
			testenv.Git(t, r.Dir(), "symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/other")
			testenv.Git(t, r.Dir(), "symbolic-ref", "refs/remotes/gone/HEAD", "refs/heads/nowhere")
			writeFile(t, r, "refs/heads/half.lock", "")
			agree("loose over packed")
		})
	}
}

func TestRefsKnowPeeledTags(t *testing.T) {
	r := rich(t, object.SHA1)
	refs, err := r.Refs()
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		want := testenv.Git(t, r.Dir(), "rev-parse", ref.Name+"^{}")
		if ref.Peeled.IsZero() != (want == ref.ID.String()) || !ref.Peeled.IsZero() && ref.Peeled.String() != want {
			t.Errorf("%s peels to %s, want %s", ref.Name, ref.Peeled, want)
		}
	}
}

func TestRefsRefuseBrokenFiles(t *testing.T) {
	id := strings.Repeat("1", 40)
	for name, text := range map[string]string{
		"empty":     "",
		"short":     id[:39] + "\n",
		"other":     strings.Repeat("1", 64) + "\n",
		"zero":      strings.Repeat("0", 40) + "\n",
		"outside":   "ref: ../../etc/passwd\n",
		"too large": id + strings.Repeat("\n", 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Init(t.TempDir(), object.SHA1)
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, r, "refs/heads/broken", text)
			if refs, err := r.Refs(); err == nil {
				t.Errorf("read as %v", refs)
			}
		})
	}
}

func TestParsePackedRefs(t *testing.T) {
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	tests := []struct {
		name, text, wantErr string
		want                string // as formatPackedRefs writes it
	}{
		{"empty", "", "", packedPeeled},
		{"plain", a + " refs/heads/x\n", "", packedSorted + a + " refs/heads/x\n"},
		{"one peeled", a + " refs/tags/x\n^" + b + "\n", "", packedPeeled + a + " refs/tags/x\n^" + b + "\n"},
		{"fully", packedPeeled + a + " refs/heads/x\n", "", packedPeeled + a + " refs/heads/x\n"},
		{"unsorted", a + " refs/tags/x\n^" + b + "\n" + b + " refs/heads/x\n", "", packedSorted + b + " refs/heads/x\n" + a + " refs/tags/x\n^" + b + "\n"},
		{"twice", a + " refs/heads/x\n" + b + " refs/heads/x\n", `packed-refs has "refs/heads/x" twice`, ""},
		{"cut off", a + " refs/heads/x", "line 1 of packed-refs is cut off", ""},
		{"no name", a + "\n", `line 1 of packed-refs: bad ref name ""`, ""},
		{"climbs", a + " refs/heads/../../config\n", `line 1 of packed-refs: bad ref name "refs/heads/../../config"`, ""},
		{"peeled first", "^" + a + "\n", "line 1 of packed-refs: peeled id without its ref", ""},
		{"peeled twice", a + " refs/tags/x\n^" + b + "\n^" + b + "\n", "line 3 of packed-refs: peeled id without its ref", ""},
		{"no hex", strings.Repeat("g", 40) + " refs/heads/x\n", `line 1 of packed-refs: object id "` + strings.Repeat("g", 40) + `": encoding/hex: invalid byte: U+0067 'g'`, ""},
		{"other format", strings.Repeat("a", 64) + " refs/heads/x\n", `line 1 of packed-refs: "` + strings.Repeat("a", 64) + `" is no sha1 object id`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refs, err := parsePackedRefs(tt.text, object.SHA1)
			if errText(err) != tt.wantErr {
				t.Fatalf("got %v, want %s", err, tt.wantErr)
			}
			if got := string(formatPackedRefs(refs)); err == nil && got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func FuzzParsePackedRefs(f *testing.F) {
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	f.Add(packedPeeled+a+" refs/heads/x\n"+b+" refs/tags/x\n^"+a+"\n", false)
	f.Add(packedSorted+strings.Repeat("c", 64)+" refs/heads/x\n", true)
	f.Add("# pack-refs with:\n\n^\n"+a+" \n", false)
	f.Fuzz(func(t *testing.T, text string, long bool) {
		format := object.SHA1
		if long {
			format = object.SHA256
		}
		refs, err := parsePackedRefs(text, format)
		if err != nil {
			return
		}
		written := string(formatPackedRefs(refs))
		again, err := parsePackedRefs(written, format)
		if err != nil || string(formatPackedRefs(again)) != written {
			t.Errorf("%q is written as %q, which is not read the same: %v", text, written, err)
		}
	})
}

func FuzzParseLooseRef(f *testing.F) {
	f.Add(strings.Repeat("a", 40) + "\n")
	f.Add("ref: refs/heads/main\n")
	f.Add("ref:\t/../..")
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := parseLooseRef(text, object.SHA1)
		if err == nil && ref.id.IsZero() == (ref.target == "") {
			t.Errorf("%q read as %+v", text, ref)
		}
		if err == nil && ref.target != "" && !filepath.IsLocal(ref.target) {
			t.Errorf("%q leads to %q", text, ref.target)
		}
	})
}
