package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rehome/internal/testenv"
)

// places are where a server keeps what it has: a data folder, and what is in the environment of Postgres and object storage.
type places struct {
	data string
	env  []string // REHOME_DATABASE and REHOME_BUCKET; none for what is in the folder
}

// mover is a server whose data moves from place to place. What it serves stays the same.
type mover struct {
	t      *testing.T
	dir    string
	source string // bare repository
	origin string // its URL
	film   string // what the large file holds
	store  *testenv.Versity
	pg     *testenv.PG
}

// papers are what an import left when it completed.
type papers struct{ receipt, commits string }

const film = "scene after scene "

// TestBackupsMoveBetweenPlaces takes a server with Git LFS objects, a map and a source that wants a password from Postgres and object
// storage to the same elsewhere, to one folder, and from there to Postgres and object storage again. Each is whole, serves the same,
// and its import goes on, with the password that is kept sealed.
func TestBackupsMoveBetweenPlaces(t *testing.T) {
	t.Parallel()
	m := &mover{t: t, dir: t.TempDir(), film: strings.Repeat(film, 500), pg: testenv.Postgres(t), store: testenv.NewVersity(t, "first", "second", "third", "fourth")}
	m.makeSource()
	first := m.places("first", m.pg.NewDatabase(t), "first")
	then := m.begin(first)
	m.run(first, 0, "backup", "--data", first.data, "--with-bucket", "--with-key", "saved")
	said := m.run(first, 0, "backup", "--data", first.data, "--with-key", "rows")
	if !strings.Contains(said, "not in it: Git LFS objects and packs in the bucket: serve with the --bucket that has them\n") {
		t.Errorf("a backup without the bucket says %q", said)
	}
	m.wantNoSecrets("saved", "rows")

	second := m.places("second", m.pg.NewDatabase(t), "second")
	m.restore("saved", second, then)
	folder := m.places("folder", "", "")
	later := m.restore("saved", folder, then)
	m.run(folder, 0, "backup", "--data", folder.data, "--with-key", "again")
	third := m.places("third", m.pg.NewDatabase(t), "third")
	m.restore("again", third, later)
	rest := m.places("rest", m.pg.NewDatabase(t), "first") // the bucket that was not copied
	m.restore("rows", rest, then, "--adopt-bucket")
	m.refusals(second, then)
	m.belongs(second, third)
	m.noTraces(second)
}

// places gives what is to be kept in Postgres and a bucket URLs, with a name for the folder.
func (m *mover) places(name, database, bucket string) places {
	p := places{data: filepath.Join(m.dir, name), env: []string{"AWS_ACCESS_KEY_ID=" + m.store.Key, "AWS_SECRET_ACCESS_KEY=" + m.store.Secret}}
	if database != "" {
		p.env = append(p.env, "REHOME_DATABASE="+database)
	}
	if bucket != "" {
		p.env = append(p.env, "REHOME_BUCKET=s3://"+bucket+"?endpoint="+m.store.URL)
	}
	return p
}

// makeSource makes a repository with a large file, behind a password.
func (m *mover) makeSource() {
	root := filepath.Join(m.dir, "src")
	m.source = filepath.Join(root, "a.git")
	testenv.Synthetic(m.t, m.source, "sha1", testenv.Size{Commits: 60, Files: 15})
	stream := fmt.Sprintf("commit refs/heads/trunk\ncommitter Ada Lovelace <ada@example.com> 1700000000 +0000\ndata 4\nfilm\nfrom refs/heads/trunk^0\n"+
		"M 100644 inline film.bin\ndata %d\n%s\n", len(m.film), m.film)
	testenv.GitIn(m.t, m.source, strings.NewReader(stream), "fast-import", "--quiet")
	m.origin = testenv.ServeGit(m.t, root, testenv.Options{User: "ada", Password: "enigma-7"}) + "/a.git"
}

// run wants an exit code of the program at a place, and returns all that it said.
func (m *mover) run(at places, code int, args ...string) string {
	m.t.Helper()
	cmd := exec.Command(program, append(args[:1:1], append([]string{"--quiet"}, args[1:]...)...)...)
	cmd.Env, cmd.Dir = append(testenv.Env(), at.env...), m.dir
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		m.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		m.t.Fatalf("rehome %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	if strings.Contains(string(out), testenv.PostgresPassword) || strings.Contains(string(out), m.store.Secret) {
		m.t.Errorf("rehome %s tells a password:\n%s", strings.Join(args, " "), out)
	}
	return string(out)
}

// serve starts a server at a place.
func (m *mover) serve(at places) *server {
	m.t.Helper()
	env := append(append(testenv.Env(), "REHOME_ADMIN_TOKEN="+adminToken), at.env...)
	s, err := start(m.dir, env, []string{"--data", at.data, "--allow-network", "127.0.0.1", "--large-files-over", "5000"})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { s.stop(syscall.SIGKILL) })
	return s
}

const movedImport = "/repos/admin/home/import"

