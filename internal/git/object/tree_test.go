package object

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// entry builds one tree entry, its mode as written.
func entry(mode, name string) string {
	id, _ := hex.DecodeString(someID)
	return mode + " " + name + "\x00" + string(id)
}

func TestReadEntry(t *testing.T) {
	data := entry("100644", "a b") + entry("040000", "lib") + entry("160000", "sub") + entry("120000", "to") + entry("100755", "x")
	var got []string
	for e, err := range Entries(SHA1, []byte(data)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%06o %v %v %s %s", e.Mode, e.Padded, e.Mode.Type(), e.Name, hex.EncodeToString(e.ID)[:6]))
	}
	want := []string{"100644 false blob a b 5b31da", "040000 true tree lib 5b31da", "160000 false commit sub 5b31da", "120000 false blob to 5b31da", "100755 false blob x 5b31da"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestReadEntryMalformed(t *testing.T) {
	whole := entry("100644", "name")
	for n := 1; n < len(whole); n++ {
		if _, _, err := ReadEntry(SHA1, []byte(whole[:n])); err == nil {
			t.Errorf("%q passes", whole[:n])
		}
	}
	for _, s := range []string{entry("", "a"), entry("100644", ""), entry("10064x", "a"), entry("100684", "a"), entry("-100644", "a"), " ", "\x00"} {
		if _, _, err := ReadEntry(SHA1, []byte(s)); err == nil {
			t.Errorf("%q passes", s)
		}
	}
}

// oddNames are entry names that some file system takes for something else, and some that look so.
func oddNames() []string {
	list := []string{
		".", "..", "...", ". ", ".. ", "a/b", "/", ".git", ".GIT", ".Git", ".giT ", ".git.", ".git...  ", ".git .x", ".gitx", ".git_", ".gi", ".g", "git", "git~1", "GIT~1", "GiT~1", "git~1.", "git~1 ", "git~1x", "git~2", "git~11",
		".git:", ".git::$INDEX_ALLOCATION", ".git::$DATA", ".git:x", "git~1:x", ".git\\", ".git\\config", ".git \\x", "a\\.git", "a\\.git\\b", "a\\git~1", "a\\b", "a\\", "\\", "\\.GIT", "x\\y\\.git:", ".git/x", "a/.git",
		".\u200cgit", "\u200c.git", ".g\u200dit", ".gi\u206at", ".git\u200f", "\ufeff.git", ".\u202agit\u202e", ".GI\u206fT", "\u200e.GIT\u200e\u200e", ".git\u200cx", ".g\u0131t", ".\u0261it", "\u2024git", ".git\u2010", ".git\u00ad",
		".git\xff", ".gi\xfft", ".git\xe2\x80", "\xe2", "\xef\xbb\xbf.git", "\xff.git", ".git\uffff", ".git\ufffe", ".git\ufffd", ".git\xed\xa0\x80x", ".git\xc0\x80x", ".git\xf4\x90\x80\x80",
		".gitmodules", ".gitignore", ".gitattributes", ".mailmap", "gitweb", "Git.pm", "g", "G", "-", "--", "a b", "\x01", "\x7f", "con", "nul.txt",
	}
	return list
}

func TestNamesLikeGit(t *testing.T) {
	var objects [][]byte
	var text []string
	for _, n := range oddNames() {
		for _, mode := range []string{"100644", "40000"} {
			objects = append(objects, []byte(entry(mode, n)))
			text = append(text, fmt.Sprintf("%s %q", mode, n))
		}
	}
	for i, verdict := range judge(t, Tree, objects) {
		got, _ := TreeFaults(SHA1, objects[i])
		compare(t, text[i], got, verdict)
	}
}

// TestParentBehindBackslash: Git lets ".." pass before a backslash, on Windows it is the parent.
func TestParentBehindBackslash(t *testing.T) {
	for _, n := range []string{"..\\a", "a\\..", "a\\..\\b"} {
		if got, _ := TreeFaults(SHA1, []byte(entry("100644", n))); !got.Has(HasDotdot) {
			t.Errorf("%q: %v", n, names(got))
		}
	}
}

func TestGitmodulesLikeGit(t *testing.T) {
	list := []string{
		".gitmodules", ".GitModules", ".gitmodules ", ".gitmodules.", ".gitmodules:x", ".gitmodulesx", "gitmodules", "gitmod~1", "GITMOD~4", "gitmod~5", "gitmod~1 .", "gitmod~1x", "gi7eba~1", "GI7EB~10", "gi7e~123", "g~123456", "~1234567", "gi7eba~0", "gi7eba~1x", "gi8eba~1",
		".git\u200cmodules", "a\\.gitmodules", "a\\gitmod~1", ".gitmodules\\", "gi7eba~", "gi7eb~1",
	}
	var objects [][]byte
	for _, n := range list {
		objects = append(objects, []byte(entry("120000", n)))
	}
	for i, verdict := range judge(t, Tree, objects) {
		got, _ := TreeFaults(SHA1, objects[i])
		if want := verdict["gitmodules_symlink"]; got.Has(GitmodulesSymlink) != want {
			t.Errorf("%q: we find %v, git fsck %v", list[i], names(got), verdict)
		}
	}
}

// TestWrappedModes has numbers that 32 bits do not hold: Git reads their low bits.
func TestWrappedModes(t *testing.T) {
	for mode, want := range map[string]Type{"40000100644": Blob, "40000040000": Tree, "1" + strings.Repeat("0", 30) + "160000": Commit, "37777777777": Commit} {
		e, _, err := ReadEntry(SHA1, []byte(entry(mode, "a")))
		if err != nil || e.Mode.Type() != want || !e.Faults().Has(BadFilemode) {
			t.Errorf("%s: %o, %s, %v, %v", mode, e.Mode, e.Mode.Type(), names(e.Faults()), err)
		}
	}
}

func TestTreeFaultsLikeGit(t *testing.T) {
	f, d := func(n string) string { return entry("100644", n) }, func(n string) string { return entry("40000", n) }
	zero := "100644 a\x00" + strings.Repeat("\x00", 20)
	list := []string{
		"", f("a") + f("b"), f("b") + f("a"), f("a") + f("a"), f("a") + d("a"), d("a") + f("a"), d("a") + d("a"),
		f("a") + f("a-b") + d("a"), f("a") + f("a-b") + f("a-c") + d("a"), f("a") + d("a-b") + d("a"), f("a") + f("a-") + f("a--") + d("a--") + d("a"),
		f("a") + f("a-") + f("a--") + d("a-"), d("a-") + f("a") + d("a"), f("a.c") + d("a"), d("a") + f("a.c"), f("a") + f("a0") + d("a"), f("a") + f("ab") + d("a"),
		f("foo") + f("foo.bar") + f("foo.bar.baz") + d("foo.bar") + d("foo"), f("a") + f("a!") + f("b") + d("a"),
		entry("0100644", "a"), entry("040000", "a"), entry("100664", "a"), entry("100600", "a"), entry("100640", "a"), entry("40755", "a"), entry("120777", "a"), entry("0", "a"), entry("777777", "a"), entry("160644", "a"), entry("20000", "a"),
		zero, "160000 a\x00" + strings.Repeat("\x00", 20), "100644 a\x00\x00\x00" + strings.Repeat("x", 18),
		f("a")[:20], f("a") + "1", f("a") + "100644 b", entry("", "a"), entry("100644", ""), entry("10064 4", "a"), entry("1x0644", "a"),
	}
	var objects [][]byte
	for _, s := range list {
		objects = append(objects, []byte(s))
	}
	for i, verdict := range judge(t, Tree, objects) {
		got, _ := TreeFaults(SHA1, objects[i])
		compare(t, fmt.Sprintf("%q", strings.ReplaceAll(list[i], someIDRaw, "+")), got, verdict)
	}
}

var someIDRaw = entry("", "")[2:]

// TestOrderLikeGit shuffles and doubles entries with names made of few letters.
func TestOrderLikeGit(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var objects [][]byte
	for range 400 {
		var list []string
		for range 1 + rng.IntN(7) {
			name := "a"
			for range rng.IntN(4) {
				name += string("-.0a"[rng.IntN(4)])
			}
			list = append(list, entry([]string{"100644", "40000"}[rng.IntN(2)], name))
		}
		slices.SortFunc(list, func(a, b string) int {
			x, _, _ := ReadEntry(SHA1, []byte(a))
			y, _, _ := ReadEntry(SHA1, []byte(b))
			return CompareEntries(&x, &y)
		})
		if rng.IntN(4) > 0 {
			list = slices.Compact(list)
		}
		objects = append(objects, []byte(strings.Join(list, "")))
	}
	for i, verdict := range judge(t, Tree, objects) {
		got, _ := TreeFaults(SHA1, objects[i])
		if got.Has(DuplicateEntries) != verdict["duplicate_entries"] || got.Has(TreeNotSorted) != verdict["tree_not_sorted"] {
			t.Errorf("%q: we find %v, git %v", bytes.ReplaceAll(objects[i], []byte(someIDRaw), []byte("+")), names(got), verdict)
		}
	}
}

func TestFaults(t *testing.T) {
	for f := NoFault + 1; f < faults; f++ {
		if f.String() == "" {
			t.Errorf("fault %d has no name", f)
		}
		var s Faults
		s.Add(f)
		want := NoFault
		if f.Dangerous() {
			want = f
		}
		if !s.Has(f) || s.Dangerous() != want || !slices.Equal(names(s), []string{f.String()}) {
			t.Errorf("%v: set %v, dangerous %v", f, names(s), s.Dangerous())
		}
	}
	for f, want := range map[Fault][2]bool{
		BadTimezone: {}, ZeroPaddedFilemode: {}, MissingEmail: {}, BadFilemode: {}, MissingTaggerEntry: {}, NulInCommit: {},
		DuplicateEntries: {true, false}, TreeNotSorted: {true, false}, BadTree: {true, false},
		HasDotgit: {true, true}, HasDotdot: {true, true}, HasDot: {true, true}, FullPathname: {true, true}, GitmodulesSymlink: {true, true},
	} {
		if got := [2]bool{f.Dangerous(), f.UnsafePath()}; got != want {
			t.Errorf("%v: dangerous, unsafe path %v, want %v", f, got, want)
		}
	}
}

func BenchmarkReadEntry(b *testing.B) {
	var data []byte
	for i := range 1000 {
		data = append(data, entry("100644", fmt.Sprintf("some-file-%04d.c", i))...)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := data; len(rest) > 0; {
			_, n, err := ReadEntry(SHA1, rest)
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
}

func BenchmarkTreeFaults(b *testing.B) {
	var data []byte
	for i := range 1000 {
		data = append(data, entry("100644", fmt.Sprintf("some-file-%04d.c", i))...)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		TreeFaults(SHA1, data)
	}
}

func BenchmarkParseCommit(b *testing.B) {
	raw := []byte(commitWith("A U Thor <a@x> 1234567890 +0000") + strings.Repeat("some words\n", 30))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		ParseCommit(SHA1, raw)
	}
}
