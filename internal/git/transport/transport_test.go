package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/object"
	"rehome/internal/git/protocol"
	"rehome/internal/remote"
	"rehome/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var wide = protocol.Limits{Refs: 1000, Bytes: 1 << 20}

// speaker returns a Transport that may reach loopback and does not wait between attempts.
func speaker(t testing.TB, p egress.Policy, o Options) *Transport {
	t.Helper()
	p.AllowPrivate = true
	client, err := egress.New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	o.Client, o.Version, o.Sleep = client, "test", func(context.Context, time.Duration) error { return nil }
	return New(o)
}

func location(t testing.TB, raw string) remote.Location {
	t.Helper()
	l, err := remote.Parse("vcs_url", raw)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// refsOf asks the server at hand for its refs, in whatever version it speaks.
func refsOf(t *testing.T, c Conversation) []protocol.Ref {
	t.Helper()
	ad := c.Advertisement()
	if ad.Version < 2 {
		return ad.Refs
	}
	in, err := c.Ask(t.Context(), Request{Write: protocol.LsRefs{Agent: "git/test", Format: ad.Format, Prefixes: []string{"HEAD", "refs/"}}.Encode})
	if err != nil {
		t.Fatal(err)
	}
	refs, err := protocol.ReadLsRefs(in, ad.Format, wide)
	if err != nil {
		t.Fatal(err)
	}
	c.Finish()
	return refs
}

// ways are real servers of the repositories below a folder, by name.
func ways(t *testing.T, root string) (map[string]string, *Transport, map[string]remote.Location) {
	t.Helper()
	ssh := testenv.ServeSSH(t, root, testenv.SSHOptions{})
	at := map[string]string{"ssh": ssh.URL, "git": testenv.ServeDaemon(t, root, "receive-pack"), "local": root, "http": testenv.ServeGit(t, root, testenv.Options{Wrap: gather, Push: true})}
	all := map[string]remote.Location{}
	for name, url := range at {
		if name == "local" {
			all[name] = remote.Location{Path: filepath.Join(root, "r.git")}
			continue
		}
		l := location(t, url+"/r.git")
		if name == "ssh" {
			l.Key = rehome.Secret(ssh.Key)
		}
		all[name] = l
	}
	return at, speaker(t, egress.Policy{}, Options{SSH: SSH{KnownHosts: []string{ssh.KnownHosts}}}), all
}

// gather makes chunked requests whole: CGI has no others.
func gather(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 {
			body, _ := io.ReadAll(r.Body)
			r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		}
		h.ServeHTTP(w, r)
	})
}

func TestEveryWayTellsTheRefs(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 3})
	_, tr, all := ways(t, root)
	want := testenv.ShowRefs(t, filepath.Join(root, "r.git"))
	for name, l := range all {
		c, err := tr.Open(t.Context(), l, Question{Limits: wide})
		if err != nil {
			t.Errorf("%s: %v (%v)", name, err, errors.Unwrap(err))
			continue
		}
		var got []string
		for _, ref := range refsOf(t, c) {
			if ref.Name != "HEAD" {
				got = append(got, ref.ID.String()+" "+ref.Name)
			}
		}
		if c.Advertisement().Version != 2 || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: version %d, %q", name, c.Advertisement().Version, got)
		}
		if at := c.At(); at.String() != l.String() {
			t.Errorf("%s: at %s", name, at)
		}
		if err := c.Close(); name == "http" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// emptyPack is a pack of no objects.
var emptyPack = []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e")

// push makes refs/heads/new at what trunk is at, which needs no object.
func push(t *testing.T, c Conversation, size int64) (protocol.Report, error) {
	t.Helper()
	ad := c.Advertisement()
	i := 0
	for ; ad.Refs[i].Name == "HEAD" || !strings.HasPrefix(ad.Refs[i].Name, "refs/heads/"); i++ {
	}
	p := protocol.Push{Agent: "git/test", Format: ad.Format, Capabilities: ad.Capabilities, Commands: []protocol.Command{{Name: "refs/heads/new", New: ad.Refs[i].ID}}}
	write := func(w io.Writer) error {
		if err := p.Encode(w); err != nil {
			return err
		}
		_, err := w.Write(emptyPack)
		return err
	}
	if size > 0 {
		var b bytes.Buffer
		write(&b) //nolint:errcheck // memory
		size = int64(b.Len())
	}
	in, err := c.Ask(t.Context(), Request{Write: write, Stream: true, Size: size})
	if err != nil {
		return protocol.Report{}, err
	}
	report, err := p.ReadReport(in, nil)
	if err == nil {
		c.Finish()
	}
	return report, err
}

