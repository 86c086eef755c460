package transport

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/protocol"
	"rehome/internal/testenv"
)

func TestGitDaemonRefuses(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 1})
	url := testenv.ServeDaemon(t, root)
	for _, c := range []struct {
		path    string
		service protocol.Service
		says    string
	}{
		{"/missing.git", protocol.UploadPack, "There is no Git repository at this address: the server says \"no such repository: /missing.git\"."},
		{"/r.git", protocol.ReceivePack, "There is no Git repository at this address: the server says \"service not enabled: /r.git\"."},
	} {
		_, err := speaker(t, egress.Policy{}, Options{}).Open(t.Context(), location(t, url+c.path), Question{Service: c.service, Limits: wide})
		if e := rehome.AsError(err); e.Code != rehome.NotARepository || e.Message != c.says {
			t.Errorf("%v, want %s", err, c.says)
		}
	}
}

func TestSilentGitDaemon(t *testing.T) {
	tr := speaker(t, egress.Policy{}, Options{})
	_, err := tr.Open(t.Context(), location(t, "git://"+speaks(t, wait)+"/r"), Question{Limits: wide, Silence: 100 * time.Millisecond})
	if rehome.CodeOf(err) != rehome.Unreachable || !errors.Is(err, egress.ErrLate) {
		t.Errorf("%v", err)
	}
	tr = speaker(t, egress.Policy{}, Options{Patience: 100 * time.Millisecond})
	trickle := func(conn net.Conn) {
		for {
			if _, err := conn.Write([]byte("003f" + strings.Repeat("a", 40) + " refs/heads/abcdefg")); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	_, err = tr.Open(t.Context(), location(t, "git://"+speaks(t, trickle)+"/r"), Question{Limits: wide})
	if e := rehome.AsError(err); e.Code != rehome.Unreachable || !errors.Is(err, egress.ErrLate) {
		t.Errorf("trickle: %v", err)
	}
}

// Silence counts from the end of what is streamed.
func TestSilenceAfterAStream(t *testing.T) {
	url := "git://" + speaks(t, func(conn net.Conn) {
		conn.Write([]byte("003f" + strings.Repeat("a", 40) + " refs/heads/abcdefg0000")) //nolint:errcheck // a test's server
		wait(conn)
	})
	c, err := speaker(t, egress.Policy{}, Options{}).Open(t.Context(), location(t, url+"/r"), Question{Service: protocol.ReceivePack, Limits: wide})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in, err := c.Ask(t.Context(), Request{Stream: true, Size: -1, Silence: 100 * time.Millisecond, Write: func(w io.Writer) error {
		time.Sleep(300 * time.Millisecond)
		_, err := w.Write(make([]byte, 1<<20))
		return err
	}})
	if err != nil {
		t.Fatalf("it was not all sent: %v", err)
	}
	if _, _, err := in.Next(); !errors.Is(err, egress.ErrLate) {
		t.Errorf("%v", err)
	}
}
