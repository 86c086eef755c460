package git

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/protocol"
	"rehome/internal/testenv"
)

// answers is a smart HTTP server that says fixed things, whatever it is asked.
type answers struct {
	info, refs, pack string // of info/refs, ls-refs and fetch
}

func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := readBody(r)
	switch {
	case r.Method == http.MethodGet:
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		io.WriteString(w, a.info)
	case strings.Contains(body, "command=ls-refs"):
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		io.WriteString(w, a.refs)
	default:
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		io.WriteString(w, a.pack)
	}
}

func readBody(r *http.Request) string {
	b, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(b))
	return string(b)
}

func lines(all ...string) string { return open(all...) + "0000" }

// open is lines without the flush packet.
func open(all ...string) string {
	var b bytes.Buffer
	w := protocol.NewWriter(&b)
	for _, l := range all {
		w.Line("%s", l)
	}
	return b.String()
}

func bands(parts ...string) string {
	var b bytes.Buffer
	w := protocol.NewWriter(&b)
	for _, p := range parts {
		w.Data([]byte(p))
	}
	w.Flush()
	return b.String()
}

const service = "001e# service=git-upload-pack\n0000"

// v2 is the advertisement of an honest version 2 server.
var v2 = service + lines("version 2", "ls-refs", "fetch")

func serveAnswers(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/r.git"
}

// onePack returns the pack and the tip of a small repository.
func onePack(t *testing.T) (pack, tip string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 3})
	tip = testenv.Git(t, dir, "rev-parse", "HEAD")
	name := testenv.GitIn(t, dir, strings.NewReader(tip+"\n"), "pack-objects", "-q", "--revs", "p")
	b, err := os.ReadFile(filepath.Join(dir, "p-"+name+".pack"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b), tip
}

// TestAnswers has the forms that honest answers come in, and a byte that flipped. What is not honest: testenv/hostile.
func TestAnswers(t *testing.T) {
	pack, tip := onePack(t)
	refs := lines(tip+" HEAD symref-target:refs/heads/trunk", tip+" refs/heads/trunk")
	good := open("packfile") + bands("\x02Counting\r", "\x01"+pack)
	for name, a := range map[string]answers{
		"version 2":       {v2, refs, good},
		"no service line": {lines("version 2", "ls-refs", "fetch"), refs, good},
		"no sideband":     {service + lines(tip+" HEAD\x00x symref=HEAD:refs/heads/trunk", tip+" refs/heads/trunk"), "", "0008NAK\n" + pack},
	} {
		res, _, err := fetch(t, newGit(t, egress.Policy{}), location(t, serveAnswers(t, a)))
		if err != nil || len(res.Refs) != 1 || res.Head != "refs/heads/trunk" {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
	flipped := answers{v2, refs, open("packfile") + bands("\x01"+pack[:60]+string(pack[60]^4)+pack[61:])}
	_, dir, err := fetch(t, newGit(t, egress.Policy{}), location(t, serveAnswers(t, flipped)))
	wantFailure(t, "flipped byte", dir, err, rehome.CorruptObject)
}

// cut serves what inner says, but ends the connection after so many bytes of POST answers.
type cut struct {
	inner http.Handler
	after int
}

func (c *cut) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	c.inner.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
	if r.Method == http.MethodGet || len(body) <= c.after {
		if r.Method == http.MethodPost {
			c.after -= len(body)
		}
		w.Write(body)
		return
	}
	w.Write(body[:c.after])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func TestCutOffAnywhereLeavesNothing(t *testing.T) {
	pack, tip := onePack(t)
	head := service + lines(tip+" HEAD\x00side-band-64k symref=HEAD:refs/heads/trunk", tip+" refs/heads/trunk")
	var pieces []string
	for b := []byte(pack); len(b) > 0; b = b[min(len(b), 100):] {
		pieces = append(pieces, "\x01"+string(b[:min(len(b), 100)]))
	}
	answer := "0008NAK\n" + bands(pieces...)
	g := newGit(t, egress.Policy{})
	step := max(1, len(answer)/80)
	for after := 0; after < len(answer); after += step {
		url := serveAnswers(t, &cut{inner: answers{info: head, pack: answer}, after: after})
		_, dir, err := fetch(t, g, location(t, url))
		wantFailure(t, fmt.Sprintf("cut after %d of %d", after, len(answer)), dir, err, rehome.SourceCutOff)
	}
}

// The same with git at the other end, and with connections that break in the middle.
func TestRealServerCutOff(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 40})
	g := newGit(t, egress.Policy{})
	for _, version := range []string{"v0", "v2"} {
		whole := testenv.NewServer(t, root, testenv.Options{Protocol: version})
		if _, _, err := fetch(t, g, location(t, whole.URL+"/r.git")); err != nil {
			t.Fatal(err)
		}
		total := whole.Sent()
		for i := range int64(8) {
			after := (total - 400) * (10 - i) / 10 // git's last words may be some bytes longer or shorter
			url := testenv.ServeGit(t, root, testenv.Options{Protocol: version, CutAfter: after}) + "/r.git"
			_, dir, err := fetch(t, g, location(t, url))
			wantFailure(t, fmt.Sprintf("%s cut after %d of %d", version, after, total), dir, err, rehome.SourceCutOff)
		}
	}
}

// Many refs on few objects: each object is asked for once, in a compressed request.
func TestManyRefs(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "r.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 60})
	var updates strings.Builder
	for i, commit := range strings.Fields(testenv.Git(t, dir, "rev-list", "--all")) {
		for j := range 12 {
			fmt.Fprintf(&updates, "create refs/builds/%d/%d %s\n", i, j, commit)
		}
	}
	testenv.GitIn(t, dir, strings.NewReader(updates.String()), "update-ref", "--stdin")
	testenv.Git(t, dir, "pack-refs", "--all")
	var wants, gzipped atomic.Int64
	url := testenv.ServeGit(t, root, testenv.Options{Protocol: "v0", Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Content-Encoding") == "gzip" {
				gzipped.Add(1)
				wants.Store(r.ContentLength)
			}
			h.ServeHTTP(w, r)
		})
	}}) + "/r.git"
	res, got, err := fetch(t, newGit(t, egress.Policy{}), location(t, url))
	if err != nil {
		t.Fatal(err)
	}
	check(t, dir, got, res)
	if gzipped.Load() != 1 || wants.Load() > 60*50 {
		t.Errorf("%d compressed requests, the last of %d bytes", gzipped.Load(), wants.Load())
	}
}

func BenchmarkFetch(b *testing.B) {
	root := b.TempDir()
	testenv.Synthetic(b, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 2000})
	l := location(b, testenv.ServeGit(b, root, testenv.Options{})+"/r.git")
	g := newGit(b, egress.Policy{})
	b.ReportAllocs()
	for b.Loop() {
		res, _, err := fetch(b, g, l)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(res.Received.Bytes)
	}
}