func TestEveryWayTakesAPush(t *testing.T) {
	for _, size := range []int64{-1, 1} {
		root := t.TempDir()
		testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 3})
		_, tr, all := ways(t, root)
		for name, l := range all {
			c, err := tr.Open(t.Context(), l, Question{Service: protocol.ReceivePack, Limits: wide, Peer: Destination})
			if err != nil {
				t.Errorf("%s: %v (%v)", name, err, errors.Unwrap(err))
				continue
			}
			report, err := push(t, c, size)
			if said := c.Close(); err != nil || !report.OK() {
				t.Errorf("%s: %+v, %v, %v", name, report, err, said)
				continue
			}
			testenv.Git(t, filepath.Join(root, "r.git"), "update-ref", "-d", "refs/heads/new")
		}
	}
}

func TestPathsThatAreAsked(t *testing.T) {
	for _, c := range []struct {
		raw, path string
	}{
		{"ssh://h/srv/r.git", "/srv/r.git"},
		{"ssh://h/~me/r.git", "~me/r.git"},
		{"git@h:r.git", "r.git"},
		{"git@h:~me/r.git", "~me/r.git"},
		{"me@h:/srv/it's", "/srv/it's"},
		{"git://h/~me/r", "~me/r"},
		{"git://h/r", "/r"},
	} {
		if got, err := pathOf(location(t, c.raw)); err != nil || got != c.path {
			t.Errorf("%s: %q, %v", c.raw, got, err)
		}
	}
	for _, path := range []string{"", "/-x", "/a\nb", "/a\x00b", "/a\x7f"} {
		l := location(t, "ssh://h/r")
		l.URL.Path, l.Home = path, true
		if got, err := pathOf(l); rehome.CodeOf(err) != rehome.NotARepository {
			t.Errorf("%q: %q, %v", path, got, err)
		}
	}
	if got := quote(`it's "$(x)"!`); got != `'it'\''s "$(x)"'\!''` {
		t.Error(got)
	}
}

// What a path holds reaches the program at the other end as it is, and no shell makes anything of it.
func TestPathsWithQuotes(t *testing.T) {
	const name = "it's $(touch marker) `x` !\"\\ ü.git"
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, name), "sha1", testenv.Size{Commits: 1})
	s := testenv.ServeSSH(t, root, testenv.SSHOptions{})
	tr := speaker(t, egress.Policy{}, Options{SSH: SSH{KnownHosts: []string{s.KnownHosts}}})
	l := location(t, s.URL+"/x")
	l.Key, l.URL.Path = rehome.Secret(s.Key), filepath.Join(root, name)
	c, err := tr.Open(t.Context(), l, Question{Limits: wide})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if home, err := os.UserHomeDir(); err == nil {
		if _, err := os.Stat(filepath.Join(home, "marker")); err == nil {
			t.Error("a shell read the path")
		}
	}
}

func TestSHA256(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha256", testenv.Size{Commits: 1})
	_, tr, all := ways(t, root)
	for name, l := range all {
		for _, s := range []protocol.Service{protocol.UploadPack, protocol.ReceivePack} {
			if name == "http" && s == protocol.ReceivePack {
				continue
			}
			c, err := tr.Open(t.Context(), l, Question{Service: s, Limits: wide})
			if err != nil {
				t.Errorf("%s, %s: %v", name, s, err)
				continue
			}
			if c.Advertisement().Format != object.SHA256 {
				t.Errorf("%s, %s: %v", name, s, c.Advertisement().Format)
			}
			c.Close()
		}
	}
}
