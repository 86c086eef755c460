package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresPassword is that of the user postgres here.
const PostgresPassword = "correct-horse"

// PG is a Postgres server of Debian's on loopback, in a folder of its own that goes with the process, however that ends.
// Safe for concurrent use, but for Kill and Start.
type PG struct {
	bin, dir, address string
	settings          string
	owner             *syscall.Credential // nil for the tests' own user
	keeper            *exec.Cmd           // nil while it is killed
	life              io.WriteCloser      // the server ends with it
	names             atomic.Int64        // of databases
}

// What nobody kills need not outlive a power cut: it waits for no disk.
var sharedPostgres = sync.OnceValues(func() (*PG, error) { return newPostgres("-c fsync=off -c synchronous_commit=off") })

// Postgres returns the server that the tests of this process share. Without Postgres on the machine the test is skipped.
func Postgres(t testing.TB) *PG {
	t.Helper()
	postgresFolder(t)
	p, err := sharedPostgres()
	must(t, err)
	return p
}

// OwnPostgres starts a server for one test, which may kill it. It ends with the test.
func OwnPostgres(t testing.TB) *PG {
	t.Helper()
	postgresFolder(t)
	p, err := newPostgres("")
	must(t, err)
	t.Cleanup(func() {
		p.Kill(t)
		os.RemoveAll(p.dir)
	})
	return p
}

// StartPostgres starts a server for a program that is no test. It ends with the process.
func StartPostgres() (*PG, error) { return newPostgres("") }

// postgresFolder is where Debian puts the programs of the newest Postgres.
func postgresFolder(t testing.TB) string {
	t.Helper()
	all, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	must(t, err)
	if len(all) == 0 {
		t.Skip("there is no Postgres to test with: apt-get install postgresql")
	}
	return all[len(all)-1]
}

func newPostgres(settings string) (p *PG, err error) {
	all, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(all) == 0 {
		return nil, fmt.Errorf("no Postgres: %w", err)
	}
	p = &PG{bin: all[len(all)-1], settings: settings}
	if p.owner, err = postgresUser(); err != nil {
		return nil, err
	}
	// Not in a folder of the test's, which another user cannot reach.
	if p.dir, err = os.MkdirTemp("", "rehome-postgres-"); err != nil {
		return nil, err
	}
	if err = p.init(); err == nil {
		err = p.start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	return p, nil
}

// postgresUser is who runs the server when the tests are root's: Postgres refuses to be that.
func postgresUser() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

func (p *PG) init() error {
	secret := filepath.Join(p.dir, "password")
	if err := os.WriteFile(secret, []byte(PostgresPassword), 0o600); err != nil {
		return err
	}
	if p.owner != nil {
		for _, name := range []string{p.dir, secret} {
			if err := os.Chown(name, int(p.owner.Uid), int(p.owner.Gid)); err != nil {
				return err
			}
		}
	}
	cmd := p.command(filepath.Join(p.bin, "initdb"), "-D", filepath.Join(p.dir, "data"), "-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=password", "--pwfile="+secret)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, said)
	}
	return nil
}

func (p *PG) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = p.dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	// A group of its own: an interrupt at the terminal leaves it the time to clean up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner, Setpgid: true}
	return cmd
}

// keep runs a server until standard input ends, as it does however the test's process ends. Then the folder goes, unless
// it was told to leave it.
const keep = `"$1/postgres" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 \
	-c shared_buffers=32MB $4 >>"$2/log" 2>&1 &
read -r told
kill -QUIT $!
wait $!
[ "$told" = leave ] || rm -rf "$2"`

func (p *PG) start() error {
	if p.address == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		p.address = l.Addr().String()
		if err := l.Close(); err != nil {
			return err
		}
	}
	_, port, err := net.SplitHostPort(p.address)
	if err != nil {
		return err
	}
	keeper := p.command("/bin/sh", "-c", keep, "sh", p.bin, p.dir, port, p.settings)
	if p.life, err = keeper.StdinPipe(); err != nil {
		return err
	}
	if err := keeper.Start(); err != nil {
		return err
	}
	p.keeper = keeper
	return p.ready()
}

// ready waits until the server answers.
func (p *PG) ready() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		var conn *pgx.Conn
		if conn, err = pgx.Connect(ctx, p.url("postgres")); err == nil {
			return conn.Close(ctx)
		}
		time.Sleep(20 * time.Millisecond)
	}
	said, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return fmt.Errorf("postgres does not answer: %w: %s", err, said)
}

func (p *PG) url(database string) string {
	return "postgres://postgres:" + PostgresPassword + "@" + p.address + "/" + database
}

// NewDatabase makes an empty database and returns its URL, with the password. It goes with the server.
func (p *PG) NewDatabase(t testing.TB) string {
	t.Helper()
	return p.Copy(t, p.url("template1"))
}

// Copy is NewDatabase with all that is in another database of the server, in which nobody is.
func (p *PG) Copy(t testing.TB, other string) string {
	t.Helper()
	where, err := p.copy(other)
	must(t, err)
	return where
}

// Database is NewDatabase for a program that is no test.
func (p *PG) Database() (string, error) { return p.copy(p.url("template1")) }

func (p *PG) copy(other string) (string, error) {
	name := fmt.Sprintf("test_%d", p.names.Add(1))
	return p.url(name), p.exec("CREATE DATABASE " + name + " TEMPLATE " + path.Base(other))
}

// TerminateSessions ends every session but its own, whatever they are doing.
func (p *PG) TerminateSessions(t testing.TB) {
	t.Helper()
	must(t, p.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"))
}

func (p *PG) exec(statement string) error {
	conn, err := pgx.Connect(context.Background(), p.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.Background()) //nolint:errcheck // what was asked is done
	_, err = conn.Exec(context.Background(), statement)
	return err
}

// Kill ends the server at once, without a word to anybody or a clean file: the next start recovers. Once it is killed,
// it does nothing.
func (p *PG) Kill(t testing.TB) {
	t.Helper()
	if p.keeper == nil {
		return
	}
	_, err := io.WriteString(p.life, "leave\n")
	must(t, errors.Join(err, p.keeper.Wait()))
	p.keeper = nil
}

// Start starts a killed server again at the same address, with what was committed.
func (p *PG) Start(t testing.TB) {
	t.Helper()
	must(t, p.start())
}