// begin imports into a new server, which stays.
func (m *mover) begin(at places) papers {
	m.t.Helper()
	s := m.serve(at)
	want(m.t, 201)(call(s.base, adminToken, "POST", "/user/repos", `{"name": "home"}`, nil))
	want(m.t, 201)(call(s.base, adminToken, "PUT", movedImport, fmt.Sprintf(`{"vcs": "git", "vcs_url": %q, "vcs_username": "ada", "vcs_password": "enigma-7"}`, m.origin), nil))
	m.completes(s)
	want(m.t, 200)(call(s.base, adminToken, "PATCH", movedImport+"/lfs", `{"use_lfs": "opt_in"}`, nil))
	m.completes(s)
	want(m.t, 200)(call(s.base, adminToken, "PUT", movedImport+"/authors", `[{"remote_id": "ada@example.com", "name": "Countess of Lovelace"}]`, nil))
	m.completes(s)
	m.wantFilm(s)
	return m.papers(s)
}

func (m *mover) completes(s *server) {
	m.t.Helper()
	if _, err := pollFor(s.base, "admin/home", "complete"); err != nil {
		m.t.Fatalf("%v\n%s", err, s.said)
	}
}

func (m *mover) papers(s *server) papers {
	m.t.Helper()
	return papers{m.document(s, "/receipt"), m.document(s, "/commit_map")}
}

func (m *mover) document(s *server, name string) string {
	m.t.Helper()
	return string(want(m.t, 200)(call(s.base, adminToken, "GET", movedImport+name, "", nil)).body)
}

// wantFilm clones with git-lfs and wants every byte of the large file.
func (m *mover) wantFilm(s *server) {
	m.t.Helper()
	to := m.t.TempDir()
	settings := filepath.Join(to, "gitconfig")
	text := lfsSettings + "[http \"" + s.base + "/\"]\n\textraHeader = Authorization: token " + adminToken + "\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	cmd := exec.Command("git", "clone", "-q", s.base+"/admin/home.git", filepath.Join(to, "clone"))
	cmd.Env = append(testenv.Env(), "GIT_CONFIG_GLOBAL="+settings)
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("clone: %v\n%s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(to, "clone", "film.bin"))
	if err != nil || string(got) != m.film {
		m.t.Errorf("the clone has %d bytes of the film, want %d: %v", len(got), len(m.film), err)
	}
	if pointer := testenv.Git(m.t, filepath.Join(to, "clone"), "cat-file", "blob", "HEAD:film.bin"); !strings.HasPrefix(pointer, "version https://git-lfs") {
		m.t.Errorf("the commit has no pointer but %q", pointer)
	}
}

// restore makes a server of a backup at a place, wants it to have what the import left, and has that go on.
func (m *mover) restore(from string, at places, then papers, flags ...string) papers {
	m.t.Helper()
	m.run(at, 0, append([]string{"restore", from, "--data", at.data}, flags...)...)
	m.run(at, 0, "check", "--data", at.data, "--read-data")
	s := m.serve(at)
	if got := m.papers(s); got != then {
		m.t.Errorf("%s: there were\n%s\nand are\n%s", at.data, then, got)
	}
	m.wantFilm(s)
	testenv.Grow(m.t, m.source, "refs/heads/trunk", "more.txt", 2)
	want(m.t, 200)(call(s.base, adminToken, "PATCH", movedImport, "", nil))
	m.completes(s)
	now := m.papers(s)
	for line := range strings.Lines(testenv.Git(m.t, m.source, "rev-list", "--all") + "\n") {
		if !strings.Contains(now.commits, strings.TrimSpace(line)) {
			m.t.Errorf("%s: the commit map lacks %s", at.data, line)
		}
	}
	m.wantFilm(s)
	if code, err := s.stop(syscall.SIGTERM); code != 0 || err != nil {
		m.t.Errorf("the server at %s ended with %d, %v\n%s", at.data, code, err, s.said)
	}
	m.run(at, 0, "check", "--data", at.data, "--read-data")
	return now
}

// wantNoSecrets looks for passwords in whole backups, which have the key.
func (m *mover) wantNoSecrets(names ...string) {
	m.t.Helper()
	for _, secret := range []string{testenv.PostgresPassword, m.store.Secret, "enigma-7", adminToken} {
		for _, name := range names {
			cmd := exec.Command("grep", "-rlF", "--", secret, filepath.Join(m.dir, name))
			if out, err := cmd.Output(); err == nil || len(bytes.TrimSpace(out)) > 0 {
				m.t.Errorf("a password is in %s", out)
			}
		}
	}
}

// refusals: nothing is restored over rows that are there, and nothing is left of that in the folder or the database.
func (m *mover) refusals(used places, then papers) {
	m.t.Helper()
	over := places{data: filepath.Join(m.dir, "over"), env: used.env}
	if said := m.run(over, 1, "restore", "saved", "--data", over.data); !strings.Contains(said, "The database is not empty") || !strings.Contains(said, "createdb") {
		m.t.Errorf("over a database in use: %q", said)
	}
	if left, _ := os.ReadDir(over.data); len(left) > 0 {
		m.t.Errorf("left behind: %v", left)
	}
	m.run(used, 0, "check", "--data", used.data)
	away := m.places("away", m.pg.NewDatabase(m.t), "nobody")
	if said := m.run(away, 1, "restore", "saved", "--data", away.data); !strings.Contains(said, "bucket") {
		m.t.Errorf("into a bucket that is not there: %q", said)
	}
	if left, _ := os.ReadDir(away.data); len(left) > 0 {
		m.t.Errorf("left behind: %v", left)
	}
	m.restore("saved", places{data: away.data, env: append(away.env, "REHOME_BUCKET=s3://second?endpoint="+m.store.URL+"&prefix=again")}, then) // its database is as empty as it was
}
