package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
)

// largeShape says how a history with large files is made up. Whatever is made is a function of it alone.
type largeShape struct {
	commits  int
	releases int // each brings new versions of all bundles
	unit     int // bytes; files of more count as large
}

// largeHistory is a history like that of a web project that keeps what it builds: bundles and their source maps, made anew
// for each release, lock files that grow past the limit and shrink again, and pictures; among thousands of small changes to sources.
type largeHistory struct {
	largeShape
	words *vocabulary
	rand  *rand.Rand
	out   *bufio.Writer
	marks int
	files [][]byte         // small ones, as they are now
	build map[int][]string // what fast-import is told of large files, by commit
}

const (
	smallFiles = 1500
	bundles    = 16
	copied     = 8 // bundles from here on that are odd are copied below docs
	locks      = 4
	lockTimes  = 45 // versions of each
	pictures   = 24
	pictured   = 4 // versions of each
	topicEvery = 42
	tagEvery   = 210
)

// writeLarge writes the fast-import stream of such a history. Its default branch is refs/heads/trunk.
func writeLarge(w io.Writer, shape largeShape) error {
	h := &largeHistory{
		largeShape: shape, words: newVocabulary(1), rand: rand.New(rand.NewPCG(1, 3)), out: bufio.NewWriterSize(w, 1<<20),
		files: make([][]byte, smallFiles), build: map[int][]string{},
	}
	for n := range bundles {
		h.bundle(n)
	}
	for n := range locks {
		h.lock(n)
	}
	for n := range pictures {
		h.picture(n)
	}
	h.tell(h.moved(), "R dist packages/core/dist")
	for n := range shape.commits {
		h.commit(n)
	}
	return h.out.Flush()
}

// moved is the commit from which the bundles lie in another folder, gone the one that removes half of them.
func (h *largeHistory) moved() int { return h.commits / 2 / topicEvery * topicEvery }
func (h *largeHistory) gone() int  { return h.commits * 13 / 16 / topicEvery * topicEvery }

func (h *largeHistory) tell(commit int, line string, args ...any) {
	h.build[commit] = append(h.build[commit], fmt.Sprintf(line, args...))
}

// blob writes a blob and returns its mark. One that is written after another of the same file becomes its delta.
func (h *largeHistory) blob(content []byte) int {
	h.marks++
	fmt.Fprintf(h.out, "blob\nmark :%d\ndata %d\n", h.marks, len(content))
	h.out.Write(content)
	h.out.WriteByte('\n')
	return h.marks
}

// bundle makes the versions of a file that is built, the newest first. Small at the beginning of history, it grows; every
// sixth time all of it is other, as after a new version of the tool that makes it.
func (h *largeHistory) bundle(n int) {
	k, last := [...]kind{code, minified, mappings}[n%3], h.releases
	if n%2 == 0 {
		last = h.releases * h.gone() / h.commits
		h.tell(h.gone(), "D packages/core/dist/%s", bundleName(n))
	}
	var content []byte
	for r := last - 1; r >= 0; r-- {
		size := int(float64(h.unit) * (1.15 + 0.18*float64(n)) * (0.6 + 0.4*float64(r+1)/float64(last)))
		if content == nil || (r+n)%6 == 0 {
			content = h.words.fill(k, size)
		} else {
			content = h.words.older(k, content, size)
		}
		h.release(n, r, h.blob(content))
	}
}

func bundleName(n int) string {
	return fmt.Sprintf("bundle-%d.%s", n, [...]string{"js", "min.js", "min.js.map"}[n%3])
}

// release puts a version of a bundle where it belongs, some of them on a topic branch.
func (h *largeHistory) release(n, r, mark int) {
	commit := (r + 1) * h.commits / (h.releases + 1)
	if r%7 == 3 {
		commit = commit/topicEvery*topicEvery + 31
	}
	folder := "dist"
	if commit > h.moved() {
		folder = "packages/core/dist"
	}
	h.tell(commit, "M 100644 :%d %s/%s", mark, folder, bundleName(n))
	if n%2 == 1 && n > copied {
		h.tell(commit, "M 100644 :%d docs/js/%s", mark, bundleName(n))
	}
}

