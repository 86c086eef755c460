package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

// TestReceive takes packs made by git apart and holds both halves against git.
func TestReceive(t *testing.T) {
	repos := map[string]func(t testing.TB, dir, format string){
		"rich": testenv.Rich,
		"synthetic": func(t testing.TB, dir, format string) {
			testenv.Synthetic(t, dir, format, testenv.Size{Commits: 300, Files: 60})
		},
	}
	for name, make := range repos {
		for _, format := range []object.Format{object.SHA1, object.SHA256} {
			dir := filepath.Join(t.TempDir(), "source.git")
			make(t, dir, format.String())
			for _, naming := range []string{"--delta-base-offset", "--no-delta-base-offset"} {
				for _, budget := range []int64{0, 1} {
					t.Run(fmt.Sprintf("%s/%s/%s/%d", name, format, naming, budget), func(t *testing.T) {
						f, s, sum, err := receive(t, packOf(t, dir, naming), Options{Format: format, heldPath: budget})
						if err != nil {
							t.Fatal(err)
						}
						if diff := cmp.Diff(batchCheck(t, dir), s.lines); diff != "" {
							t.Errorf("objects (-git +ours):\n%s", diff)
						}
						if len(s.broken) > 0 || s.unmarked > 0 && budget == 0 {
							t.Errorf("order: %v, %d bases without marks", s.broken[:min(5, len(s.broken))], s.unmarked)
						}
						if got := sum.Commits + sum.Tags + sum.Trees + sum.Blobs; got != int64(len(s.lines)) {
							t.Errorf("summary counts %d objects, %d were visited", got, len(s.lines))
						}
						judge(t, f, format, sum)
					})
				}
			}
		}
	}
}

// judge has git index both packs and compares the indexes byte by byte.
func judge(t *testing.T, f *folder, format object.Format, sum Summary) {
	t.Helper()
	bare := filepath.Join(t.TempDir(), "judge.git")
	testenv.Empty(t, bare, format.String())
	for _, half := range []struct {
		name string
		w    Written
	}{{"history", sum.History}, {"content", sum.Content}} {
		if half.w.Entries == 0 {
			continue
		}
		theirs := filepath.Join(t.TempDir(), half.name+".idx")
		testenv.Git(t, bare, "index-pack", "-o", theirs, filepath.Join(f.dir, half.name+".pack"))
		want, err := os.ReadFile(theirs)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(f.dir, half.name+".idx"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s.idx differs from git's", half.name)
		}
	}
}

// TestInterleaved has commits between trees and blobs, so that distances change, and
// deltas of every kind.
func TestInterleaved(t *testing.T) {
	b := &builder{}
	text := bytes.Repeat([]byte("a line of some blob\n"), 400)
	commit := []byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\n")
	first := b.add(header{typ: object.Blob}, text)
	c1 := b.add(header{typ: object.Commit}, append(commit, "one\n"...))
	b.add(header{typ: ofsDelta, distance: first}, insertDelta(len(text), 200, append(text[:200:200], "other"...)))
	c2 := b.add(header{typ: ofsDelta, distance: c1}, insertDelta(len(commit)+4, 40, append(commit[:len(commit):len(commit)], "two\n"...)))
	b.add(header{typ: object.Tree}, nil)
	b.add(header{typ: ofsDelta, distance: c2}, insertDelta(len(commit)+4, 40, append(commit[:len(commit):len(commit)], "three\n"...)))
	b.add(header{typ: ofsDelta, distance: first}, insertDelta(len(text), 100, append(text[:100:100], "yet another"...)))
	f, s, sum, err := receive(t, b.bytes(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Commits != 3 || sum.Blobs != 3 || sum.Trees != 1 || len(s.lines) != 7 || len(s.broken) > 0 {
		t.Errorf("summary %+v, visited %d, broken %v", sum, len(s.lines), s.broken)
	}
	judge(t, f, object.SHA1, sum)
}

// TestForwardBase has a delta that comes before the base it names by id, and one that
// leans on it by distance.
func TestForwardBase(t *testing.T) {
	text := []byte("the base, which comes last\n")
	id, err := object.NewHasher(object.SHA1).Sum(object.Blob, text)
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{}
	middle := append(text[:10:10], "the middle"...)
	at := b.add(header{typ: refDelta, base: id}, insertDelta(len(text), 10, middle))
	b.add(header{typ: ofsDelta, distance: at}, insertDelta(len(middle), 5, append(text[:5:5], "the end"...)))
	missing := b.bytes()
	b.add(header{typ: object.Blob}, text)
	f, s, sum, err := receive(t, b.bytes(), Options{})
	if err != nil || len(s.lines) != 3 || len(s.broken) > 0 {
		t.Fatalf("visited %v, broken %v, %v", s.lines, s.broken, err)
	}
	judge(t, f, object.SHA1, sum)
	if _, _, _, err := receive(t, missing, Options{}); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), id.String()) {
		t.Errorf("base missing: %v, want ErrCorrupt naming %s", err, id)
	}
}

// TestLarge has entries longer than the window: they are streamed, and deltas of them made.
func TestLarge(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "large.git")
	noise := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	other := slices.Concat(noise[1<<20:], noise[:1<<20], noise[:700_000])
	for i := 0; i < len(other); i += 3000 {
		other[i]++
	}
	stream := &strings.Builder{}
	for i, content := range [][]byte{noise, append(noise[:2<<20:2<<20], "tail"...), other, bytes.Repeat(noise[:1000], 9000)} {
		fmt.Fprintf(stream, "commit refs/heads/main\ncommitter A <a@x> %d +0000\ndata 1\nxM 100644 inline f%d\ndata %d\n%s\n", i, i, len(content), content)
	}
	testenv.FromStream(t, dir, "sha1", stream.String())
	f, s, sum, err := receive(t, packOf(t, dir, "--delta-base-offset"), Options{heldPath: 1})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(batchCheck(t, dir), s.lines); diff != "" || len(s.broken) > 0 {
		t.Errorf("objects (-git +ours):\n%s\nbroken %v", diff, s.broken)
	}
	judge(t, f, object.SHA1, sum)
}

