package testenv

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// Size says how large a synthetic history is. Zero fields take a small default.
type Size struct {
	Commits int    // on all branches together; default 1000
	Files   int    // default 200
	Lines   int    // of an average file; default 40
	Authors int    // default 25
	Seed    uint64 // the same Size always gives the same ids
}

// Synthetic makes a bare repository of the given size at dir, in one pack, with deltas,
// a branch and a merge every 50 commits, and a tag every 100.
func Synthetic(t testing.TB, dir, format string, size Size) {
	t.Helper()
	Empty(t, dir, format)
	r, w := io.Pipe()
	go func() { w.CloseWithError(WriteSynthetic(w, size)) }()
	GitIn(t, dir, r, "fast-import", "--quiet")
	Git(t, dir, "repack", "-q", "-a", "-d")
	Git(t, dir, "pack-refs", "--all")
}

// WriteSynthetic writes the fast-import stream of a synthetic history, whose default
// branch is refs/heads/trunk.
func WriteSynthetic(w io.Writer, size Size) error {
	out := bufio.NewWriterSize(w, 1<<16)
	s := newSynthetic(size)
	for n := range s.size.Commits {
		s.commit(out, n)
	}
	return out.Flush()
}

// synthetic is a history in the making: the current files, line by line.
type synthetic struct {
	size  Size
	rand  *rand.Rand
	files [][]string
}

func newSynthetic(size Size) *synthetic {
	for _, d := range []struct {
		value *int
		zero  int
	}{{&size.Commits, 1000}, {&size.Files, 200}, {&size.Lines, 40}, {&size.Authors, 25}} {
		if *d.value == 0 {
			*d.value = d.zero
		}
	}
	return &synthetic{size: size, rand: rand.New(rand.NewPCG(size.Seed, 1)), files: make([][]string, size.Files)}
}

func (s *synthetic) commit(out *bufio.Writer, n int) {
	branch, parents := "trunk", ""
	switch n % 50 {
	case 30, 31, 32:
		branch = fmt.Sprintf("topic-%d", n/50)
		if n%50 == 30 {
			parents = "from refs/heads/trunk\n"
		}
	case 40:
		if n > 40 {
			parents = fmt.Sprintf("merge refs/heads/topic-%d\n", n/50)
		}
	}
	author := s.rand.IntN(s.size.Authors)
	fmt.Fprintf(out, "commit refs/heads/%s\n", branch)
	fmt.Fprintf(out, "author Author %d <author%d@example.com> %d +0100\n", author, author, 1500000000+n*600)
	fmt.Fprintf(out, "committer Author %d <author%d@example.com> %d +0000\n", author, author, 1500000000+n*600+5)
	out.WriteString(data(fmt.Sprintf("change number %d\n\n%s", n, s.line())) + parents)
	for range 1 + s.rand.IntN(3) {
		s.change(out)
	}
	out.WriteByte('\n')
	if n%100 == 99 {
		fmt.Fprintf(out, "tag v%d\nfrom refs/heads/trunk\ntagger Author 0 <author0@example.com> %d +0000\n%s", n/100, 1500000000+n*600+9, data("release\n"))
	}
}

// change alters one line of a random file, or begins the file.
func (s *synthetic) change(out *bufio.Writer) {
	n := s.rand.IntN(len(s.files))
	if s.files[n] == nil {
		for range 1 + s.rand.IntN(2*s.size.Lines) {
			s.files[n] = append(s.files[n], s.line())
		}
	} else {
		s.files[n][s.rand.IntN(len(s.files[n]))] = s.line()
	}
	size := 0
	for _, line := range s.files[n] {
		size += len(line)
	}
	fmt.Fprintf(out, "M 100644 inline src/d%d/p%d/file%d.txt\ndata %d\n", n%7, n%31, n, size)
	for _, line := range s.files[n] {
		out.WriteString(line)
	}
	out.WriteByte('\n')
}

var words = [...]string{"alpha", "return", "object", "history", "if", "the", "commit", "tree", "blob", "(x, y)", "error", "nil", "parent", "line", "func", "stream"}

func (s *synthetic) line() string {
	var b []byte
	for range 3 + s.rand.IntN(8) {
		b = append(append(b, words[s.rand.IntN(len(words))]...), ' ')
	}
	return string(fmt.Appendf(b, "%d\n", s.rand.IntN(1000)))
}
