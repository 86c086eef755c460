package hostile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// places are the cases of repositories on this disk that somebody else prepared. MARKER stands for the path of the marker,
// CANARY for the URL of the canary.
func places() []Case {
	var all []Case
	for _, c := range []struct {
		name, why string
		spoil     func(t testing.TB, dir string, fill *strings.Replacer) string // returns the path to import; "" for dir
		want      Outcome
	}{
		{"place: hooks", "P7", withHooks, complete},
		{"place: settings that run programs", "P7", withSettings, complete},
		{"place: settings that are included", "P7", withIncluded, complete},
		{"place: a remote to fetch what is missing from", "CVE-2024-32004", withPromisor, Outcome{Code: rehome.SourceCutOff}},
		{"place: alternates", "P5", withAlternates, complete},
		{"place: alternates over HTTP", "P5", withWebAlternates, complete},
		{"place: objects behind a link", "CVE-2022-39253", withLinkedObjects, complete},
		{"place: a ref that is a link", "CVE-2022-39253", withLinkedRef, complete},
		{"place: an option for a name", "CVE-2017-1000117", withOptionName, complete},
		{"place: a command for a name", "CVE-2017-1000117", withCommandName, complete},
		{"place: attributes that filter", "P7", withFilters, complete},
		{"place: cut off by a list", "finding 4", withShallow, Outcome{Code: rehome.SourceShallow}},
		{"place: not whole, an object removed", missing, withoutObject, Outcome{Code: rehome.SourceCutOff}},
	} {
		all = append(all, Case{Name: c.name, Why: c.why, Want: c.want, Open: func(t testing.TB, at Ground) Source {
			dir := filepath.Join(at.Dir, "r.git")
			testenv.FromStream(t, dir, "sha1", "commit "+trunk+"\ncommitter A <a@example.com> 1700000000 +0000\ndata 2\nm\n"+testenv.Inline("file", "x\n"))
			path := c.spoil(t, dir, strings.NewReplacer("MARKER", at.Marker, "CANARY", at.Canary))
			if path == "" {
				path = dir
			}
			return Source{Path: path}
		}})
	}
	return all
}

func put(t testing.TB, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// add appends to a file.
func add(t testing.TB, name, text string) {
	t.Helper()
	have, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	put(t, name, string(have)+text, 0o644)
}

func withHooks(t testing.TB, dir string, fill *strings.Replacer) string {
	for _, hook := range []string{"pre-upload", "post-upload-pack", "reference-transaction", "pre-auto-gc", "post-checkout", "update", "pre-receive", "post-update", "proc-receive", "fsmonitor-watchman"} {
		put(t, filepath.Join(dir, "hooks", hook), fill.Replace("#!/bin/sh\ntouch 'MARKER'\n"), 0o755)
	}
	return ""
}

const programs = `
[core]
	fsmonitor = "touch 'MARKER'"
	sshCommand = "touch 'MARKER'"
	gitProxy = "touch 'MARKER'"
	pager = "touch 'MARKER'"
	editor = "touch 'MARKER'"
	askPass = "touch 'MARKER'"
	alternateRefsCommand = "touch 'MARKER'"
	hooksPath = hooks
[uploadpack]
	packObjectsHook = "touch 'MARKER'; exec"
[alias]
	upload-pack = "!touch 'MARKER'"
[credential]
	helper = "!touch 'MARKER'"
[gpg]
	program = "touch 'MARKER'"
[diff]
	external = "touch 'MARKER'"
[remote "origin"]
	uploadpack = "touch 'MARKER'"
	url = "ext::touch 'MARKER'"
`

func withSettings(t testing.TB, dir string, fill *strings.Replacer) string {
	add(t, filepath.Join(dir, "config"), fill.Replace(programs))
	return ""
}

func withIncluded(t testing.TB, dir string, fill *strings.Replacer) string {
	put(t, filepath.Join(dir, "more"), fill.Replace(programs), 0o644)
	add(t, filepath.Join(dir, "config"), "\n[include]\n\tpath = more\n[includeIf \"gitdir:/\"]\n\tpath = more\n")
	return ""
}

// withPromisor lacks an object that a remote is said to have, which is a program.
func withPromisor(t testing.TB, dir string, fill *strings.Replacer) string {
	add(t, filepath.Join(dir, "config"), fill.Replace(programs+"\tpromisor = true\n\tpartialclonefilter = blob:none\n[protocol]\n\tallow = always\n[protocol \"ext\"]\n\tallow = always\n"))
	testenv.Git(t, dir, "config", "core.repositoryformatversion", "1")
	testenv.Git(t, dir, "config", "extensions.partialClone", "origin")
	return withoutObject(t, dir, fill)
}

// withoutObject loses the one file.
func withoutObject(t testing.TB, dir string, _ *strings.Replacer) string {
	blob := testenv.Git(t, dir, "rev-parse", trunk+":file")
	loosen(t, dir)
	if err := os.Remove(filepath.Join(dir, "objects", blob[:2], blob[2:])); err != nil {
		t.Fatal(err)
	}
	return ""
}

// loosen has every object in a file of its own.
func loosen(t testing.TB, dir string) {
	t.Helper()
	packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range packs {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, ext := range []string{".pack", ".idx", ".rev"} {
			os.Remove(strings.TrimSuffix(name, ".pack") + ext)
		}
		testenv.GitIn(t, dir, strings.NewReader(string(b)), "unpack-objects", "-q")
	}
}

// withAlternates has all of its objects in another folder.
func withAlternates(t testing.TB, dir string, _ *strings.Replacer) string {
	move(t, dir)
	put(t, filepath.Join(dir, "objects", "info", "alternates"), "../../elsewhere\n/nonexistent\n/dev/null\n", 0o644)
	return ""
}

func withWebAlternates(t testing.TB, dir string, fill *strings.Replacer) string {
	put(t, filepath.Join(dir, "objects", "info", "http-alternates"), fill.Replace("CANARY/objects\n"), 0o644)
	put(t, filepath.Join(dir, "objects", "info", "alternates"), fill.Replace("CANARY/objects\n"), 0o644)
	return ""
}

// move puts the objects elsewhere and leaves an empty folder.
func move(t testing.TB, dir string) string {
	t.Helper()
	elsewhere := filepath.Join(filepath.Dir(dir), "elsewhere")
	if err := os.Rename(filepath.Join(dir, "objects"), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "objects"), 0o755); err != nil {
		t.Fatal(err)
	}
	return elsewhere
}

