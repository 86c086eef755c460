package e2e

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// TestForgeImport moves repositories to a real forge from the command line.
func TestForgeImport(t *testing.T) {
	f := newForge(t)
	for _, c := range []struct {
		name string
		run  func(*testing.T, *forge)
	}{
		{"history", forgeHistory},
		{"default branch", forgeDefaultBranch},
		{"missing or refused", forgeRefuses},
		{"large files", forgeLFS},
		{"another author map", forgeMaps},
		{"stays in step", forgeSync},
		{"somebody else", forgeDiverges},
		{"protected", forgeProtects},
		{"back out again", forgeBack},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, f) })
	}
}

// Every branch, tag and note arrives, over HTTP or from a folder, in a repository that is private unless said otherwise.
func forgeHistory(t *testing.T, f *forge) {
	testenv.Rich(t, f.source("rich"), "sha1")
	origin := testenv.ServeGit(t, f.root, testenv.Options{})
	f.moves(t, "--create", origin+"/rich.git", f.at("ada/rich"), "--receipt", "rich.json", "--verify", "objects")
	f.has(t, "ada/rich", f.source("rich"))
	if f.setting(t, "ada/rich", "private") != true {
		t.Error("it is not private")
	}
	text, err := os.ReadFile(filepath.Join(f.root, "rich.json"))
	if err != nil || !bytes.Contains(text, []byte(f.at("ada/rich"))) || !bytes.Contains(text, []byte(`"verified":"objects"`)) {
		t.Errorf("receipt: %v\n%s", err, text)
	}
	f.Organisation(t, f.user, "inc")
	f.moves(t, "--create", "--visibility", "public", f.source("rich"), f.at("inc/rich"))
	f.has(t, "inc/rich", f.source("rich"))
	if f.setting(t, "inc/rich", "private") != false {
		t.Error("it is not public")
	}
	f.Repository(t, "ada", "made-before")
	f.moves(t, f.source("rich"), f.at("ada/made-before"))
	f.has(t, "ada/made-before", f.source("rich"))
	f.rehome(t, f.token, "import", f.source("rich"), f.at("ada/none")).fails(t, "destination", "404", "--create")
	f.hasNothing(t, "ada/none")
}

// The default branch is that of the source, or has the name that was asked for.
func forgeDefaultBranch(t *testing.T, f *forge) {
	testenv.Synthetic(t, f.source("trunk"), "sha1", testenv.Size{Commits: 120})
	f.moves(t, "--create", f.source("trunk"), f.at("ada/trunk"))
	f.moves(t, "--create", "--default-branch", "main", f.source("trunk"), f.at("ada/main"))
	f.moves(t, "--create", "--default-branch", "topic-1", f.source("trunk"), f.at("ada/topic"))
	for name, want := range map[string]string{"ada/trunk": "trunk", "ada/main": "main", "ada/topic": "topic-1"} {
		if got := testenv.Git(t, f.clone(t, name), "symbolic-ref", "HEAD"); got != "refs/heads/"+want || f.setting(t, name, "default_branch") != want {
			t.Errorf("%s: HEAD is %s, and the forge says %v", name, got, f.setting(t, name, "default_branch"))
		}
	}
	if out := testenv.Git(t, f.clone(t, "ada/main"), "for-each-ref", "refs/heads/trunk"); out != "" {
		t.Errorf("trunk is there, too: %s", out)
	}
}

