package split

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// world is a repository to push, as Rehome keeps it, and a destination that git serves.
type world struct {
	dir     string // of the source, git's own
	from    *repo.Repo
	objects *repo.Objects
	to      string
	limit   int64
	updates []repo.Update   // all refs
	old     map[string]bool // branches that the destination had before
}

func scratch(size int64) ([]byte, func(), error) { return make([]byte, size), func() {}, nil }

// newWorld makes a source of a fast-import stream.
func newWorld(t *testing.T, format object.Format, stream string) *world {
	t.Helper()
	w := &world{dir: filepath.Join(t.TempDir(), "source.git")}
	testenv.FromStream(t, w.dir, format.String(), stream)
	testenv.Git(t, w.dir, "update-ref", "-d", "refs/made/up")
	from, err := repo.Init(filepath.Join(t.TempDir(), "from.git"), format)
	if err != nil {
		t.Fatal(err)
	}
	packed := testenv.GitBytes(t, w.dir, strings.NewReader(""), "pack-objects", "--all", "--stdout", "-q", "--delta-base-offset", "--window=50")
	if _, err := from.Receive(t.Context(), bytes.NewReader(packed), repo.ReceiveOptions{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	if w.objects, err = from.Objects(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.objects.Close)
	w.from = from
	for _, line := range testenv.ShowRefs(t, w.dir) {
		id, name, _ := strings.Cut(line, " ")
		w.updates = append(w.updates, repo.Update{Name: name, New: parse(t, id)})
	}
	w.empty(t)
	return w
}

// empty makes another destination, which takes no steps back.
func (w *world) empty(t *testing.T) {
	t.Helper()
	w.to = filepath.Join(t.TempDir(), "to.git")
	testenv.Empty(t, w.to, w.from.Format().String())
	w.config(t, "receive.denyNonFastForwards", "true")
	w.setLimit(t, w.limit)
}

func parse(t *testing.T, id string) object.ID {
	t.Helper()
	parsed, err := object.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func (w *world) config(t *testing.T, key, value string) {
	t.Helper()
	testenv.Git(t, w.to, "config", key, value)
}

// setLimit has the destination refuse packs of more bytes.
func (w *world) setLimit(t *testing.T, limit int64) {
	t.Helper()
	w.limit = limit
	w.config(t, "receive.maxInputSize", fmt.Sprint(limit))
}

// there returns the destination's refs.
func (w *world) there(t *testing.T) (refs []repo.Ref) {
	t.Helper()
	for _, line := range testenv.ShowRefs(t, w.to) {
		id, name, _ := strings.Cut(line, " ")
		refs = append(refs, repo.Ref{Name: name, ID: parse(t, id)})
	}
	return refs
}

// request is what is still to be pushed.
func (w *world) request(t *testing.T) Request {
	t.Helper()
	names, err := w.from.PackNames()
	if err != nil {
		t.Fatal(err)
	}
	r := Request{
		Objects: w.objects, Packs: names, Head: "refs/heads/trunk", There: w.there(t), Limit: w.limit,
		Format: w.from.Format(), Scratch: scratch,
	}
	for _, u := range w.updates {
		u.Old = object.ID{}
		if i := slices.IndexFunc(r.There, func(ref repo.Ref) bool { return ref.Name == u.Name }); i >= 0 {
			u.Old = r.There[i].ID
		}
		if u.Old != u.New {
			r.Updates = append(r.Updates, u)
		}
	}
	return r
}

// push sends a step to git receive-pack, and looks whether the destination is consistent afterwards.
func (w *world) push(t *testing.T, s Step) {
	t.Helper()
	p := protocol.Push{Agent: "test", Format: w.from.Format(), Capabilities: protocol.Capabilities{"report-status", "object-format"}}
	for _, u := range s.Updates {
		p.Commands = append(p.Commands, protocol.Command{Name: u.Name, Old: u.Old, New: u.New})
	}
	var in bytes.Buffer
	if err := p.Encode(&in); err != nil {
		t.Fatal(err)
	}
	if p.NeedsPack() {
		o, err := pack.NewOutgoing(t.Context(), s.Parts, pack.OutgoingOptions{Format: w.from.Format(), Has: s.Has, Scratch: scratch})
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		if o.Bytes() > w.limit {
			t.Errorf("a step has %d bytes, more than %d", o.Bytes(), w.limit)
		}
		if err := o.Write(t.Context(), &in, nil); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "git", "receive-pack", "--stateless-rpc", w.to)
	cmd.Env, cmd.Stdin = testenv.Env(), &in
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("receive-pack: %v: %s", err, said.String())
	}
	report, err := p.ReadReport(protocol.NewReader(bytes.NewReader(out)), nil)
	if err != nil || !report.OK() {
		t.Fatalf("receive-pack says %+v, %v: %s", report, err, said.String())
	}
	if said := testenv.Git(t, w.to, "fsck", "--full", "--unreachable", "--no-reflogs"); said != "" {
		t.Fatalf("fsck says %s", said)
	}
}

// arrived compares the destination with the source.
func (w *world) arrived(t *testing.T) {
	t.Helper()
	if got, want := testenv.ShowRefs(t, w.to), testenv.ShowRefs(t, w.dir); !slices.Equal(got, want) {
		t.Errorf("refs are\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	have := testenv.Objects(t, w.to)
	for line := range strings.Lines(testenv.Git(t, w.dir, "rev-list", "--objects", "--all") + "\n") {
		if _, ok := slices.BinarySearch(have, strings.Fields(line)[0]); !ok {
			t.Errorf("%s did not arrive", strings.TrimSpace(line))
		}
	}
}

// madeUp is a history of n commits that chance has joined, with refs of all kinds.
func madeUp(r *rand.Rand, n int) string {
	var b strings.Builder
	text := func(size int) string {
		raw := make([]byte, size)
		for i := range raw {
			raw[i] = byte(r.Uint32())
		}
		s := base64.StdEncoding.EncodeToString(raw)
		return fmt.Sprintf("data %d\n%s\n", len(s), s)
	}
	b.WriteString("blob\nmark :10000\n" + text(3000))
	const who = "A <a@example.com> 1700000000 +0000\n"
	for i := 1; i <= n; i++ {
		parents := r.Perm(min(i-1, 4))
		parents = parents[:min(len(parents), []int{0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3}[r.IntN(12)])]
		b.WriteString("reset refs/made/up\n\n")
		fmt.Fprintf(&b, "commit refs/made/up\nmark :%d\nauthor %scommitter %s%s", i, who, who, text(20))
		for k, p := range parents {
			fmt.Fprintf(&b, "%s :%d\n", []string{"from", "merge", "merge"}[k], i-1-p)
		}
		for range 1 + r.IntN(3) {
			fmt.Fprintf(&b, "M 100644 inline d%d/e%d/f%d\n%s", r.IntN(3), r.IntN(3), r.IntN(4), text(r.IntN(1200)))
		}
	}
	fmt.Fprintf(&b, "reset refs/heads/trunk\nfrom :%d\n\n", n)
	for i := range 4 {
		fmt.Fprintf(&b, "reset refs/heads/branch-%d\nfrom :%d\n\n", i, 1+r.IntN(n))
		fmt.Fprintf(&b, "reset refs/tags/light-%d\nfrom :%d\n\n", i, 1+r.IntN(n))
		fmt.Fprintf(&b, "tag heavy-%d\nmark :%d\nfrom :%d\ntagger %s%s", i, 20000+i, 1+r.IntN(n), who, text(200))
		fmt.Fprintf(&b, "tag nested-%d\nfrom :%d\ntagger %s%s", i, 20000+i, who, text(200))
	}
	fmt.Fprintf(&b, "tag a-blob\nfrom :10000\ntagger %s%s", who, text(20))
	fmt.Fprintf(&b, "reset refs/notes/other\nfrom :%d\n\n", 1+r.IntN(n))
	return b.String()
}

// TestSplitProperty pushes histories that chance has made in steps, is interrupted between some, and plans again.
func TestSplitProperty(t *testing.T) {
	most, own := 0, 0
	for seed := range uint64(6) {
		format := object.Format(seed % 2)
		t.Run(fmt.Sprintf("%d %s", seed, format), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 3))
			w := newWorld(t, format, madeUp(r, 60))
			w.setLimit(t, 6000+int64(r.IntN(15000)))
			steps, names := w.run(t, r)
			t.Logf("limit %d: %d steps", w.limit, steps)
			most, own = max(most, steps), own+names
			w.arrived(t)
		})
	}
	t.Logf("at most %d steps, %d refs of our own", most, own)
	if most < 4 || own == 0 {
		t.Errorf("at most %d steps, %d refs of our own", most, own)
	}
}

// run pushes until everything is there.
func (w *world) run(t *testing.T, r *rand.Rand) (steps, own int) {
	t.Helper()
	for again := true; again; {
		again = false
		plan := w.plan(t)
		for _, s := range plan {
			steps++
			for _, u := range s.Updates {
				if Own(u.Name) {
					own++
				}
			}
			if w.push(t, s); r.IntN(3) == 0 {
				again = true
				w.onWay(t)
				break
			}
		}
	}
	return steps, own
}

// onWay looks whether the branches that an interrupted push left are known for that.
func (w *world) onWay(t *testing.T) {
	t.Helper()
	for _, ref := range w.there(t) {
		i := slices.IndexFunc(w.updates, func(u repo.Update) bool { return u.Name == ref.Name })
		if i < 0 || !strings.HasPrefix(ref.Name, "refs/heads/") || w.old[ref.Name] {
			continue
		}
		if ok, err := OnWay(t.Context(), w.objects, ref.ID, w.updates[i].New); !ok || err != nil {
			t.Errorf("%s is left at %s: %v, %v", ref.Name, ref.ID, ok, err)
		}
	}
}

func (w *world) plan(t *testing.T) []Step {
	t.Helper()
	request := w.request(t)
	plan, err := Plan(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Plan(t.Context(), request)
	if err != nil || len(again) != len(plan) {
		t.Fatalf("%d steps, then %d: %v", len(plan), len(again), err)
	}
	for i, s := range plan {
		same := slices.Equal(s.Updates, again[i].Updates) && len(s.Parts) == len(again[i].Parts)
		for k := range min(len(s.Parts), len(again[i].Parts)) {
			same = same && slices.Equal(s.Parts[k].Only, again[i].Parts[k].Only)
		}
		if !same {
			t.Fatalf("step %d differs when planned again", i)
		}
	}
	return plan
}

// TestSplitMovesTheDefaultBranch goes up the default branch, which is the first thing that the destination sees, and makes
// no refs of its own where no merge is too large.
func TestSplitMovesTheDefaultBranch(t *testing.T) {
	var stream strings.Builder
	if err := testenv.WriteSynthetic(&stream, testenv.Size{Commits: 300}); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, object.SHA1, stream.String())
	w.setLimit(t, 60_000)
	plan := w.plan(t)
	if len(plan) < 4 {
		t.Fatalf("%d steps", len(plan))
	}
	for i, s := range plan {
		if i == 0 && s.Updates[0].Name != "refs/heads/trunk" {
			t.Errorf("the first ref is %s", s.Updates[0].Name)
		}
		for _, u := range s.Updates {
			if Own(u.Name) || strings.HasPrefix(u.Name, "refs/tags/") && i < len(plan)-1 {
				t.Errorf("step %d of %d moves %s", i, len(plan), u.Name)
			}
		}
		w.push(t, s)
	}
	w.arrived(t)
	if last := w.plan(t); len(last) != 0 && len(last[0].Updates) != 0 {
		t.Errorf("when all is there, %+v is planned", last)
	}
}

// TestSplitTooLarge names the commit that is too large for any step, before anything is sent.
func TestSplitTooLarge(t *testing.T) {
	w := newWorld(t, object.SHA1, madeUp(rand.New(rand.NewPCG(1, 1)), 30))
	w.setLimit(t, 1500)
	_, err := Plan(t.Context(), w.request(t))
	var e *rehome.Error
	if !errors.As(err, &e) || e.Code != rehome.DestinationRefused || !strings.Contains(e.Message, "Commit ") || !strings.Contains(e.Message, "1.5 KiB at once") {
		t.Errorf("%v", err)
	}
}

// TestSplitWhole is one step where everything fits, or there is no limit, and none but refs where all objects are there.
func TestSplitWhole(t *testing.T) {
	w := newWorld(t, object.SHA1, madeUp(rand.New(rand.NewPCG(2, 1)), 20))
	for _, limit := range []int64{0, 10 << 20} {
		w.limit = limit
		if plan := w.plan(t); len(plan) != 1 || len(plan[0].Updates) != len(w.updates) {
			t.Errorf("limit %d: %d steps", limit, len(plan))
		}
	}
	w.setLimit(t, 10<<20)
	w.push(t, w.plan(t)[0])
	w.arrived(t)
	w.updates = append(w.updates, repo.Update{Name: "refs/heads/late", New: w.updates[0].New}, repo.Update{Name: "refs/heads/branch-1"})
	w.setLimit(t, 100)
	plan := w.plan(t)
	if len(plan) != 1 || len(plan[0].Parts) != 0 || len(plan[0].Updates) != 2 {
		t.Errorf("%+v", plan)
	}
	w.push(t, plan[0])
}

// TestSplitDoesNotGoBack moves a branch that stands beside the way to where it shall be, without a step back, and one that
// does not lead there at once.
func TestSplitDoesNotGoBack(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 1))
	w := newWorld(t, object.SHA1, madeUp(r, 60))
	w.setLimit(t, 12_000)
	trunk := strings.Fields(testenv.Git(t, w.dir, "rev-list", "--topo-order", "refs/heads/trunk"))
	onWay := strings.Fields(testenv.Git(t, w.dir, "rev-list", "--first-parent", "refs/heads/trunk"))
	beside := slices.DeleteFunc(trunk, func(id string) bool { return slices.Contains(onWay, id) })
	for _, from := range []string{beside[len(beside)-1], beside[len(beside)/2], beside[0]} {
		w.empty(t)
		w.old = map[string]bool{"refs/heads/trunk": true}
		if ok, err := OnWay(t.Context(), w.objects, parse(t, from), parse(t, onWay[0])); ok || err != nil {
			t.Errorf("%s is on the way: %v", from, err)
		}
		testenv.Git(t, w.to, "fetch", "-q", "-f", "--no-tags", w.dir, from+":refs/heads/trunk")
		w.run(t, r)
		w.arrived(t)
	}
}

