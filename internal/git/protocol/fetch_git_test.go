package protocol

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

// Git itself, spoken to through pipes as over SSH, sends what is new alone, in all versions.
func TestFetchOffersToGit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 1200, Files: 20})
	all := strings.Fields(testenv.Git(t, dir, "rev-list", "--all"))
	testenv.Grow(t, dir, "refs/heads/trunk", "new.txt", 2)
	testenv.Git(t, dir, "tag", "-a", "-m", "new", "new", "refs/heads/trunk")
	want := []object.ID{id(testenv.Git(t, dir, "rev-parse", "refs/heads/trunk")), id(testenv.Git(t, dir, "rev-parse", "refs/tags/new"))}
	var every []object.ID // commits, children before parents: git acknowledges one after the other
	for _, hex := range all {
		every = append(every, id(hex))
	}
	whole := len(testenv.Objects(t, dir))
	stranger := id(strings.Repeat("ab", 20))
	for _, c := range []struct {
		name  string
		haves []object.ID
		most  int
	}{
		{"all", every, 7},
		{"the newest", every[:1], 7},
		{"one that git has not", []object.ID{stranger}, whole},
		{"one of two", []object.ID{stranger, every[0]}, 7},
		{"the first", every[len(every)-1:], whole - 1},
	} {
		for version := range 3 {
			for _, bands := range []bool{true, false} {
				if version == 2 && !bands {
					continue
				}
				t.Run(fmt.Sprintf("%s/version %d/%v", c.name, version, bands), func(t *testing.T) {
					got := objectsFrom(t, dir, Fetch{Version: version, Agent: "git/x", Wants: want, Haves: c.haves}, bands)
					if got < 7 || got > c.most {
						t.Errorf("%d objects came, want 7 to %d", got, c.most)
					}
				})
			}
		}
	}
}

// objectsFrom asks git upload-pack and returns how many objects its pack has.
func objectsFrom(t *testing.T, dir string, f Fetch, bands bool) int {
	t.Helper()
	child := exec.CommandContext(t.Context(), "git", "upload-pack", dir)
	child.Env = append(testenv.Env(), fmt.Sprintf("GIT_PROTOCOL=version=%d", f.Version))
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	r := NewReader(out)
	ad, err := ReadAdvertisement(r, Limits{Refs: 1000, Bytes: 1 << 20})
	if err != nil || ad.Version != f.Version {
		t.Fatalf("version %d, %v", ad.Version, err)
	}
	if bands {
		f.Capabilities = ad.Capabilities
	}
	if err := f.Encode(in); err != nil {
		t.Fatal(err)
	}
	from, err := f.Pack(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	pack, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "fresh.git")
	testenv.Empty(t, fresh, "sha1")
	testenv.GitIn(t, fresh, bytes.NewReader(pack), "index-pack", "--stdin") // which refuses deltas of others
	return len(testenv.Objects(t, fresh))
}
