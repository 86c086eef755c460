package repo_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// TestPartsGoToReceivePack pushes a repository in two goes: a branch with all it reaches, then what is left, of which deltas
// are made from what the first brought.
func TestPartsGoToReceivePack(t *testing.T) {
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		t.Run(format.String(), func(t *testing.T) {
			source, to := filepath.Join(t.TempDir(), "source.git"), filepath.Join(t.TempDir(), "to.git")
			testenv.Synthetic(t, source, format.String(), testenv.Size{Commits: 120})
			testenv.Empty(t, to, format.String())
			from, err := repo.Init(filepath.Join(t.TempDir(), "from.git"), format)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := from.Receive(t.Context(), strings.NewReader(packOf(t, source)), repo.ReceiveOptions{Workers: 2}); err != nil {
				t.Fatal(err)
			}
			old := testenv.Git(t, source, "rev-parse", "refs/heads/trunk~40")
			first := map[string]bool{}
			for line := range strings.Lines(testenv.Git(t, source, "rev-list", "--objects", old) + "\n") {
				first[strings.Fields(line)[0]] = true
			}
			isFirst := func(id []byte) bool { return first[object.FromBytes(format, id).String()] }
			push(t, from, to, "refs/heads/old "+old, func(id []byte) bool { return !isFirst(id) }, nil)
			push(t, from, to, strings.Join(swapped(testenv.ShowRefs(t, source)), "\n"), isFirst, func(id object.ID) bool { return isFirst(id.Bytes()) })
			if got, want := testenv.Objects(t, to), testenv.Objects(t, source); !slices.Equal(got, want) {
				t.Errorf("%d objects arrived, not %d", len(got), len(want))
			}
		})
	}
}

// swapped turns "id name" into "name id".
func swapped(lines []string) (out []string) {
	for _, line := range lines {
		id, name, _ := strings.Cut(line, " ")
		out = append(out, name+" "+id)
	}
	return out
}

// push has git receive-pack make refs, each a line of name and id, with all objects but some.
func push(t *testing.T, from *repo.Repo, to, refs string, except func([]byte) bool, has func(object.ID) bool) {
	t.Helper()
	objects, err := from.Objects()
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	names, err := from.PackNames()
	if err != nil {
		t.Fatal(err)
	}
	o, err := pack.NewOutgoing(t.Context(), objects.Parts(names, except), pack.OutgoingOptions{Format: from.Format(), Has: has, Scratch: repo.Scratch(t.TempDir())})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	p := protocol.Push{Format: from.Format(), Capabilities: protocol.Capabilities{"report-status", "object-format"}}
	for line := range strings.Lines(refs) {
		f := strings.Fields(line)
		id, err := object.ParseID(f[1])
		if err != nil {
			t.Fatal(err)
		}
		p.Commands = append(p.Commands, protocol.Command{Name: f[0], New: id})
	}
	var in bytes.Buffer
	if err := p.Encode(&in); err != nil {
		t.Fatal(err)
	}
	if err := o.Write(t.Context(), &in, nil); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "git", "receive-pack", "--stateless-rpc", to)
	cmd.Env, cmd.Stdin = testenv.Env(), &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if report, err := p.ReadReport(protocol.NewReader(bytes.NewReader(out)), nil); err != nil || !report.OK() {
		t.Fatalf("receive-pack says %+v, %v", report, err)
	}
	testenv.Git(t, to, "fsck", "--full", "--strict")
}

// TestParts leaves out what it is asked to, names that are not open, and packs of which nothing is left.
func TestParts(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source.git")
	testenv.Synthetic(t, source, "sha1", testenv.Size{Commits: 10})
	r, err := repo.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := r.Objects()
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	names, err := r.PackNames()
	if err != nil {
		t.Fatal(err)
	}
	p := objects.Pack(names[0])
	one := p.Index.IDBytes(3)
	for _, c := range []struct {
		name   string
		except func([]byte) bool
		want   int // objects of the part; 0 without one
		whole  bool
	}{
		{"no rule", nil, p.Index.Len(), true},
		{"nothing", func([]byte) bool { return false }, p.Index.Len(), true},
		{"one", func(id []byte) bool { return bytes.Equal(id, one) }, p.Index.Len() - 1, false},
		{"all", func([]byte) bool { return true }, 0, false},
	} {
		parts := objects.Parts([]string{names[0], "pack-00"}, c.except)
		switch {
		case c.want == 0 && len(parts) == 0:
		case len(parts) != 1 || parts[0].Pack != p || (parts[0].Only == nil) != c.whole:
			t.Errorf("%s: %+v", c.name, parts)
		case !c.whole && (parts[0].Only.Len() != c.want || parts[0].Only.Has(3)):
			t.Errorf("%s: %d objects", c.name, parts[0].Only.Len())
		}
	}
}