func withLinkedObjects(t testing.TB, dir string, _ *strings.Replacer) string {
	elsewhere := move(t, dir)
	if err := os.Remove(filepath.Join(dir, "objects")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(dir, "objects")); err != nil {
		t.Fatal(err)
	}
	return ""
}

func withLinkedRef(t testing.TB, dir string, _ *strings.Replacer) string {
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "refs", "heads", "a")); err != nil {
		t.Fatal(err)
	}
	return ""
}

func withOptionName(t testing.TB, dir string, fill *strings.Replacer) string {
	return renamed(t, dir, "--upload-pack=touch marker")
}

func withCommandName(t testing.TB, dir string, fill *strings.Replacer) string {
	return renamed(t, dir, "x;touch marker;$(touch marker)`touch marker`\n|touch marker")
}

func renamed(t testing.TB, dir, name string) string {
	t.Helper()
	to := filepath.Join(filepath.Dir(dir), name)
	if err := os.Rename(dir, to); err != nil {
		t.Fatal(err)
	}
	return to
}

func withFilters(t testing.TB, dir string, fill *strings.Replacer) string {
	add(t, filepath.Join(dir, "config"), fill.Replace("[filter \"x\"]\n\tclean = touch 'MARKER'\n\tsmudge = touch 'MARKER'\n\tprocess = touch 'MARKER'\n\trequired = true\n[diff \"x\"]\n\ttextconv = touch 'MARKER'\n[merge \"x\"]\n\tdriver = touch 'MARKER'\n"))
	put(t, filepath.Join(dir, "info", "attributes"), "* filter=x diff=x merge=x\n", 0o644)
	testenv.GitIn(t, dir, strings.NewReader("commit "+trunk+"\ncommitter A <a@example.com> 1700000000 +0000\ndata 2\nm\nfrom "+trunk+"^0\n"+testenv.Inline(".gitattributes", "* filter=x diff=x merge=x\n")), "fast-import", "--quiet")
	return ""
}

func withShallow(t testing.TB, dir string, _ *strings.Replacer) string {
	put(t, filepath.Join(dir, "shallow"), testenv.Git(t, dir, "rev-parse", trunk)+"\n", 0o644)
	return ""
}
