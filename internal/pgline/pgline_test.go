package pgline

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rehome/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dialed returns a connection of lines, and the other side of it.
func dialed(t *testing.T, l *Lines) (here, there net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	here, err = l.Dial(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	there, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		here.Close()
		there.Close()
	})
	return here, there
}

// Nobody answers, though the other side's kernel acknowledges all: a read ends, and a write does once all buffers are full.
func TestSilenceEndsAConnection(t *testing.T) {
	for name, use := range map[string]func(net.Conn) error{
		"read": func(c net.Conn) error {
			_, err := c.Read(make([]byte, 1))
			return err
		},
		"write": func(c net.Conn) (err error) {
			for err == nil {
				_, err = c.Write(make([]byte, 1<<20))
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			here, _ := dialed(t, New(50*time.Millisecond))
			err := use(here)
			var known net.Error
			if !errors.Is(err, ErrSilent) || !errors.As(err, &known) || known.Timeout() {
				t.Errorf("it ended with %v, timeout: %v", err, known != nil && known.Timeout())
			}
			if err := use(here); !errors.Is(err, ErrSilent) {
				t.Errorf("once more: %v", err)
			}
		})
	}
}

// A connection on which nobody waits is not silent, and one that answers goes on. A caller's own deadline is a timeout.
func TestAnswersPass(t *testing.T) {
	for _, silence := range []time.Duration{0, time.Hour} {
		here, there := dialed(t, New(silence))
		got := make([]byte, 2)
		for range 3 {
			if _, err := here.Write([]byte("ask")); err != nil {
				t.Fatal(err)
			}
			if _, err := there.Write([]byte("ok")); err != nil {
				t.Fatal(err)
			}
			if _, err := here.Read(got); err != nil || string(got) != "ok" {
				t.Fatalf("%q, %v", got, err)
			}
		}
		if err := here.SetReadDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		_, err := here.Read(got)
		var known net.Error
		if errors.Is(err, ErrSilent) || !errors.As(err, &known) || !known.Timeout() {
			t.Errorf("a deadline: %v", err)
		}
	}
}

func TestCut(t *testing.T) {
	l := New(0)
	here, there := dialed(t, l)
	ended := make(chan error, 1)
	go func() {
		_, err := here.Read(make([]byte, 1))
		ended <- err
	}()
	l.Cut()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a read ended with %v", err)
	}
	if _, err := there.Read(make([]byte, 1)); err == nil {
		t.Error("the other side was not told")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if c, err := l.Dial(context.Background(), "tcp", listener.Addr().String()); err == nil {
		c.Close()
		t.Error("one more was made")
	}
	l.Cut()
}

func TestClosedLinesAreForgotten(t *testing.T) {
	l := New(time.Hour)
	here, _ := dialed(t, l)
	if len(l.open) != 1 {
		t.Errorf("%d are open, want 1", len(l.open))
	}
	here.Close()
	here.Close()
	if len(l.open) != 0 {
		t.Errorf("%d are open, want none", len(l.open))
	}
}

// The tests' own way that stalls does so with connections it has, and with new ones.
func TestStall(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	way, through := testenv.NewStall(t, "postgres://u:p@"+listener.Addr().String()+"/d")
	address := through[len("postgres://u:p@") : len(through)-len("/d")]
	l := New(50 * time.Millisecond)
	defer l.Cut()
	before, err := l.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	there, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if _, err := there.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := before.Read(make([]byte, 5)); err != nil {
		t.Error(err)
	}
	way.Stop()
	if _, err := there.Write([]byte("lost")); err != nil {
		t.Error(err)
	}
	after, err := l.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{before, after} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, ErrSilent) {
			t.Errorf("it ended with %v", err)
		}
	}
}
