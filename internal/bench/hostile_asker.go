package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
)

// asked is what came of requests.
type asked struct {
	Taken times
	Well  int64  // of them with a 200
	Wrong string // what came of the others
}

// innerAsk asks a server so many times a second for one path after the other until standard input ends, in a process of its own:
// a client does not wait for its turn among the sources that the other process is.
func innerAsk(base, rate, paths string) error {
	perSecond, err := strconv.Atoi(rate)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // its end is what counts
		stop()
	}()
	var well atomic.Int64
	s := &server{base: base}
	taken, err := s.ask(ctx, perSecond, strings.Split(paths, ","), func([]byte) error {
		well.Add(1)
		return nil
	})
	said := asked{Taken: taken, Well: well.Load()}
	if err != nil {
		said.Wrong = err.Error()
	}
	return json.NewEncoder(os.Stdout).Encode(said)
}

// askBeside has another process ask until ctx ends.
func (s *server) askBeside(ctx context.Context, rate int, paths []string) (said asked, err error) {
	self, err := os.Executable()
	if err != nil {
		return said, err
	}
	cmd := exec.Command(self, innerCommand, "ask", s.base, strconv.Itoa(rate), strings.Join(paths, ","))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return said, err
	}
	stop := context.AfterFunc(ctx, func() { in.Close() })
	defer stop()
	out, err := cmd.Output()
	return said, errors.Join(err, json.Unmarshal(out, &said))
}