// TestSplitHas does not send what the destination has besides what its refs reach, and can do without deltas of it.
func TestSplitHas(t *testing.T) {
	w := newWorld(t, object.SHA1, madeUp(rand.New(rand.NewPCG(6, 1)), 60))
	w.setLimit(t, 12_000)
	blobs := map[object.ID]bool{}
	for line := range strings.Lines(testenv.Git(t, w.dir, "cat-file", "--batch-all-objects", "--batch-check") + "\n") {
		if f := strings.Fields(line); f[1] == "blob" {
			blobs[parse(t, f[0])] = true
		}
	}
	request := w.request(t)
	request.Has = func(id []byte) bool { return blobs[object.FromBytes(object.SHA1, id)] }
	request.Thick = true
	plan, err := Plan(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range plan {
		for _, p := range s.Parts {
			for i := range p.Only.All() {
				if blobs[p.Pack.Index.ID(i)] {
					t.Errorf("%s is sent", p.Pack.Index.ID(i))
				}
			}
		}
		if s.Has != nil {
			t.Error("a delta may be made from what the destination has")
		}
	}
}

func TestOwn(t *testing.T) {
	for name, want := range map[string]bool{
		"refs/heads/rehome-part-1": true, "refs/tags/rehome-part-12": true, "refs/heads/rehome-part-": false,
		"refs/heads/rehome-part-1/x": false, "refs/heads/rehome-part-x": false, "refs/notes/rehome-part-1": false,
	} {
		if Own(name) != want {
			t.Errorf("%s: %v", name, Own(name))
		}
	}
}