// lock makes a file whose size goes up and down around the limit, so that versions that stay are deltas of large ones.
func (h *largeHistory) lock(n int) {
	var content []byte
	for r := lockTimes - 1; r >= 0; r-- {
		size := int(float64(h.unit) * (0.9 + 0.25*float64(r)/lockTimes + 0.12*h.rand.Float64()))
		if content == nil {
			content = h.words.fill(packages, size)
		} else {
			content = h.words.older(packages, content, size)
		}
		h.tell((r*h.commits+h.commits/(n+2))/lockTimes, "M 100644 :%d packages/p%d/package-lock.json", h.blob(content), n)
	}
}

// picture makes a file whose versions have nothing in common; a third of them are gone in the end.
func (h *largeHistory) picture(n int) {
	for v := range pictured {
		size := int(float64(h.unit) * (1.1 + 1.4*h.rand.Float64()))
		h.tell((v*pictures+n+1)*h.gone()/(pictures*pictured+1), "M 100644 :%d docs/img/picture (%d).png", h.blob(h.words.fill(pixels, size)), n)
	}
	if n%3 == 0 {
		h.tell(h.gone(), "D docs/img/picture (%d).png", n)
	}
}

func (h *largeHistory) commit(n int) {
	branch, parents := "trunk", ""
	switch n % topicEvery {
	case 30, 31, 32:
		branch = fmt.Sprintf("topic-%d", n/topicEvery)
		if n%topicEvery == 30 {
			parents = "from refs/heads/trunk\n"
		}
	case 40:
		if n > topicEvery && n/topicEvery%2 == 0 {
			parents = fmt.Sprintf("merge refs/heads/topic-%d\n", n/topicEvery)
		}
	}
	who, message := h.rand.IntN(900), fmt.Sprintf("change number %d\n\n%s\n", n, h.words.fill(code, 60+h.rand.IntN(200)))
	fmt.Fprintf(h.out, "commit refs/heads/%s\n", branch)
	fmt.Fprintf(h.out, "author Author %d <author%d@example.com> %d +0100\n", who, who, 1500000000+n*600)
	fmt.Fprintf(h.out, "committer Author %d <author%d@example.com> %d +0000\n", who, who, 1500000000+n*600+5)
	fmt.Fprintf(h.out, "data %d\n%s%s", len(message), message, parents)
	for range 1 + h.rand.IntN(7)/3 {
		h.change(h.rand.IntN(smallFiles))
	}
	for _, line := range h.build[n] {
		fmt.Fprintln(h.out, line)
	}
	h.out.WriteByte('\n')
	if n%tagEvery == tagEvery-1 {
		fmt.Fprintf(h.out, "tag v%d\nfrom refs/heads/trunk\ntagger Author 0 <author0@example.com> %d +0000\ndata 8\nrelease\n\n", n/tagEvery, 1500000000+n*600+9)
	}
}

// change alters a small file in one place, or begins it. Once there is a .gitattributes with rules of its own.
func (h *largeHistory) change(n int) {
	path := fmt.Sprintf("src/d%d/file%d.ts", n%7, n)
	switch {
	case n == 0:
		path, h.files[n] = ".gitattributes", fmt.Appendf(nil, "*.png binary\n*.ts text\n# of %d\n", h.rand.IntN(1000))
	case n%3 == 0:
		path = fmt.Sprintf("docs/p%d/file%d.md", n%31, n)
	case n%3 == 1:
		path = fmt.Sprintf("src/d%d/p%d/file%d.ts", n%7, n%31, n)
	}
	switch at := max(0, len(h.files[n])-100); {
	case h.files[n] == nil:
		h.files[n] = h.words.fill(code, 400+h.rand.IntN(8000))
	case at > 0:
		copy(h.files[n][h.rand.IntN(at):], h.words.fill(code, 60))
	}
	fmt.Fprintf(h.out, "M 100644 inline %s\ndata %d\n%s\n", path, len(h.files[n]), h.files[n])
}
