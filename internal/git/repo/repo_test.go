package repo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

var formats = []object.Format{object.SHA1, object.SHA256}

func TestInitIsARepositoryForGit(t *testing.T) {
	for _, f := range formats {
		t.Run(f.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "deep", "x.git")
			if _, err := Init(dir, f); err != nil {
				t.Fatal(err)
			}
			if got := testenv.Git(t, dir, "rev-parse", "--show-object-format", "--is-bare-repository"); got != f.String()+"\ntrue" {
				t.Errorf("git says %q", got)
			}
			if got := testenv.Git(t, dir, "symbolic-ref", "HEAD"); got != "refs/heads/main" {
				t.Errorf("HEAD is %q", got)
			}
			testenv.Git(t, dir, "fsck", "--strict")
			r, err := Open(dir)
			if err != nil || r.Format() != f || r.Dir() != dir {
				t.Errorf("Open: %+v, %v", r, err)
			}
			if _, err := Init(dir, f); !errors.Is(err, fs.ErrExist) {
				t.Errorf("second Init: %v", err)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	for _, f := range formats {
		made := filepath.Join(dir, f.String())
		testenv.Empty(t, made, f.String())
		r, err := Open(made)
		if err != nil || r.Format() != f {
			t.Errorf("%s: %+v, %v", f, r, err)
		}
	}
}

func TestParseConfig(t *testing.T) {
	tests := []struct {
		name, text string
		want       object.Format
		wantErr    string
	}{
		{"empty", "", object.SHA1, ""},
		{"own sha1", string(configText(object.SHA1)), object.SHA1, ""},
		{"own sha256", string(configText(object.SHA256)), object.SHA256, ""},
		{"case and quotes", "[Extensions]\n# said\nObjectFormat = \"sha256\"\n", object.SHA256, ""},
		{"elsewhere", "[other]\nobjectformat = sha256\n", object.SHA1, ""},
		{"unknown format", "[extensions]\nobjectformat=md5\n", 0, `unknown object format "md5"`},
		{"unknown extension", "[extensions]\nrefStorage = reftable\n", 0, `repository extension "refstorage" is not known`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseConfig([]byte(tt.text))
			if got != tt.want || errText(err) != tt.wantErr {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestAdopt(t *testing.T) {
	r, err := Init(t.TempDir(), object.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	r, err = r.Adopt(object.SHA256)
	if err != nil || r.Format() != object.SHA256 {
		t.Fatalf("Adopt: %+v, %v", r, err)
	}
	if got := testenv.Git(t, r.Dir(), "rev-parse", "--show-object-format"); got != "sha256" {
		t.Errorf("git says %q", got)
	}
	testenv.GitIn(t, r.Dir(), strings.NewReader("x"), "hash-object", "-w", "--stdin")
	if _, err := r.Adopt(object.SHA1); err == nil {
		t.Error("a repository with an object changed its format")
	}
}

func TestHead(t *testing.T) {
	r, err := Init(t.TempDir(), object.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetHead("refs/heads/born/later"); err != nil {
		t.Fatal(err)
	}
	if got := testenv.Git(t, r.Dir(), "symbolic-ref", "HEAD"); got != "refs/heads/born/later" {
		t.Errorf("git says %q", got)
	}
	if got, err := r.Head(); got != "refs/heads/born/later" || err != nil {
		t.Errorf("Head: %q, %v", got, err)
	}
	for _, bad := range []string{"", "HEAD", "refs/../x", "refs/heads/a\nb", "/etc/passwd"} {
		if r.SetHead(bad) == nil {
			t.Errorf("SetHead took %q", bad)
		}
	}
	writeFile(t, r, "HEAD", strings.Repeat("1", 40)+"\n")
	if got, err := r.Head(); got != "" || err != nil {
		t.Errorf("detached Head: %q, %v", got, err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func writeFile(t *testing.T, r *Repo, name, text string) {
	t.Helper()
	path := r.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