// Whoever may not push is told so, and what to do.
func forgeRefuses(t *testing.T, f *forge) {
	from := f.source("trunk")
	f.Repository(t, "ada", "refuses")
	to := f.at("ada/refuses")
	f.rehome(t, "-", "import", from, to).fails(t, "The destination wants a user name and password", "REHOME_DEST_PASSWORD")
	f.rehome(t, "wrong-token-canary", "import", from, to).fails(t, "The destination refuses the user name and password (status 401)", "Check them")
	f.rehome(t, f.NewToken(t, f.user, "read:repository"), "import", from, to).fails(t, "status 403", "may write to this repository")
	f.rehome(t, f.NewToken(t, f.user, "write:repository"), "import", "--create", from, f.at("ada/unmade")).fails(t, "required=[write:organization]", "write:user")
	f.rehome(t, f.token, "import", "--create", from, f.at("nobody/unmade")).fails(t, "no organisation nobody", "Make the organisation")
	f.rehome(t, f.token, "import", "--create", "--visibility", "internal", from, f.at("ada/unmade")).fails(t, "no internal", "private or public")
	f.hasNothing(t, "ada/unmade")
	if refs := testenv.Git(t, "", "ls-remote", f.signed("ada/refuses")); refs != "" {
		t.Errorf("something was pushed: %s", refs)
	}
	f.moves(t, from, to)
	f.has(t, "ada/refuses", from)
	f.moves(t, "--dest-user", "ada", from, to)
}

