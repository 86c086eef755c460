package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is a fenced block of a page.
type block struct {
	lang string // sh, text, console …
	line int    // of its first line of text
	text string // with a newline at the end
}

// guide is a page of docs/guides.
type guide struct {
	name   string
	text   string
	blocks []block
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

func readGuide(t *testing.T, name string) guide {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "guides", name))
	if err != nil {
		t.Fatal(err)
	}
	g := guide{name: name, text: string(text)}
	for _, at := range fence.FindAllSubmatchIndex(text, -1) {
		line := strings.Count(string(text[:at[4]]), "\n") + 1
		g.blocks = append(g.blocks, block{string(text[at[2]:at[3]]), line, string(text[at[4]:at[5]])})
	}
	if len(g.blocks) == 0 {
		t.Fatalf("%s has no fenced blocks", name)
	}
	return g
}

// in returns the blocks of a language; there has to be one.
func (g guide) in(t *testing.T, lang string) []block {
	t.Helper()
	var found []block
	for _, b := range g.blocks {
		if b.lang == lang {
			found = append(found, b)
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s has no block in %s", g.name, lang)
	}
	return found
}

// stage is where a page's commands run: the servers that its example hosts stand for, and what a reader has.
type stage struct {
	t   *testing.T
	dir string
	env map[string]string // what the reader fills in, among it: export NAME=…
	as  []string          // pairs for strings.NewReplacer: the page's hosts and folders, and what is here
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, dir: t.TempDir(), env: map[string]string{}}
	for _, folder := range []string{"home", "here"} {
		if err := os.Mkdir(filepath.Join(s.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *stage) here() string { return filepath.Join(s.dir, "here") }

// means has the page's words stand for something here.
func (s *stage) means(page, here string) { s.as = append(s.as, page, here) }

func (s *stage) put(text string) string { return strings.NewReplacer(s.as...).Replace(text) }

var toFillIn = regexp.MustCompile(`(?m)^export ([A-Z_]+)=….*\n`)

// script is what of a block is run: a diff stands for what it leads to.
func (s *stage) script(b block) string {
	s.t.Helper()
	text := b.text
	if b.lang == "diff" {
		text = ""
		for line := range strings.Lines(b.text) {
			if line[0] != '-' {
				text += line[1:]
			}
		}
	}
	for _, found := range toFillIn.FindAllStringSubmatch(text, -1) {
		if s.env[found[1]] == "" {
			s.t.Fatalf("line %d: nothing is there for %s", b.line, found[1])
		}
	}
	return s.put(toFillIn.ReplaceAllString(text, ""))
}

// run lets one shell run what a page says, from top to bottom, and holds what it says against what is shown.
func (s *stage) run(g guide) {
	s.t.Helper()
	var all strings.Builder
	all.WriteString("set -eu\n")
	mark := func(line int) string { return fmt.Sprintf("-- from line %d", line) }
	for _, b := range g.blocks {
		if b.lang == "sh" || b.lang == "diff" {
			fmt.Fprintf(&all, "echo; echo '%s'\n%s", mark(b.line), s.script(b))
		}
	}
	out, err := s.command("sh", "-c", all.String())
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", g.name, err, out)
	}
	s.t.Logf("%s", out)
	last := ""
	for _, b := range g.blocks {
		switch b.lang {
		case "sh", "diff":
			_, last, _ = strings.Cut(out, mark(b.line)+"\n")
			last, _, _ = strings.Cut(last, "\n-- from line ")
		case "text":
			s.shown(g, b, last)
		}
	}
}

// shown wants each line of a block among those that the block before printed, spaces aside. … stands for anything.
func (s *stage) shown(g guide, b block, out string) {
	s.t.Helper()
	for line := range strings.Lines(s.put(b.text)) {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.Join(strings.Fields(line), " ")), "…", ".*")
		want := regexp.MustCompile("^" + pattern + "$")
		if !slices.ContainsFunc(strings.Split(out, "\n"), func(l string) bool {
			return want.MatchString(strings.Join(strings.Fields(l), " "))
		}) {
			s.t.Errorf("%s, line %d: nothing printed is like %q:\n%s", g.name, b.line, line, out)
		}
	}
}

// program runs a whole program that a page shows, with an interpreter.
func (s *stage) program(b block, folder, file string, with ...string) string {
	s.t.Helper()
	path := filepath.Join(folder, file)
	if err := os.WriteFile(path, []byte(s.put(b.text)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	out, err := s.command(with[0], append(with[1:], path)...)
	if err != nil {
		s.t.Fatalf("line %d: %v\n%s", b.line, err, out)
	}
	return out
}
