package store_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// cutter stands between a store and its server, and cuts a connection off at its commit.
type cutter struct {
	server string
	cut    atomic.Int32 // what it does at the next commit
	open   sync.WaitGroup
}

const (
	letPass = iota
	cutBefore
	cutAfter
)

// through returns the URL of the database behind c.
func (c *cutter) through(t *testing.T, where string) string {
	t.Helper()
	u, err := url.Parse(where)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.server, u.Host = u.Host, l.Addr().String()
	c.open.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			c.open.Go(func() { c.carry(client) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.open.Wait()
	})
	u.RawQuery = "sslmode=disable"
	return u.String()
}

func (c *cutter) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	answers, mute := &gate{w: client}, make([]byte, 64<<10)
	c.open.Go(func() {
		io.Copy(answers, server) //nolint:errcheck // it ends with either side
		client.Close()
	})
	for {
		n, err := client.Read(mute)
		if err != nil {
			return
		}
		if bytes.Contains(bytes.ToLower(mute[:n]), []byte("commit\x00")) {
			switch c.cut.Swap(letPass) {
			case cutBefore:
				return
			case cutAfter:
				answers.shut.Store(true) // the server's answer closes the line
			}
		}
		if _, err := server.Write(mute[:n]); err != nil {
			return
		}
	}
}

// gate passes on what is written until it is shut.
type gate struct {
	w    io.Writer
	shut atomic.Bool
}

func (g *gate) Write(p []byte) (int, error) {
	if g.shut.Load() {
		return 0, io.ErrClosedPipe
	}
	return g.w.Write(p)
}

// A commit whose answer is lost is neither called kept nor lost; the row tells which it was.
func TestCommitIsCutOff(t *testing.T) {
	var line cutter
	db := open(t, line.through(t, testenv.Postgres(t).NewDatabase(t)))
	o, err := db.CreateOwner(t.Context(), rehome.Owner{Login: "octocat", Kind: rehome.User})
	if err != nil {
		t.Fatal(err)
	}
	r, err := db.CreateRepository(t.Context(), rehome.Repository{Owner: o, Name: "one"})
	if err != nil {
		t.Fatal(err)
	}
	i, err := db.CreateImport(t.Context(), store.Import{Import: rehome.Import{RepositoryID: r.ID, State: rehome.State{Status: rehome.Importing}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	lease, _, err := db.Acquire(t.Context(), i.ID, "a/1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cut  int32
		want int
	}{{"before it came", cutBefore, 0}, {"before its answer came", cutAfter, 1}} {
		line.cut.Store(c.cut)
		err := advanced(t, db, lease, func() {})
		if !errors.Is(err, store.ErrOutcomeUnknown) || !store.Unavailable(err) {
			t.Errorf("%s: %v", c.name, err)
		}
		row, err := db.ImportByID(t.Context(), i.ID)
		if err != nil || row.Progress.Percent != c.want {
			t.Errorf("%s: %d changes are kept, %v; want %d", c.name, row.Progress.Percent, err, c.want)
		}
	}
	if err := advanced(t, db, lease, func() {}); err != nil {
		t.Errorf("the lease still holds, but %v", err)
	}
}