// small is a pack with one of everything in little space.
func small(t testing.TB) []byte {
	t.Helper()
	b := &builder{}
	blob := b.add(header{typ: object.Blob}, []byte("some text, long enough\n"))
	b.add(header{typ: object.Commit}, []byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nx"))
	b.add(header{typ: ofsDelta, distance: blob}, insertDelta(23, 10, []byte("some text,")))
	b.add(header{typ: object.Tree}, nil)
	if _, _, _, err := receive(t, b.bytes(), Options{}); err != nil {
		t.Fatal(err)
	}
	return b.bytes()
}

// TestCutOff ends a pack at every byte: never accepted, always told from damage.
func TestCutOff(t *testing.T) {
	whole := small(t)
	for n := range whole {
		if err := accepts(whole[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at byte %d of %d: %v, want unexpected EOF", n, len(whole), err)
		}
	}
	if err := accepts(append(whole, 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("byte after the end: %v, want ErrCorrupt", err)
	}
}

// TestDamage flips each bit of a pack: never accepted.
func TestDamage(t *testing.T) {
	whole := small(t)
	for i := range len(whole) * 8 {
		bad := bytes.Clone(whole)
		bad[i/8] ^= 1 << (i % 8)
		if accepts(bad) == nil {
			t.Errorf("bit %d flipped: accepted", i)
		}
	}
}

// TestLimits passes each limit and expects it to be named.
func TestLimits(t *testing.T) {
	blob := bytes.Repeat([]byte("x"), 1000)
	one := func(h header, content []byte) []byte { b := &builder{}; b.add(h, content); return b.bytes() }
	withDelta := func(delta []byte) []byte {
		b := &builder{}
		at := b.add(header{typ: object.Blob}, blob)
		b.add(header{typ: ofsDelta, distance: at}, delta)
		return b.bytes()
	}
	claim := small(t)
	copy(claim[8:], "\xff\xff\xff\xff")
	bomb := appendUvarint(appendUvarint(nil, 1000), 1<<40)
	for _, test := range []struct {
		name  string
		pack  []byte
		limit Limits
		what  string
	}{
		{"objects claimed", claim, Limits{}, "objects in the pack"},
		{"pack bytes", one(header{typ: object.Blob}, blob), Limits{PackBytes: 20}, "bytes in the pack"},
		{"blob", one(header{typ: object.Blob}, blob), Limits{ObjectBytes: 999}, "bytes in a blob"},
		{"blob claimed", one(header{typ: object.Blob, size: 1 << 50}, blob), Limits{}, "bytes in a blob"},
		{"tree", one(header{typ: object.Tree}, blob), Limits{TreeBytes: 999}, "bytes in a tree"},
		{"commit", one(header{typ: object.Commit}, blob), Limits{CommitBytes: 999}, "bytes in a commit"},
		{"tag", one(header{typ: object.Tag}, blob), Limits{CommitBytes: 999}, "bytes in a tag"},
		{"delta", withDelta(insertDelta(1000, 0, blob)), Limits{HeldBytes: 1000}, "bytes in a delta"},
		{"delta result", withDelta(bomb), Limits{}, "bytes in a blob made from a delta"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, _, err := receive(t, test.pack, Options{Limits: test.limit})
			var limit *LimitError
			if !errors.As(err, &limit) || limit.What != test.what {
				t.Errorf("got %v, want limit %q", err, test.what)
			}
		})
	}
}

// TestStops ends a pass from outside and from within.
func TestStops(t *testing.T) {
	stop := errors.New("enough")
	if _, _, _, err := receive(t, small(t), Options{Visit: func(*Object) error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("visitor's error: got %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	_, err := Receive(ctx, bytes.NewReader(small(t)), Options{Storage: newFolder(t).storage()})
	if !errors.Is(err, stop) {
		t.Errorf("cancelled: got %v", err)
	}
}

// TestRead reads every object of both packs back by id.
func TestRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "source.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 120, Files: 30})
	f, s, _, err := receive(t, packOf(t, dir, "--delta-base-offset"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, half := range []string{"history", "content"} {
		b, err := os.ReadFile(filepath.Join(f.dir, half+".pack"))
		if err != nil {
			t.Fatal(err)
		}
		x, err := os.ReadFile(filepath.Join(f.dir, half+".idx"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := Open(b, x, object.SHA1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Index.Len() {
			typ, data, err := p.Read(i, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			id, err := object.NewHasher(object.SHA1).Sum(typ, data)
			if err != nil {
				t.Fatal(err)
			}
			if found, ok := p.Index.Find(id); !ok || found != i {
				t.Errorf("%s is at %d, found at %d, %v", id, i, found, ok)
			}
			lines = append(lines, fmt.Sprintf("%s %s %d", id, typ, len(data)))
		}
	}
	slices.Sort(lines)
	if diff := cmp.Diff(s.lines, lines); diff != "" {
		t.Errorf("objects (-received +read):\n%s", diff)
	}
}

func BenchmarkReceive(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "source.git")
	testenv.Synthetic(b, dir, "sha1", testenv.Size{Commits: 2000})
	in := packOf(b, dir, "--delta-base-offset")
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Receive(b.Context(), bytes.NewReader(in), Options{Workers: 2, Storage: inMemory()}); err != nil {
			b.Fatal(err)
		}
	}
}