// Git LFS objects of the source arrive, and so do those that large files become.
func forgeLFS(t *testing.T, f *forge) {
	objects := &testenv.LFS{}
	film := strings.Repeat("a train arrives at a station\n", 40)
	o := objects.Add(film)
	testenv.FromStream(t, f.source("films"), "sha1", "commit refs/heads/trunk\ncommitter A <a@example.com> 1700000000 +0000\ndata 1\nm\n"+
		testenv.Inline(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")+testenv.Inline("film.bin", string(lfs.AppendPointer(nil, o))))
	origin := testenv.ServeGit(t, f.root, testenv.Options{Wrap: objects.Before})
	f.moves(t, "--create", "--verify", "bytes", origin+"/films.git", f.at("ada/films"))
	f.has(t, "ada/films", f.source("films"))
	f.checksOut(t, "ada/films", map[string]string{"film.bin": film})

	testenv.FromStream(t, f.source("large"), "sha1", "commit refs/heads/trunk\ncommitter A <a@example.com> 1700000000 +0000\ndata 1\nm\n"+
		testenv.Inline("large.dat", film)+testenv.Inline("notes", "short\n"))
	f.moves(t, "--create", "--large-files", "lfs", "--large-files-over", "100", "--verify", "bytes", f.source("large"), f.at("ada/large"))
	f.checksOut(t, "ada/large", map[string]string{"large.dat": film, "notes": "short\n"})
	pointer := testenv.Git(t, f.clone(t, "ada/large"), "cat-file", "blob", "trunk:large.dat")
	if !strings.HasPrefix(pointer, "version https://git-lfs.github.com/spec/v1") {
		t.Errorf("history still has the file: %.80s", pointer)
	}
}

// checksOut clones with git-lfs and wants files with these texts.
func (f *forge) checksOut(t *testing.T, name string, files map[string]string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "work")
	testenv.Git(t, "", "-c", "filter.lfs.process=git-lfs filter-process", "-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "filter.lfs.required=true",
		"clone", "-q", f.signed(name), dir)
	for file, want := range files {
		if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != want {
			t.Errorf("%s: %v, %.80q", file, err, got)
		}
	}
}

// An author map and then another one: the second push brings the new commits and tags, and nothing else.
func forgeMaps(t *testing.T, f *forge) {
	from, g := f.source("mapped"), newGate(t, f)
	testenv.Synthetic(t, from, "sha1", testenv.Size{Commits: 600})
	args := []string{"--create", from, g.at("ada/mapped"), "--state", "mapped", "--commit-map", "map", "--authors"}
	authors := filepath.Join(f.root, "authors")
	for _, name := range []string{"First", "Second"} {
		if err := os.WriteFile(authors, []byte(people(name)), 0o644); err != nil {
			t.Fatal(err)
		}
		f.moves(t, append(args, authors)...)
		sent := g.take()
		dir := f.clone(t, "ada/mapped")
		if out := testenv.Git(t, dir, "log", "--all", "--format=%an%n%cn"); strings.Contains(out, "Author") || !strings.Contains(out, name+" 7") {
			t.Fatalf("the authors are not %s:\n%.300s", name, out)
		}
		if got, want := testenv.Git(t, dir, "rev-list", "--all", "--count"), testenv.Git(t, from, "rev-list", "--all", "--count"); got != want {
			t.Errorf("%s commits, want %s", got, want)
		}
		if want := historySize(t, dir); name == "Second" && sent > want+want/10+16<<10 {
			t.Errorf("%d bytes were sent, and the commits and tags have %d", sent, want)
		}
	}
}

// historySize is how many bytes git packs the commits and tags of a repository into.
func historySize(t *testing.T, dir string) int64 {
	t.Helper()
	list := testenv.Git(t, dir, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)")
	var ids strings.Builder
	for line := range strings.Lines(list) {
		if kind, id, _ := strings.Cut(line, " "); kind == "commit" || kind == "tag" {
			ids.WriteString(id)
		}
	}
	return int64(len(testenv.GitBytes(t, dir, strings.NewReader(ids.String()), "pack-objects", "-q", "--stdout", "--no-reuse-delta", "--window=0")))
}

// With a state folder the same command brings what is new, and only that.
func forgeSync(t *testing.T, f *forge) {
	from, g := f.source("steps"), newGate(t, f)
	testenv.Synthetic(t, from, "sha1", testenv.Size{Commits: 400})
	args := []string{"--create", from, g.at("ada/steps"), "--state", "steps"}
	f.moves(t, args...)
	whole := g.take()
	testenv.Grow(t, from, "refs/heads/trunk", "new.txt", 3)
	testenv.Grow(t, from, "refs/heads/fresh", "fresh.txt", 2)
	testenv.Git(t, from, "tag", "v9", "trunk")
	f.moves(t, args...)
	f.has(t, "ada/steps", from)
	if sent := g.take(); sent > 8<<10 {
		t.Errorf("%d bytes were sent for five commits, %d for all", sent, whole)
	}
	f.moves(t, args...)
	if sent := g.take(); sent != 0 {
		t.Errorf("%d bytes were sent for nothing", sent)
	}
	// What is forced or deleted at the source stays at the forge.
	testenv.Git(t, from, "update-ref", "refs/heads/fresh", "trunk~2")
	testenv.Git(t, from, "update-ref", "-d", "refs/tags/v9")
	s := f.rehome(t, f.token, append([]string{"import"}, args...)...)
	if s.code != 3 || !strings.Contains(s.err, "refs/heads/fresh") {
		t.Errorf("exit code %d\n%s", s.code, s.err)
	}
	testenv.Git(t, f.clone(t, "ada/steps"), "rev-parse", "refs/tags/v9", "refs/heads/fresh")
}

// A branch that somebody pushed stays; one of ours that somebody moved is what was chosen.
func forgeDiverges(t *testing.T, f *forge) {
	from := f.source("diverges")
	testenv.Synthetic(t, from, "sha1", testenv.Size{Commits: 60})
	args := []string{"--create", from, f.at("ada/diverges"), "--state", "diverges"}
	f.moves(t, args...)
	theirs := f.push(t, "ada/diverges", "trunk", "theirs")
	testenv.Grow(t, from, "refs/heads/trunk", "a.txt", 1)
	f.moves(t, args...)
	is := func(ref, want string) {
		t.Helper()
		if got := testenv.Git(t, f.clone(t, "ada/diverges"), "rev-parse", ref); got != want {
			t.Errorf("%s is %s, want %s", ref, got, want)
		}
	}
	is("theirs", theirs)
	is("trunk", testenv.Git(t, from, "rev-parse", "trunk"))

	moved := f.push(t, "ada/diverges", "topic-0", "topic-0")
	testenv.Grow(t, from, "refs/heads/topic-0", "b.txt", 1)
	testenv.Grow(t, from, "refs/heads/trunk", "a.txt", 1)
	f.rehome(t, f.token, append([]string{"import"}, args...)...).fails(t, "refs/heads/topic-0", "somebody else", "another name", "--on-divergence")
	s := f.rehome(t, f.token, append([]string{"import", "--on-divergence", "skip"}, args...)...)
	if s.code != 3 || !strings.Contains(s.err, "not carried: refs/heads/topic-0 (") {
		t.Errorf("exit code %d\n%s", s.code, s.err)
	}
	is("topic-0", moved)
	is("trunk", testenv.Git(t, from, "rev-parse", "trunk"))
	f.moves(t, append([]string{"--on-divergence", "overwrite"}, args...)...)
	is("topic-0", testenv.Git(t, from, "rev-parse", "topic-0"))
	is("theirs", theirs)
}

// A protected branch is named with the forge's words and what to do; then the same command goes on.
func forgeProtects(t *testing.T, f *forge) {
	from := f.source("protects")
	testenv.Synthetic(t, from, "sha1", testenv.Size{Commits: 60})
	args := []string{from, f.at("ada/protects"), "--state", "protects"}
	f.Repository(t, "ada", "protects")
	f.Protect(t, "ada", "protects", "topic-0")
	f.rehome(t, f.token, append([]string{"import"}, args...)...).fails(t, "Not allowed to push to protected branch topic-0", "refs/heads/topic-0", "Unprotect")
	testenv.Grow(t, from, "refs/heads/trunk", "later.txt", 1)
	f.moves(t, append([]string{"--exclude-refs", "topic-*"}, args...)...)
	if out := testenv.Git(t, f.clone(t, "ada/protects"), "for-each-ref", "refs/heads/topic-0"); out != "" {
		t.Errorf("it was left out: %s", out)
	}
	f.rehome(t, f.token, append([]string{"import"}, args...)...).fails(t, "refs/heads/topic-0")
	f.Unprotect(t, "ada", "protects", "topic-0")
	testenv.Grow(t, from, "refs/heads/trunk", "latest.txt", 1)
	f.moves(t, args...)
	f.has(t, "ada/protects", from)
	f.Edit(t, "ada", "protects", map[string]any{"archived": true})
	testenv.Grow(t, from, "refs/heads/trunk", "too-late.txt", 1)
	f.rehome(t, f.token, append([]string{"import"}, args...)...).fails(t, "The destination", "unarchive")
}

// A repository leaves the forge as it came, into a folder and to our own host.
func forgeBack(t *testing.T, f *forge) {
	f.moves(t, "--source-user", "ada", f.at("ada/rich"), "back.git")
	if want, have := carried(t, f.source("rich")), carried(t, filepath.Join(f.root, "back.git")); strings.Join(want, "\n") != strings.Join(have, "\n") {
		t.Errorf("refs differ\nsource:\n%s\nhere:\n%s", strings.Join(want, "\n"), strings.Join(have, "\n"))
	}
	s := testServer(t)
	want(t, http.StatusCreated)(call(s.base, adminToken, "POST", "/user/repos", `{"name": "back"}`, nil))
	want(t, http.StatusCreated)(call(s.base, adminToken, "PUT", "/repos/admin/back/import",
		`{"vcs_url": `+strconv.Quote(f.at("ada/films"))+`, "vcs_username": "ada", "vcs_password": `+strconv.Quote(f.token)+`}`, nil))
	if _, err := pollFor(s.base, "admin/back", "complete"); err != nil {
		t.Fatal(err)
	}
	compare(t, f.source("films"), s.base+"/admin/back.git")
	receipt := want(t, http.StatusOK)(call(s.base, adminToken, "GET", "/repos/admin/back/import/receipt", "", nil))
	if bytes.Contains(receipt.body, []byte(f.token)) || !bytes.Contains(receipt.body, []byte(f.at("ada/films"))) {
		t.Errorf("receipt: %s", receipt.body)
	}
}
